//! What can be asked: one variant per mutating method of the contract, with the contract's fields.
//!
//! Inputs are as the caller sent them: unchecked numbers, raw codes. `decide` checks them and names the field.

use crate::ids::{
    BankAccountId, ColumnMappingId, CourierId, CustomerId, DropOrderId, HoldId, ItemId, LocationId,
    MutationId, OrderId, ParcelId, PrintJobId, SaleId, ShiftId, TaxClassId, TillId,
};
use crate::records::{Address, Proposal};

/// An amount as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoneyInput {
    pub currency_code: String,
    pub minor_units: i64,
}

/// Units of one line of a sale to give back.
#[derive(Debug, Clone, Default)]
pub struct RefundLineInput {
    pub line: i32,
    pub quantity: i64,
    pub damaged: bool,
}

/// See `TillService.RefundSale`; `kind` is the contract's number.
#[derive(Debug, Clone, Default)]
pub struct RefundInput {
    pub shift_id: ShiftId,
    pub sale_id: SaleId,
    pub lines: Vec<RefundLineInput>,
    pub kind: i32,
    pub reference: String,
    pub reason: String,
    pub approved_by: String,
}

/// See `AdminService.UpdateSettings`.
#[derive(Debug, Clone, Default)]
pub struct SettingsInput {
    pub shop_name: String,
    pub shop_address: String,
    pub currency_code: String,
    pub utc_offset_ms: i64,
    pub booking_duration_ms: i64,
    pub hold_duration_ms: i64,
    pub payable_cooldown_ms: i64,
    pub reminder_before_ms: i64,
    pub points_per_minor: i64,
    pub point_value_minor: i64,
    pub version: i64,
}

/// A tax class as sent; `mode` is the contract's number.
#[derive(Debug, Clone, Default)]
pub struct TaxClassInput {
    pub code: String,
    pub name: String,
    pub rate_basis_points: i32,
    pub mode: i32,
}

/// A price as sent.
#[derive(Debug, Clone, Default)]
pub struct PriceInput {
    pub price_list: String,
    pub min_quantity: i64,
    pub amount: Option<MoneyInput>,
}

/// An item as sent; `item_id` and `version` count in updates only.
#[derive(Debug, Clone, Default)]
pub struct ItemInput {
    pub item_id: ItemId,
    pub sku: String,
    pub name: String,
    pub category: String,
    pub barcodes: Vec<String>,
    pub prices: Vec<PriceInput>,
    pub tax_class_id: TaxClassId,
    pub weight_grams: i64,
    pub inactive: bool,
    pub reorder_point: i64,
    pub version: i64,
}

/// A location as sent; `kind` is the contract's number.
#[derive(Debug, Clone, Default)]
pub struct LocationInput {
    pub code: String,
    pub name: String,
    pub kind: i32,
}

/// So many units of one item.
#[derive(Debug, Clone, Copy, Default)]
pub struct StockLine {
    pub item_id: ItemId,
    pub quantity: i64,
}

/// A hold as sent.
#[derive(Debug, Clone, Default)]
pub struct HoldInput {
    pub item_id: ItemId,
    pub location_id: LocationId,
    pub quantity: i64,
    pub owner: String,
    /// `None`: the shop's default.
    pub expire_ms: Option<i64>,
    /// Ends with it; 0 is none.
    pub replaced_hold_id: HoldId,
}

/// Where a line's goods come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// Not said.
    #[default]
    Missing,
    /// A location's stock.
    Location(LocationId),
    /// A Drop Order.
    DropOrder(DropOrderId),
    /// A hold.
    Hold(HoldId),
}

/// One line asked for.
#[derive(Debug, Clone, Default)]
pub struct LineInput {
    pub source: Source,
    pub item_id: ItemId,
    pub quantity: i64,
    pub discount: Option<MoneyInput>,
    /// At a till only.
    pub charge: Option<ChargeInput>,
}

/// What a till charged by, as sent.
#[derive(Debug, Clone, Default)]
pub struct ChargeInput {
    pub unit_price: Option<MoneyInput>,
    pub tax_class_id: TaxClassId,
}

/// A booking as sent; `channel` is the contract's number.
#[derive(Debug, Clone, Default)]
pub struct BookingInput {
    pub customer_id: CustomerId,
    pub customer_name: String,
    pub customer_phone: String,
    pub customer_email: String,
    pub address: Option<Address>,
    pub lines: Vec<LineInput>,
    pub channel: i32,
    pub price_list: String,
    pub shipping: Option<MoneyInput>,
    pub courier_id: CourierId,
    pub courier_service: String,
    pub bank_account_id: BankAccountId,
    pub expire_ms: Option<i64>,
    pub note: String,
}

