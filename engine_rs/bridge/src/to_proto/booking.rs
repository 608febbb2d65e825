//! Book Orders and what they are made of.

use kasir_core::Reply;
use kasir_core::money::Currency;
use kasir_core::query::Quote;
use kasir_core::records::{Allocation, Line, Order, Totals};

use super::{each, money, number, responses, time};
use crate::contract as pb;

responses! {
    CreateBookingResponse = Reply::Order(order) => Self { order: Some(order.into()) };
    BatchCreateBookingsResponse = Reply::Orders(results) => {
        let results = results.into_iter().map(|result| {
            let (order, error) = each(result);
            pb::BatchCreateBookingsResult { order, error }
        });
        Self { results: results.collect() }
    };
    ExtendBookingResponse = Reply::Order(order) => Self { order: Some(order.into()) };
    CancelBookingResponse = Reply::Order(order) => Self { order: Some(order.into()) };
}

/// Lines priced in a currency.
pub(super) fn lines(lines: Vec<Line>, currency: Currency) -> Vec<pb::OrderLine> {
    lines.into_iter().map(|each| line(each, currency)).collect()
}

fn line(line: Line, currency: Currency) -> pb::OrderLine {
    pb::OrderLine {
        item_id: line.item_id.0,
        sku: line.sku,
        name: line.name,
        quantity: line.quantity,
        unit_price: money(line.unit_price_minor, currency),
        discount: money(line.discount_minor, currency),
        tax: money(line.tax_minor, currency),
        tax_included: line.tax_included,
        total: money(line.total_minor, currency),
        location_id: line.location_id.0,
        drop_order_id: line.drop_order_id.0,
        tax_code: line.tax_code,
    }
}

/// What is to pay, in a currency.
#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
pub(super) fn totals(totals: Totals, currency: Currency) -> Option<pb::Totals> {
    Some(pb::Totals {
        goods: money(totals.goods_minor, currency),
        discount: money(totals.discount_minor, currency),
        tax: money(totals.tax_minor, currency),
        tax_added: money(totals.tax_added_minor, currency),
        shipping: money(totals.shipping_minor, currency),
        total: money(totals.total_minor, currency),
    })
}

fn allocation(allocation: Allocation, currency: Currency) -> pb::Allocation {
    pb::Allocation {
        mutation_id: allocation.mutation_id.0,
        method: allocation.method,
        reference: allocation.reference,
        amount: money(allocation.amount_minor, currency),
        create_time: time(allocation.create_ms),
        write_off: (allocation.write_off_minor != 0)
            .then(|| money(allocation.write_off_minor, currency))
            .flatten(),
    }
}

impl From<Order> for pb::Order {
    fn from(order: Order) -> Self {
        let currency = order.currency;
        let allocations = order.allocations.into_iter().map(|each| allocation(each, currency));
        Self {
            order_id: order.order_id.0,
            state: number(order.state.number()),
            version: order.version,
            customer_id: order.customer_id.0,
            customer_name: order.customer_name,
            customer_phone: order.customer_phone,
            customer_email: order.customer_email,
            address: order.address.map(Into::into),
            lines: lines(order.lines, currency),
            totals: totals(order.totals, currency),
            unique_code: order.unique_code,
            payable: money(order.payable_minor, currency),
            paid: money(order.paid_minor, currency),
            allocations: allocations.collect(),
            channel: number(order.channel.number()),
            bank_account_id: order.bank_account_id.0,
            courier_id: order.courier_id.0,
            courier_service: order.courier_service,
            expire_time: time(order.expire_ms),
            sale_id: order.sale_id.0,
            parcel_id: order.parcel_id.0,
            booked_by: order.booked_by,
            note: order.note,
            create_time: time(order.create_ms),
            update_time: time(order.update_ms),
            cancel_reason: order.cancel_reason,
            refund_reference: order.refund_reference,
            written_off: money(order.written_off_minor, currency),
        }
    }
}

impl From<Quote> for pb::QuoteBookingResponse {
    fn from(quote: Quote) -> Self {
        Self { lines: lines(quote.lines, quote.currency), totals: totals(quote.totals, quote.currency) }
    }
}

impl From<Quote> for pb::QuoteTillSaleResponse {
    fn from(quote: Quote) -> Self {
        Self { lines: lines(quote.lines, quote.currency), totals: totals(quote.totals, quote.currency) }
    }
}
