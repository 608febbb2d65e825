//! Sales, tills, shifts.

use kasir_core::Reply;
use kasir_core::money::Currency;
use kasir_core::records::{Refund, RefundedLine, Sale, Shift, Tender, TenderTotal, Till};
use kasir_core::reply::Sold;

use super::booking::{lines, totals};
use super::{all, money, number, responses, time, time_if};
use crate::contract as pb;

responses! {
    CreateSalesResponse = Reply::Sales { results, more } => Self { results: all(results), more };
    CreateTillResponse = Reply::Till(till) => Self { till: Some(till.into()) };
    OpenShiftResponse = Reply::Shift(shift) => Self { shift: Some(shift.into()) };
    CreateTillSaleResponse = Reply::Sale(sale) => Self { sale: Some(sale.into()) };
    RefundSaleResponse = Reply::Refund(refund) => Self { refund: Some(refund.into()) };
    RecordCashMovementResponse = Reply::Shift(shift) => Self { shift: Some(shift.into()) };
    CloseShiftResponse = Reply::Shift(shift) => Self { shift: Some(shift.into()) };
}

impl From<Sold> for pb::CreateSalesResult {
    fn from(sold: Sold) -> Self {
        let order_id = sold.order_id.0;
        match sold.result {
            Ok((sale, parcel_id)) => {
                Self { order_id, sale: Some(sale.into()), parcel_id: parcel_id.0, error: None }
            }
            Err(refusal) => Self { order_id, error: Some(refusal.into()), ..Self::default() },
        }
    }
}

fn tender(tender: Tender, currency: Currency) -> pb::Tender {
    pb::Tender {
        kind: number(tender.kind.number()),
        amount: money(tender.amount_minor, currency),
        reference: tender.reference,
    }
}

impl From<Sale> for pb::Sale {
    fn from(sale: Sale) -> Self {
        let currency = sale.currency;
        Self {
            sale_id: sale.sale_id.0,
            order_id: sale.order_id.0,
            till_id: sale.till_id.0,
            shift_id: sale.shift_id.0,
            customer_id: sale.customer_id.0,
            lines: lines(sale.lines, currency),
            totals: totals(sale.totals, currency),
            tenders: sale.tenders.into_iter().map(|each| tender(each, currency)).collect(),
            change: money(sale.change_minor, currency),
            channel: number(sale.channel.number()),
            cashier: sale.cashier,
            points_earned: sale.points_earned,
            create_time: time(sale.create_ms),
            unique_code_amount: money(sale.unique_code_minor, currency),
            written_off: money(sale.written_off_minor, currency),
            receipt: sale.receipt,
            sold_time: time_if(sale.sold_ms),
            charged_difference: money(sale.charged_difference_minor, currency),
            refunded: sale.refunded.into_iter().map(|each| refunded(each, currency)).collect(),
        }
    }
}

fn refunded(line: RefundedLine, currency: Currency) -> pb::RefundedLine {
    pb::RefundedLine { quantity: line.quantity, total: money(line.total_minor, currency) }
}

impl From<Refund> for pb::Refund {
    fn from(refund: Refund) -> Self {
        let currency = refund.currency;
        let (places, goods): (Vec<_>, Vec<_>) =
            refund.lines.into_iter().map(|line| ((line.line, line.damaged), line.goods)).unzip();
        let lines = places.into_iter().zip(lines(goods, currency)).map(|((line, damaged), goods)| {
            let line = i32::try_from(line).unwrap_or(i32::MAX);
            pb::RefundLine { line, goods: Some(goods), damaged }
        });
        Self {
            refund_id: refund.refund_id.0,
            sale_id: refund.sale_id.0,
            receipt: refund.receipt,
            till_id: refund.till_id.0,
            shift_id: refund.shift_id.0,
            customer_id: refund.customer_id.0,
            lines: lines.collect(),
            totals: totals(refund.totals, currency),
            tenders: refund.tenders.into_iter().map(|each| tender(each, currency)).collect(),
            points_returned: refund.points_returned,
            points_taken: refund.points_taken,
            points_lacking: refund.points_lacking,
            reason: refund.reason,
            approved_by: refund.approved_by,
            cashier: refund.cashier,
            create_time: time_if(refund.create_ms),
        }
    }
}

impl From<Till> for pb::Till {
    fn from(till: Till) -> Self {
        Self {
            till_id: till.till_id.0,
            code: till.code,
            location_id: till.location_id.0,
            open_shift_id: till.open_shift_id.0,
        }
    }
}

fn tender_total(total: &TenderTotal, currency: Currency) -> pb::TenderTotal {
    pb::TenderTotal {
        kind: number(total.kind.number()),
        count: total.count,
        amount: money(total.amount_minor, currency),
    }
}

impl From<Shift> for pb::Shift {
    fn from(shift: Shift) -> Self {
        let currency = shift.currency;
        let expected = shift.expected_cash_minor();
        let counted = shift.counted_cash_minor;
        Self {
            shift_id: shift.shift_id.0,
            till_id: shift.till_id.0,
            cashier: shift.cashier,
            open_time: time(shift.open_ms),
            close_time: time_if(shift.close_ms),
            opening_cash: money(shift.opening_cash_minor, currency),
            sale_count: shift.sale_count,
            sale_total: money(shift.sale_total_minor, currency),
            tax_total: money(shift.tax_total_minor, currency),
            discount_total: money(shift.discount_total_minor, currency),
            tenders: shift.tenders.iter().map(|each| tender_total(each, currency)).collect(),
            cash_in: money(shift.cash_in_minor, currency),
            cash_out: money(shift.cash_out_minor, currency),
            expected_cash: money(expected, currency),
            counted_cash: counted.and_then(|minor| money(minor, currency)),
            difference: counted.and_then(|minor| money(minor - expected, currency)),
            refund_count: shift.refund_count,
            refund_total: money(shift.refund_total_minor, currency),
            refund_tax_total: money(shift.refund_tax_minor, currency),
            refund_tenders: shift.refund_tenders.iter().map(|each| tender_total(each, currency)).collect(),
        }
    }
}