/// A customer as sent; id and version count in updates only.
#[derive(Debug, Clone, Default)]
pub struct CustomerInput {
    pub customer_id: CustomerId,
    pub name: String,
    pub phone: String,
    pub email: String,
    pub address: Option<Address>,
    pub version: i64,
}

/// A bank account as sent.
#[derive(Debug, Clone, Default)]
pub struct BankAccountInput {
    pub bank: String,
    pub number: String,
    pub holder: String,
    pub currency_code: String,
    pub unique_code_min: i32,
    pub unique_code_max: i32,
    pub unique_code_subtracts: bool,
}

/// A column mapping as sent; whoever sends it has read it.
#[derive(Debug, Clone, Default)]
pub struct ColumnMappingInput {
    pub bank_account_id: BankAccountId,
    pub name: String,
    pub mapping: String,
}

/// A mutation as sent.
#[derive(Debug, Clone, Default)]
pub struct MutationInput {
    pub date: String,
    pub amount: Option<MoneyInput>,
    pub balance: Option<MoneyInput>,
    pub description: String,
    pub bank_reference: String,
    pub pending: bool,
    pub occurrence: i32,
    pub value_date: String,
    pub counterparty: String,
    /// `bank_reference` is given once, ever.
    pub reference_is_unique: bool,
    pub entry: Option<EntryInput>,
}

/// The entry of a statement that a mutation is a part of, as sent.
#[derive(Debug, Clone, Default)]
pub struct EntryInput {
    pub reference: String,
    pub amount: Option<MoneyInput>,
    pub occurrence: i32,
}

/// What an account's shop allows when money is matched, as sent.
#[derive(Debug, Clone, Default)]
pub struct MatchingRulesInput {
    pub write_off_max: Option<MoneyInput>,
    pub propose_by_itself: bool,
    pub confirm_by_itself: bool,
}

/// What the matcher says of one mutation now. Made from a snapshot: what changed since is found when it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalInput {
    pub mutation_id: MutationId,
    /// `None`: an honest "I don't know".
    pub proposal: Option<Proposal>,
}

/// How much of a mutation pays which order, as sent.
#[derive(Debug, Clone, Default)]
pub struct AllocationInput {
    pub order_id: OrderId,
    pub amount: Option<MoneyInput>,
    pub write_off: Option<MoneyInput>,
}

/// A tender as sent; `kind` is the contract's number.
#[derive(Debug, Clone, Default)]
pub struct TenderInput {
    pub kind: i32,
    pub amount: Option<MoneyInput>,
    pub reference: String,
}

/// A cart as sent; lines have no source.
#[derive(Debug, Clone, Default)]
pub struct TillSaleInput {
    pub shift_id: ShiftId,
    pub lines: Vec<LineInput>,
    pub customer_id: CustomerId,
    pub price_list: String,
    pub hold_ids: Vec<HoldId>,
    pub receipt: String,
    pub sold_ms: Option<i64>,
    pub receipt_given: bool,
}

/// What an agent says of a print job; `state` is the contract's number.
#[derive(Debug, Clone, Default)]
pub struct PrintReportInput {
    pub print_job_id: PrintJobId,
    pub state: i32,
    pub detail: String,
}

