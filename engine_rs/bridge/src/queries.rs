//! Questions of the contract, answered from a snapshot by the core's queries.

use kasir_core::ids::{
    BankAccountId, CustomerId, DropOrderId, HoldId, ItemId, LocationId, ManifestId, MutationId, OrderId,
    ParcelId, PrintJobId, RefundId, SaleId, ShiftId,
};
use kasir_core::query::{self, Page, Paged};
use kasir_core::records::Customer;
use kasir_core::refusal::Outcome;
use kasir_core::{Refusal, View};
use prost::Message;

use crate::contract as pb;
use crate::from_proto::{booking_input, till_sale_input};
use crate::to_proto::{all, customer};

/// A message that asks and changes nothing.
pub(crate) trait Query: Message + Default {
    /// Its name in the contract.
    const NAME: &'static str;
    /// What answers it.
    type Response: Message;

    /// The answer as of `now_ms`: what fell due before it is over, even if the writer has not ended it yet.
    fn answer(self, view: &dyn View, now_ms: i64) -> Outcome<Self::Response>;
}

/// Says for each question how it is answered: `Request -> Response = |request, view| answer`, `now_ms` where time counts.
macro_rules! queries {
    ($($request:ident -> $response:ident = |$asked:ident, $view:ident $(, $now_ms:ident)?| $answer:expr;)*) => {$(
        impl Query for pb::$request {
            const NAME: &'static str = concat!("kasir.v1.", stringify!($request));
            type Response = pb::$response;

            #[allow(unused_variables, reason = "few questions have a time")]
            fn answer(self, $view: &dyn View, now_ms: i64) -> Outcome<pb::$response> {
                let $asked = self;
                $(let $now_ms = now_ms;)?
                Ok($answer)
            }
        }
    )*};
}

/// A page of rows: `page!(Response { field } = paged)`.
macro_rules! page {
    ($response:ident { $field:ident } = $paged:expr) => {{
        let paged = $paged;
        let next_page_token = paged.token();
        pb::$response { $field: all(paged.rows), next_page_token }
    }};
}

fn page_of(page_size: i32, page_token: &str) -> Outcome<Page> {
    Page::list(page_size, page_token)
}

/// Customers with their credit in the shop's currency, and the token of the next page.
fn customers(view: &dyn View, paged: Paged<Customer>) -> Outcome<(Vec<pb::Customer>, String)> {
    let shop_currency = query::settings(view)?.currency;
    let next_page_token = paged.token();
    Ok((paged.rows.into_iter().map(|row| customer(row, shop_currency)).collect(), next_page_token))
}

// Catalogue and stock.
queries! {
    ListTaxClassesRequest -> ListTaxClassesResponse = |asked, view| {
        let page = Page::small_list(asked.page_size, &asked.page_token)?;
        page!(ListTaxClassesResponse { tax_classes } = query::list_tax_classes(view, &page)?)
    };
    GetItemRequest -> GetItemResponse = |asked, view| {
        use pb::get_item_request::Name;
        let item = match asked.name {
            Some(Name::ItemId(id)) => query::item_by_id(view, ItemId(id))?,
            Some(Name::Sku(sku)) => query::item_by_sku(view, &sku)?,
            Some(Name::Barcode(barcode)) => query::item_by_barcode(view, &barcode)?,
            None => return Err(query::name_missing().into()),
        };
        pb::GetItemResponse { item: Some(item.into()) }
    };
    FindItemsRequest -> FindItemsResponse = |asked, view| {
        let page = Page::find(asked.page_size, &asked.page_token)?;
        page!(FindItemsResponse { items } = query::find_items(view, &asked.query, asked.in_stock_only, &page)?)
    };
    ListItemsRequest -> ListItemsResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        page!(ListItemsResponse { items } = query::list_items(view, asked.to_reorder_only, &page)?)
    };
    ListAlternativesRequest -> ListAlternativesResponse = |asked, view| {
        let items = query::alternatives(view, ItemId(asked.item_id), asked.page_size)?;
        pb::ListAlternativesResponse { items: all(items) }
    };
    ListLocationsRequest -> ListLocationsResponse = |asked, view| {
        let page = Page::small_list(asked.page_size, &asked.page_token)?;
        page!(ListLocationsResponse { locations } = query::list_locations(view, &page)?)
    };
    GetStockRequest -> GetStockResponse = |asked, view| {
        pb::GetStockResponse { stocks: all(query::stocks_of_item(view, ItemId(asked.item_id))?) }
    };
    ListStocksRequest -> ListStocksResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        page!(ListStocksResponse { stocks } = query::list_stocks(view, LocationId(asked.location_id), &page)?)
    };
    ListHoldsRequest -> ListHoldsResponse = |asked, view, now_ms| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        page!(ListHoldsResponse { holds } = query::list_holds(view, ItemId(asked.item_id), now_ms, &page)?)
    };
    GetHoldRequest -> GetHoldResponse = |asked, view, now_ms| {
        pb::GetHoldResponse { hold: Some(query::hold(view, HoldId(asked.hold_id), now_ms)?.into()) }
    };
}

