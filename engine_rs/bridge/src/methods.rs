//! Every method of the contract that Rust answers, in one table: commands go to the writer, queries to a snapshot.

use std::collections::HashMap;
use std::sync::LazyLock;

use kasir_core::refusal::Outcome;
use kasir_core::{Fault, Refusal, Reply, View};
use prost::Message;

use crate::contract as pb;
use crate::from_proto::{self, Request};
use crate::queries::{self, Query};
use crate::to_proto::CommandResponse;

type Decode = fn(&[u8]) -> Result<Request, Refusal>;
type Encode = fn(Reply, &dyn View) -> Result<Vec<u8>, Fault>;
type Ask = fn(&[u8], &dyn View, i64) -> Outcome<Vec<u8>>;

/// A method that changes something.
#[derive(Debug)]
pub(crate) struct CommandMethod {
    /// "/kasir.v1.BookingService/CreateBooking".
    pub(crate) name: &'static str,
    /// Reads a request.
    pub(crate) decode: Decode,
    /// Writes the reply.
    pub(crate) encode: Encode,
    /// The messages it takes and gives.
    #[cfg(test)]
    messages: [&'static str; 2],
}

/// A method that only reads.
#[derive(Debug)]
pub(crate) struct QueryMethod {
    /// "/kasir.v1.BookingService/GetBooking".
    pub(crate) name: &'static str,
    /// Reads a request and answers it as of a time in Unix milliseconds.
    pub(crate) answer: Ask,
    /// The messages it takes and gives.
    #[cfg(test)]
    messages: [&'static str; 2],
}

/// The command of this name.
pub(crate) fn command(name: &str) -> Option<&'static CommandMethod> {
    static BY_NAME: LazyLock<HashMap<&str, &CommandMethod>> =
        LazyLock::new(|| COMMANDS.iter().map(|method| (method.name, method)).collect());
    BY_NAME.get(name).copied()
}

/// The query of this name.
pub(crate) fn query(name: &str) -> Option<&'static QueryMethod> {
    static BY_NAME: LazyLock<HashMap<&str, &QueryMethod>> =
        LazyLock::new(|| QUERIES.iter().map(|method| (method.name, method)).collect());
    BY_NAME.get(name).copied()
}

fn encode<R: CommandResponse>(reply: Reply, view: &dyn View) -> Result<Vec<u8>, Fault> {
    Ok(R::from_reply(reply, view)?.encode_to_vec())
}

fn answer<Q: Query<Response = R>, R: Message>(body: &[u8], view: &dyn View, now_ms: i64) -> Outcome<Vec<u8>> {
    Ok(queries::read::<Q>(body)?.answer(view, now_ms)?.encode_to_vec())
}

macro_rules! commands {
    ($($service:ident / $name:ident: $request:ident => $response:ident;)*) => {
        /// Every method that `submit` answers.
        pub(crate) const COMMANDS: &[CommandMethod] = &[$(
            CommandMethod {
                name: concat!("/kasir.v1.", stringify!($service), "/", stringify!($name)),
                decode: from_proto::request::<pb::$request>,
                encode: encode::<pb::$response>,
                #[cfg(test)]
                messages: [stringify!($request), stringify!($response)],
            },
        )*];
    };
}

macro_rules! queries {
    ($($service:ident / $name:ident: $request:ident => $response:ident;)*) => {
        /// Every method that `query` answers.
        pub(crate) const QUERIES: &[QueryMethod] = &[$(
            QueryMethod {
                name: concat!("/kasir.v1.", stringify!($service), "/", stringify!($name)),
                answer: answer::<pb::$request, pb::$response>,
                #[cfg(test)]
                messages: [stringify!($request), stringify!($response)],
            },
        )*];
    };
}