/// Everything that can be asked of the writer.
#[derive(Debug, Clone)]
pub enum Command {
    UpdateSettings(SettingsInput),
    CreateTaxClass(TaxClassInput),
    CreateItem(ItemInput),
    BatchCreateItems(Vec<ItemInput>),
    UpdateItem(ItemInput),
    CreateLocation(LocationInput),
    ReceiveStock {
        location_id: LocationId,
        lines: Vec<StockLine>,
        reference: String,
    },
    AdjustStock {
        location_id: LocationId,
        lines: Vec<StockLine>,
        reason: String,
    },
    TransferStock {
        from_location_id: LocationId,
        to_location_id: LocationId,
        lines: Vec<StockLine>,
    },
    CreateHold(HoldInput),
    BatchCreateHolds(Vec<HoldInput>),
    ReleaseHold {
        hold_id: HoldId,
    },
    RequestDropOrder {
        item_id: ItemId,
        quantity: i64,
        from_location_id: LocationId,
        to_location_id: LocationId,
        note: String,
        expire_ms: Option<i64>,
    },
    HandOverDropOrder {
        drop_order_id: DropOrderId,
        barcode: String,
    },
    RejectDropOrder {
        drop_order_id: DropOrderId,
        reason: String,
    },
    CancelDropOrder {
        drop_order_id: DropOrderId,
    },
    ReleaseDropOrder {
        drop_order_id: DropOrderId,
    },
    ReturnDropOrder {
        drop_order_id: DropOrderId,
        barcode: String,
    },
    CreateBooking(BookingInput),
    BatchCreateBookings(Vec<BookingInput>),
    ExtendBooking {
        order_id: OrderId,
        version: i64,
        expire_ms: Option<i64>,
    },
    CancelBooking {
        order_id: OrderId,
        reason: String,
    },
    CreateCustomer(CustomerInput),
    UpdateCustomer(CustomerInput),
    EraseCustomer {
        customer_id: CustomerId,
        version: i64,
    },
    ReportMessage {
        message_id: crate::ids::MessageId,
        state: i32,
        detail: String,
    },
    CreateBankAccount(BankAccountInput),
    SaveColumnMapping(ColumnMappingInput),
    DeleteColumnMapping {
        column_mapping_id: ColumnMappingId,
    },
    ImportMutations {
        bank_account_id: BankAccountId,
        file_hash: String,
        mutations: Vec<MutationInput>,
        /// The file has no more rows than these.
        file_ends: bool,
    },
    SetMatchingRules {
        bank_account_id: BankAccountId,
        rules: MatchingRulesInput,
    },
    /// The caller names the account; the matcher adds what it found.
    ProposeMatches {
        bank_account_id: BankAccountId,
        proposals: Vec<ProposalInput>,
        /// Money-in mutations that are left without a proposal.
        unmatched: i32,
        /// The matcher has found more than these.
        more: bool,
    },
    ConfirmMatches {
        bank_account_id: BankAccountId,
        mutation_ids: Vec<MutationId>,
        all_auto: bool,
    },
    MatchMutation {
        mutation_id: MutationId,
        allocations: Vec<AllocationInput>,
        credit_remainder: bool,
        credit_customer_id: CustomerId,
    },
    JoinMutations {
        mutation_ids: Vec<MutationId>,
        order_id: OrderId,
        write_off: Option<MoneyInput>,
        credit_remainder: bool,
    },
    UndoMatch {
        mutation_id: MutationId,
    },
    IgnoreMutation {
        mutation_id: MutationId,
        reason: String,
    },
    RecordPayment {
        order_id: OrderId,
        amount: Option<MoneyInput>,
        method: String,
        reference: String,
    },
    RefundOrder {
        order_id: OrderId,
        reference: String,
    },
    CreateSales {
        order_ids: Vec<OrderId>,
        all_paid: bool,
        shift_id: ShiftId,
    },
    CreateTill {
        code: String,
        location_id: LocationId,
    },
    OpenShift {
        till_id: TillId,
        opening_cash: Option<MoneyInput>,
    },
    CreateTillSale {
        sale: TillSaleInput,
        tenders: Vec<TenderInput>,
    },
    RefundSale(RefundInput),
    RecordCashMovement {
        shift_id: ShiftId,
        amount: Option<MoneyInput>,
        reason: String,
    },
    CloseShift {
        shift_id: ShiftId,
        counted_cash: Option<MoneyInput>,
    },
    CreateCourier {
        code: String,
        name: String,
        connected: bool,
    },
    /// What went with a courier.
    CreateManifest {
        parcel_ids: Vec<ParcelId>,
    },
    PrintLabels {
        parcel_ids: Vec<ParcelId>,
        all_unprinted: bool,
        reprint_reason: String,
    },
    RequestAirwayBill {
        parcel_id: ParcelId,
        courier_id: CourierId,
    },
    AssignAirwayBill {
        parcel_id: ParcelId,
        airway_bill: String,
        courier_id: CourierId,
    },
    ReportAirwayBill {
        parcel_id: ParcelId,
        state: i32,
        airway_bill: String,
        detail: String,
    },
    HandOverParcel {
        airway_bill: String,
        courier_id: CourierId,
    },
    DeliverParcel {
        parcel_id: ParcelId,
    },
    ReportPrintJob(PrintReportInput),
    BatchReportPrintJobs(Vec<PrintReportInput>),
    SettlePrintJob {
        print_job_id: PrintJobId,
        printed: bool,
    },
    ReprintDocument {
        print_job_id: PrintJobId,
        reason: String,
    },
}