// Drop Orders and Book Orders.
queries! {
    GetDropOrderRequest -> GetDropOrderResponse = |asked, view| {
        let drop_order = query::drop_order(view, DropOrderId(asked.drop_order_id))?;
        pb::GetDropOrderResponse { drop_order: Some(drop_order.into()) }
    };
    ListDropOrdersRequest -> ListDropOrdersResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        let from = LocationId(asked.from_location_id);
        page!(ListDropOrdersResponse { drop_orders } = query::list_drop_orders(view, asked.state, from, &page)?)
    };
    QuoteBookingRequest -> QuoteBookingResponse = |asked, view, now_ms| {
        let booking = booking_input(asked.booking.unwrap_or_default(), format_args!("booking"))?;
        query::quote_booking(view, &booking, now_ms)?.into()
    };
    GetBookingRequest -> GetBookingResponse = |asked, view| {
        pb::GetBookingResponse { order: Some(query::booking(view, OrderId(asked.order_id))?.into()) }
    };
    ListBookingsRequest -> ListBookingsResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        let customer_id = CustomerId(asked.customer_id);
        page!(ListBookingsResponse { orders } = query::list_bookings(view, asked.state, customer_id, &page)?)
    };
}

// Customers and bank mutations.
queries! {
    GetCustomerRequest -> GetCustomerResponse = |asked, view| {
        use pb::get_customer_request::Name;
        let found = match asked.name {
            Some(Name::CustomerId(id)) => query::customer_by_id(view, CustomerId(id))?,
            Some(Name::Phone(phone)) => query::customer_by_phone(view, &phone)?,
            None => return Err(query::name_missing().into()),
        };
        pb::GetCustomerResponse { customer: Some(customer(found, query::settings(view)?.currency)) }
    };
    ListCustomersRequest -> ListCustomersResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        let (customers, next_page_token) = customers(view, query::list_customers(view, &page)?)?;
        pb::ListCustomersResponse { customers, next_page_token }
    };
    ListCreditsRequest -> ListCreditsResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        let (customers, next_page_token) = customers(view, query::list_credits(view, &page)?)?;
        pb::ListCreditsResponse { customers, next_page_token }
    };
    ListMessagesRequest -> ListMessagesResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        page!(ListMessagesResponse { messages } = query::list_messages(view, asked.state, &page)?)
    };
    ListBankAccountsRequest -> ListBankAccountsResponse = |asked, view| {
        let page = Page::small_list(asked.page_size, &asked.page_token)?;
        page!(ListBankAccountsResponse { bank_accounts } = query::list_bank_accounts(view, &page)?)
    };
    ListColumnMappingsRequest -> ListColumnMappingsResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        let account = BankAccountId(asked.bank_account_id);
        page!(ListColumnMappingsResponse { column_mappings } =
            query::list_column_mappings(view, account, &page)?)
    };
    GetMutationRequest -> GetMutationResponse = |asked, view| {
        let mutation = query::mutation(view, MutationId(asked.mutation_id))?;
        pb::GetMutationResponse { mutation: Some(mutation.into()) }
    };
    ListMutationsRequest -> ListMutationsResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        let account = BankAccountId(asked.bank_account_id);
        page!(ListMutationsResponse { mutations } = query::list_mutations(view, account, asked.state, &page)?)
    };
}