commands! {
    AdminService / UpdateSettings: UpdateSettingsRequest => UpdateSettingsResponse;
    CatalogueService / CreateTaxClass: CreateTaxClassRequest => CreateTaxClassResponse;
    CatalogueService / CreateItem: CreateItemRequest => CreateItemResponse;
    CatalogueService / BatchCreateItems: BatchCreateItemsRequest => BatchCreateItemsResponse;
    CatalogueService / UpdateItem: UpdateItemRequest => UpdateItemResponse;
    StockService / CreateLocation: CreateLocationRequest => CreateLocationResponse;
    StockService / ReceiveStock: ReceiveStockRequest => ReceiveStockResponse;
    StockService / AdjustStock: AdjustStockRequest => AdjustStockResponse;
    StockService / TransferStock: TransferStockRequest => TransferStockResponse;
    StockService / CreateHold: CreateHoldRequest => CreateHoldResponse;
    StockService / BatchCreateHolds: BatchCreateHoldsRequest => BatchCreateHoldsResponse;
    StockService / ReleaseHold: ReleaseHoldRequest => ReleaseHoldResponse;
    DropOrderService / RequestDropOrder: RequestDropOrderRequest => RequestDropOrderResponse;
    DropOrderService / HandOverDropOrder: HandOverDropOrderRequest => HandOverDropOrderResponse;
    DropOrderService / RejectDropOrder: RejectDropOrderRequest => RejectDropOrderResponse;
    DropOrderService / CancelDropOrder: CancelDropOrderRequest => CancelDropOrderResponse;
    DropOrderService / ReleaseDropOrder: ReleaseDropOrderRequest => ReleaseDropOrderResponse;
    DropOrderService / ReturnDropOrder: ReturnDropOrderRequest => ReturnDropOrderResponse;
    BookingService / CreateBooking: CreateBookingRequest => CreateBookingResponse;
    BookingService / BatchCreateBookings: BatchCreateBookingsRequest => BatchCreateBookingsResponse;
    BookingService / ExtendBooking: ExtendBookingRequest => ExtendBookingResponse;
    BookingService / CancelBooking: CancelBookingRequest => CancelBookingResponse;
    CustomerService / CreateCustomer: CreateCustomerRequest => CreateCustomerResponse;
    CustomerService / UpdateCustomer: UpdateCustomerRequest => UpdateCustomerResponse;
    CustomerService / EraseCustomer: EraseCustomerRequest => EraseCustomerResponse;
    CustomerService / ReportMessage: ReportMessageRequest => ReportMessageResponse;
    ReconciliationService / CreateBankAccount: CreateBankAccountRequest => CreateBankAccountResponse;
    ReconciliationService / SetMatchingRules: SetMatchingRulesRequest => SetMatchingRulesResponse;
    ReconciliationService / SaveColumnMapping: SaveColumnMappingRequest => SaveColumnMappingResponse;
    ReconciliationService / DeleteColumnMapping: DeleteColumnMappingRequest => DeleteColumnMappingResponse;
    ReconciliationService / ImportMutations: ImportMutationsRequest => ImportMutationsResponse;
    ReconciliationService / ProposeMatches: ProposeMatchesRequest => ProposeMatchesResponse;
    ReconciliationService / ConfirmMatches: ConfirmMatchesRequest => ConfirmMatchesResponse;
    ReconciliationService / MatchMutation: MatchMutationRequest => MatchMutationResponse;
    ReconciliationService / JoinMutations: JoinMutationsRequest => JoinMutationsResponse;
    ReconciliationService / UndoMatch: UndoMatchRequest => UndoMatchResponse;
    ReconciliationService / IgnoreMutation: IgnoreMutationRequest => IgnoreMutationResponse;
    ReconciliationService / RecordPayment: RecordPaymentRequest => RecordPaymentResponse;
    ReconciliationService / RefundOrder: RefundOrderRequest => RefundOrderResponse;
    SaleService / CreateSales: CreateSalesRequest => CreateSalesResponse;
    TillService / CreateTill: CreateTillRequest => CreateTillResponse;
    TillService / OpenShift: OpenShiftRequest => OpenShiftResponse;
    TillService / CreateTillSale: CreateTillSaleRequest => CreateTillSaleResponse;
    TillService / RefundSale: RefundSaleRequest => RefundSaleResponse;
    TillService / RecordCashMovement: RecordCashMovementRequest => RecordCashMovementResponse;
    TillService / CloseShift: CloseShiftRequest => CloseShiftResponse;
    ShippingService / CreateCourier: CreateCourierRequest => CreateCourierResponse;
    ShippingService / PrintLabels: PrintLabelsRequest => PrintLabelsResponse;
    ShippingService / CreateManifest: CreateManifestRequest => CreateManifestResponse;
    ShippingService / RequestAirwayBill: RequestAirwayBillRequest => RequestAirwayBillResponse;
    ShippingService / AssignAirwayBill: AssignAirwayBillRequest => AssignAirwayBillResponse;
    ShippingService / ReportAirwayBill: ReportAirwayBillRequest => ReportAirwayBillResponse;
    ShippingService / HandOverParcel: HandOverParcelRequest => HandOverParcelResponse;
    ShippingService / DeliverParcel: DeliverParcelRequest => DeliverParcelResponse;
    PrintService / ReportPrintJob: ReportPrintJobRequest => ReportPrintJobResponse;
    PrintService / BatchReportPrintJobs: BatchReportPrintJobsRequest => BatchReportPrintJobsResponse;
    PrintService / SettlePrintJob: SettlePrintJobRequest => SettlePrintJobResponse;
    PrintService / ReprintDocument: ReprintDocumentRequest => ReprintDocumentResponse;
}