// Sales and tills.
queries! {
    GetSaleRequest -> GetSaleResponse = |asked, view| {
        let found = match asked.sale_id {
            0 if !asked.receipt.is_empty() => query::sale_by_receipt(view, &asked.receipt)?,
            id => query::sale(view, SaleId(id))?,
        };
        pb::GetSaleResponse { sale: Some(found.into()) }
    };
    ListSalesRequest -> ListSalesResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        page!(ListSalesResponse { sales } = query::list_sales(view, ShiftId(asked.shift_id), &page)?)
    };
    ListTillsRequest -> ListTillsResponse = |asked, view| {
        let page = Page::small_list(asked.page_size, &asked.page_token)?;
        page!(ListTillsResponse { tills } = query::list_tills(view, &page)?)
    };
    QuoteTillSaleRequest -> QuoteTillSaleResponse = |asked, view| {
        query::quote_till_sale(view, &till_sale_input(asked.sale.unwrap_or_default())?)?.into()
    };
    QuoteRefundRequest -> QuoteRefundResponse = |asked, view| {
        let refund = query::quote_refund(view, &asked.refund.unwrap_or_default().into())?;
        pb::QuoteRefundResponse { refund: Some(refund.into()) }
    };
    GetRefundRequest -> GetRefundResponse = |asked, view| {
        pb::GetRefundResponse { refund: Some(query::refund(view, RefundId(asked.refund_id))?.into()) }
    };
    ListRefundsRequest -> ListRefundsResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        page!(ListRefundsResponse { refunds } = query::list_refunds(view, SaleId(asked.sale_id), &page)?)
    };
    GetShiftRequest -> GetShiftResponse = |asked, view| {
        pb::GetShiftResponse { shift: Some(query::shift(view, ShiftId(asked.shift_id))?.into()) }
    };
    ListShiftsRequest -> ListShiftsResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        page!(ListShiftsResponse { shifts } = query::list_shifts(view, &page)?)
    };
}

// Parcels, paper, reports, settings.
queries! {
    ListCouriersRequest -> ListCouriersResponse = |asked, view| {
        let page = Page::small_list(asked.page_size, &asked.page_token)?;
        page!(ListCouriersResponse { couriers } = query::list_couriers(view, &page)?)
    };
    GetParcelRequest -> GetParcelResponse = |asked, view| {
        use pb::get_parcel_request::Name;
        let parcel = match asked.name {
            Some(Name::ParcelId(id)) => query::parcel_by_id(view, ParcelId(id))?,
            Some(Name::AirwayBill(airway_bill)) => query::parcel_by_airway_bill(view, &airway_bill)?,
            Some(Name::OrderId(id)) => query::parcel_by_order(view, OrderId(id))?,
            None => return Err(query::name_missing().into()),
        };
        pb::GetParcelResponse { parcel: Some(parcel.into()) }
    };
    ListParcelsRequest -> ListParcelsResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        let paged = query::list_parcels(view, asked.label_state, asked.airway_bill_state, &page)?;
        page!(ListParcelsResponse { parcels } = paged)
    };
    GetManifestRequest -> GetManifestResponse = |asked, view| {
        let found = query::manifest(view, ManifestId(asked.manifest_id))?;
        pb::GetManifestResponse { manifest: Some(found.into()) }
    };
    GetPrintJobRequest -> GetPrintJobResponse = |asked, view| {
        pb::GetPrintJobResponse { job: Some(query::print_job(view, PrintJobId(asked.print_job_id))?.into()) }
    };
    ListPrintJobsRequest -> ListPrintJobsResponse = |asked, view| {
        let page = page_of(asked.page_size, &asked.page_token)?;
        page!(ListPrintJobsResponse { jobs } = query::list_print_jobs(view, asked.state, &page)?)
    };
    GetDayReportRequest -> GetDayReportResponse = |asked, view, now_ms| {
        query::day_report(view, &asked.date, now_ms)?.into()
    };
    GetMonthReportRequest -> GetMonthReportResponse = |asked, view, now_ms| {
        query::month_report(view, &asked.month, now_ms)?.into()
    };
    GetOpenMoneyRequest -> GetOpenMoneyResponse = |_asked, view| {
        pb::GetOpenMoneyResponse { open_money: all(query::open_money(view)?) }
    };
    GetSettingsRequest -> GetSettingsResponse = |_asked, view| {
        pb::GetSettingsResponse { settings: Some(query::settings(view)?.into()) }
    };
}

/// Reads a question, or refuses bytes that are not it.
pub(crate) fn read<Q: Query>(body: &[u8]) -> Result<Q, Refusal> {
    crate::from_proto::message(Q::NAME, body)
}