queries! {
    AdminService / GetSettings: GetSettingsRequest => GetSettingsResponse;
    CatalogueService / ListTaxClasses: ListTaxClassesRequest => ListTaxClassesResponse;
    CatalogueService / GetItem: GetItemRequest => GetItemResponse;
    CatalogueService / FindItems: FindItemsRequest => FindItemsResponse;
    CatalogueService / ListItems: ListItemsRequest => ListItemsResponse;
    CatalogueService / ListAlternatives: ListAlternativesRequest => ListAlternativesResponse;
    StockService / ListLocations: ListLocationsRequest => ListLocationsResponse;
    StockService / GetStock: GetStockRequest => GetStockResponse;
    StockService / ListStocks: ListStocksRequest => ListStocksResponse;
    StockService / GetHold: GetHoldRequest => GetHoldResponse;
    StockService / ListHolds: ListHoldsRequest => ListHoldsResponse;
    DropOrderService / GetDropOrder: GetDropOrderRequest => GetDropOrderResponse;
    DropOrderService / ListDropOrders: ListDropOrdersRequest => ListDropOrdersResponse;
    BookingService / QuoteBooking: QuoteBookingRequest => QuoteBookingResponse;
    BookingService / GetBooking: GetBookingRequest => GetBookingResponse;
    BookingService / ListBookings: ListBookingsRequest => ListBookingsResponse;
    CustomerService / GetCustomer: GetCustomerRequest => GetCustomerResponse;
    CustomerService / ListCustomers: ListCustomersRequest => ListCustomersResponse;
    CustomerService / ListCredits: ListCreditsRequest => ListCreditsResponse;
    CustomerService / ListMessages: ListMessagesRequest => ListMessagesResponse;
    ReconciliationService / ListBankAccounts: ListBankAccountsRequest => ListBankAccountsResponse;
    ReconciliationService / ListColumnMappings: ListColumnMappingsRequest => ListColumnMappingsResponse;
    ReconciliationService / GetMutation: GetMutationRequest => GetMutationResponse;
    ReconciliationService / ListMutations: ListMutationsRequest => ListMutationsResponse;
    SaleService / GetSale: GetSaleRequest => GetSaleResponse;
    SaleService / ListSales: ListSalesRequest => ListSalesResponse;
    TillService / ListTills: ListTillsRequest => ListTillsResponse;
    TillService / QuoteTillSale: QuoteTillSaleRequest => QuoteTillSaleResponse;
    TillService / QuoteRefund: QuoteRefundRequest => QuoteRefundResponse;
    TillService / GetRefund: GetRefundRequest => GetRefundResponse;
    TillService / ListRefunds: ListRefundsRequest => ListRefundsResponse;
    TillService / GetShift: GetShiftRequest => GetShiftResponse;
    TillService / ListShifts: ListShiftsRequest => ListShiftsResponse;
    ShippingService / ListCouriers: ListCouriersRequest => ListCouriersResponse;
    ShippingService / GetParcel: GetParcelRequest => GetParcelResponse;
    ShippingService / GetManifest: GetManifestRequest => GetManifestResponse;
    ShippingService / ListParcels: ListParcelsRequest => ListParcelsResponse;
    PrintService / GetPrintJob: GetPrintJobRequest => GetPrintJobResponse;
    PrintService / ListPrintJobs: ListPrintJobsRequest => ListPrintJobsResponse;
    ReportService / GetDayReport: GetDayReportRequest => GetDayReportResponse;
    ReportService / GetMonthReport: GetMonthReportRequest => GetMonthReportResponse;
    ReportService / GetOpenMoney: GetOpenMoneyRequest => GetOpenMoneyResponse;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use kasir_core::{Memory, Reason, Stop};

    use super::*;

    /// Methods that are in neither table: streams, and what is about the engine rather than the shop.
    const SERVER_ANSWERS: [&str; 13] = [
        "/kasir.v1.AdminService/CreateSnapshot",
        "/kasir.v1.AdminService/GetStatus",
        "/kasir.v1.AdminService/VerifyStore",
        crate::stream_commands::NAME,
        "/kasir.v1.CustomerService/WatchMessages",
        "/kasir.v1.DropOrderService/WatchDropOrders",
        "/kasir.v1.HardwareService/ListDevices",
        "/kasir.v1.HardwareService/ReportDeviceStates",
        "/kasir.v1.HardwareService/WatchDevices",
        "/kasir.v1.PrintService/WatchPrintJobs",
        "/kasir.v1.ReconciliationService/ImportStatement",
        "/kasir.v1.ShippingService/WatchAirwayBillRequests",
        "/kasir.v1.WatchService/Watch",
    ];

    /// Every method of the contract with the messages it takes and gives, as the .proto files say.
    fn contract() -> BTreeMap<String, [String; 2]> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/kasir/v1");
        let mut methods = BTreeMap::new();
        for entry in fs::read_dir(folder).expect("the contract stands beside the crates") {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let mut service = String::new();
            for line in text.lines().map(str::trim) {
                if let Some(rest) = line.strip_prefix("service ") {
                    service = rest.trim_end_matches('{').trim().to_owned();
                } else if let Some(rest) = line.strip_prefix("rpc ") {
                    let words: Vec<&str> = rest.split(['(', ')']).map(str::trim).collect();
                    let [name, request, _, response, ..] = words[..] else { panic!("{line} is no rpc") };
                    let messages =
                        [request, response].map(|word| word.trim_start_matches("stream ").to_owned());
                    methods.insert(format!("/kasir.v1.{service}/{name}"), messages);
                }
            }
        }
        methods
    }

    fn table() -> BTreeMap<&'static str, [&'static str; 2]> {
        let commands = COMMANDS.iter().map(|method| (method.name, method.messages));
        let queries = QUERIES.iter().map(|method| (method.name, method.messages));
        let table: BTreeMap<_, _> = commands.chain(queries).collect();
        assert_eq!(table.len(), COMMANDS.len() + QUERIES.len(), "a method stands twice");
        table
    }

    #[test]
    fn every_method_of_the_contract_is_answered() {
        let (contract, table) = (contract(), table());
        assert!(contract.len() > 90, "only {} methods were found", contract.len());
        for (name, messages) in &contract {
            match table.get(name.as_str()) {
                Some(known) => assert_eq!(known, messages, "{name}"),
                // Agents answer these, each on its own machine.
                None if name.starts_with("/kasir.v1.StationService/") => {}
                // Its server does, where it keeps watch.
                None if name.starts_with("/kasir.v1.AccessService/") => {}
                None => assert!(SERVER_ANSWERS.contains(&name.as_str()), "nobody answers {name}"),
            }
        }
        for name in table.keys().chain(&SERVER_ANSWERS) {
            assert!(contract.contains_key(*name), "{name} is not in the contract");
        }
        assert!(SERVER_ANSWERS.iter().all(|name| !table.contains_key(name)));
    }

    #[test]
    fn methods_are_found_by_their_full_name_only() {
        assert!(command("/kasir.v1.BookingService/CreateBooking").is_some());
        assert!(query("/kasir.v1.BookingService/CreateBooking").is_none());
        assert!(query("/kasir.v1.BookingService/GetBooking").is_some());
        assert!(command("/kasir.v1.BookingService/GetBooking").is_none());
        for wrong in
            ["", "CreateBooking", "kasir.v1.BookingService/CreateBooking", "/kasir.v1.WatchService/Watch"]
        {
            assert!(command(wrong).is_none() && query(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn garbage_is_refused_by_every_method() {
        // Field 1 of wire type 7, which does not exist; a length that runs past the end; text that is not UTF-8.
        for garbage in [&b"\x0f"[..], b"\x0a\xff\xff\xff\xff\x0f", b"\xff\xff\xff"] {
            for method in COMMANDS {
                let refusal = (method.decode)(garbage).expect_err(method.name);
                assert_eq!(refusal.reason, Reason::MessageMalformed, "{}", method.name);
                let expected = ("expected", format!("kasir.v1.{}", method.messages[0]));
                assert!(refusal.details.contains(&expected), "{refusal:?}");
            }
            for method in QUERIES {
                match (method.answer)(garbage, &Memory::default(), 0).expect_err(method.name) {
                    Stop::Refused(refusal) => {
                        assert_eq!(refusal.reason, Reason::MessageMalformed, "{}", method.name);
                    }
                    Stop::Fault(fault) => panic!("{}: {fault}", method.name),
                }
            }
        }
    }

    #[test]
    fn every_command_needs_a_request_id() {
        // A request without any field, and one with field 1 (request_id in every command) set to "x".
        for (body, reason) in [(&b""[..], Reason::FieldRequired), (b"\x0a\x01x", Reason::FieldMalformed)] {
            for method in COMMANDS {
                let refusal = (method.decode)(body).expect_err(method.name);
                assert_eq!(refusal.reason, reason, "{}", method.name);
                assert!(refusal.details.contains(&("field", "request_id".to_owned())), "{}", method.name);
            }
        }
    }

    #[test]
    fn an_empty_request_with_an_id_becomes_a_command() {
        let body = [&b"\x0a\x2401234567-89ab-cdef-0123-456789abcdef"[..]].concat();
        for method in COMMANDS {
            let request = (method.decode)(&body).expect(method.name);
            assert_eq!(request.request_id, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes());
        }
    }

    #[test]
    fn a_reply_of_another_kind_is_never_told() {
        let wrong = || Reply::PrintJobs { accepted: 1, refused: Vec::new() };
        for method in COMMANDS.iter().filter(|method| !method.name.ends_with("/BatchReportPrintJobs")) {
            let fault = (method.encode)(wrong(), &Memory::default()).expect_err(method.name);
            let Fault::Corrupt(message) = fault else { panic!("{fault}") };
            assert!(message.ends_with("was answered with PrintJobs"), "{message}");
        }
    }
}
