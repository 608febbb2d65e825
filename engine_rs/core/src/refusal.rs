//! Why a command is not carried out: one catalogue, one gRPC status each.
//!
//! `docs/refusals.md` is made from this list, and a test fails when a reason has no test that provokes it.

use crate::kv::Fault;

/// gRPC status codes that refusals use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// 3.
    InvalidArgument = 3,
    /// 5.
    NotFound = 5,
    /// 6.
    AlreadyExists = 6,
    /// 8.
    ResourceExhausted = 8,
    /// 9.
    FailedPrecondition = 9,
    /// 10.
    Aborted = 10,
    /// 11.
    OutOfRange = 11,
    /// 12.
    Unimplemented = 12,
    /// 14.
    Unavailable = 14,
    /// 15.
    DataLoss = 15,
}

macro_rules! reasons {
    ($($name:ident = $text:literal $code:ident $meaning:literal;)*) => {
        /// A named reason; the name is part of the contract and never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $(#[doc = $meaning] $name,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The name clients see, e.g. "OUT_OF_STOCK".
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The gRPC status.
            pub const fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)* }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

reasons! {
    FieldRequired = "FIELD_REQUIRED" InvalidArgument "A field that is needed is empty.";
    FieldOutOfRange = "FIELD_OUT_OF_RANGE" InvalidArgument "A number is below or above what the field takes.";
    FieldTooLong = "FIELD_TOO_LONG" InvalidArgument "A text is longer than the field takes.";
    FieldMalformed = "FIELD_MALFORMED" InvalidArgument "A field does not have the form it must have.";
    TooManyElements = "TOO_MANY_ELEMENTS" InvalidArgument "A list has more elements than one call takes.";
    CurrencyUnknown = "CURRENCY_UNKNOWN" InvalidArgument "The currency code is not in ISO 4217.";
    CurrencyMismatch = "CURRENCY_MISMATCH" InvalidArgument "Amounts of different currencies meet in one order, sale or account.";
    AmountOutOfRange = "AMOUNT_OUT_OF_RANGE" InvalidArgument "An amount, or what follows from it, is beyond 10^15 minor units, has the wrong sign, or would make a sum too large (10^18; of a report 2^63).";
    BarcodeCheckDigit = "BARCODE_CHECK_DIGIT" InvalidArgument "The barcode's check digit is wrong.";
    CardNumberRefused = "CARD_NUMBER_REFUSED" InvalidArgument "The text looks like a card number; those are never kept.";
    MessageMalformed = "MESSAGE_MALFORMED" InvalidArgument "The bytes are not the message this method takes.";
    StatementUnrecognised = "STATEMENT_UNRECOGNISED" InvalidArgument "The file is no bank statement that Kasir knows.";
    StatementBroken = "STATEMENT_BROKEN" InvalidArgument "The statement's sums, dates or amounts do not hold.";

    ItemNotFound = "ITEM_NOT_FOUND" NotFound "No item has this id or SKU.";
    BarcodeUnknown = "BARCODE_UNKNOWN" NotFound "No item has this barcode.";
    TaxClassNotFound = "TAX_CLASS_NOT_FOUND" NotFound "No tax class has this id.";
    LocationNotFound = "LOCATION_NOT_FOUND" NotFound "No location has this id.";
    HoldNotFound = "HOLD_NOT_FOUND" NotFound "No live hold has this id.";
    DropOrderNotFound = "DROP_ORDER_NOT_FOUND" NotFound "No Drop Order has this id.";
    OrderNotFound = "ORDER_NOT_FOUND" NotFound "No Book Order has this id.";
    CustomerNotFound = "CUSTOMER_NOT_FOUND" NotFound "No customer has this id or phone.";
    BankAccountNotFound = "BANK_ACCOUNT_NOT_FOUND" NotFound "No bank account has this id or number.";
    ColumnMappingNotFound = "COLUMN_MAPPING_NOT_FOUND" NotFound "No column mapping of a bank account has this id or name.";
    MutationNotFound = "MUTATION_NOT_FOUND" NotFound "No bank mutation has this id.";
    SaleNotFound = "SALE_NOT_FOUND" NotFound "No sale has this id.";
    RefundNotFound = "REFUND_NOT_FOUND" NotFound "No refund of a sale has this id.";
    TillNotFound = "TILL_NOT_FOUND" NotFound "No till has this id.";
    ShiftNotFound = "SHIFT_NOT_FOUND" NotFound "No shift has this id.";
    CourierNotFound = "COURIER_NOT_FOUND" NotFound "No courier has this id.";
    ParcelNotFound = "PARCEL_NOT_FOUND" NotFound "No parcel has this id, airway bill or order.";
    ManifestNotFound = "MANIFEST_NOT_FOUND" NotFound "No pick-up manifest has this id.";
    PrintJobNotFound = "PRINT_JOB_NOT_FOUND" NotFound "No print job has this id.";
    MessageNotFound = "MESSAGE_NOT_FOUND" NotFound "No message has this id.";
    MethodUnknown = "METHOD_UNKNOWN" Unimplemented "The engine has no such method.";

    RequestIdReused = "REQUEST_ID_REUSED" AlreadyExists "The request id was used with another body.";
    SkuTaken = "SKU_TAKEN" AlreadyExists "Another item has this SKU.";
    BarcodeTaken = "BARCODE_TAKEN" AlreadyExists "Another item has this barcode, or it stands twice.";
    CodeTaken = "CODE_TAKEN" AlreadyExists "The code or number is used already.";
    PhoneTaken = "PHONE_TAKEN" AlreadyExists "Another customer has this phone.";
    AirwayBillTaken = "AIRWAY_BILL_TAKEN" AlreadyExists "Another parcel has this airway bill.";

    CustomerBusy = "CUSTOMER_BUSY" FailedPrecondition "The customer has credit, or an order that is not closed: their data cannot be erased yet.";
    CustomerErased = "CUSTOMER_ERASED" FailedPrecondition "The customer's data were erased.";
    ReplyLost = "REPLY_LOST" FailedPrecondition "The request was carried out before; what it answered is damaged, or was erased with a customer's data.";
    OutOfStock = "OUT_OF_STOCK" FailedPrecondition "Less is available than is wanted.";
    WrongState = "WRONG_STATE" FailedPrecondition "What is asked cannot follow from the state it is in.";
    DeadlinePassed = "DEADLINE_PASSED" FailedPrecondition "The deadline lies in the past.";
    NotPaid = "NOT_PAID" FailedPrecondition "A sale is made only from a paid order.";
    OrderSold = "ORDER_SOLD" FailedPrecondition "The order was sold; its payment stays.";
    OverAllocated = "OVER_ALLOCATED" FailedPrecondition "More money is allocated than is there or is due.";
    WriteOffTooHigh = "WRITE_OFF_TOO_HIGH" FailedPrecondition "More would be written off than the account's rules allow, or than is left to pay.";
    ProposalAmbiguous = "PROPOSAL_AMBIGUOUS" FailedPrecondition "Several orders fit equally: a person says which.";
    RemainderLeft = "REMAINDER_LEFT" FailedPrecondition "Some of the money is left over and was not said to become credit.";
    TendersTooLow = "TENDERS_TOO_LOW" FailedPrecondition "The tenders do not reach the total.";
    ChangeNotFromCash = "CHANGE_NOT_FROM_CASH" FailedPrecondition "Change is given from cash only.";
    SaleOfOrder = "SALE_OF_ORDER" FailedPrecondition "The sale was made from a Book Order; a till gives back its own kind only.";
    RefundTooMuch = "REFUND_TOO_MUCH" FailedPrecondition "More units would be given back than the sale still has.";
    DrawerTooLow = "DRAWER_TOO_LOW" FailedPrecondition "The drawer has less cash than would be paid out.";
    ShiftOpen = "SHIFT_OPEN" FailedPrecondition "The till has an open shift.";
    ShiftClosed = "SHIFT_CLOSED" FailedPrecondition "The shift is closed.";
    ItemMismatch = "ITEM_MISMATCH" FailedPrecondition "Another item was scanned, or item and quantity differ from the claim's.";
    ItemInactive = "ITEM_INACTIVE" FailedPrecondition "The item is not sold any more.";
    PriceMissing = "PRICE_MISSING" FailedPrecondition "The item has no price in this price list for this quantity.";
    UniqueCodesExhausted = "UNIQUE_CODES_EXHAUSTED" FailedPrecondition "Every unique code for this total is in use.";
    DropOrderRequired = "DROP_ORDER_REQUIRED" FailedPrecondition "Stock of a CS desk moves by Drop Orders only.";
    LocationKindWrong = "LOCATION_KIND_WRONG" FailedPrecondition "The location is not of the kind this needs.";
    CourierNotConnected = "COURIER_NOT_CONNECTED" FailedPrecondition "The courier has no connection; enter the airway bill by hand.";
    PointsTooLow = "POINTS_TOO_LOW" FailedPrecondition "The customer has fewer points.";
    CreditTooLow = "CREDIT_TOO_LOW" FailedPrecondition "The customer has less credit.";
    SettingFixed = "SETTING_FIXED" FailedPrecondition "The setting cannot change any more.";
    VersionStale = "VERSION_STALE" Aborted "It changed since it was read; read it again.";

    QueueFull = "QUEUE_FULL" ResourceExhausted "Too many commands wait; try again shortly.";
    RevisionCompacted = "REVISION_COMPACTED" OutOfRange "The journal does not reach back that far.";
    WriterStopped = "WRITER_STOPPED" Unavailable "The engine does not take commands now.";
    StoreFull = "STORE_FULL" Unavailable "The disk is full or cannot be written; nothing was changed.";
    StoreCorrupt = "STORE_CORRUPT" DataLoss "A stored record cannot be trusted.";
}

/// A command was not carried out; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Plain words for staff.
    pub message: String,
    /// Machine-readable facts; "field" names the offending field of the request.
    pub details: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A refusal with a message.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), details: Vec::new() }
    }

    /// With one more fact.
    #[allow(clippy::needless_pass_by_value, reason = "ids and texts read better without a borrow")]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.push((name, value.to_string()));
        self
    }

    /// A refusal of one field of the request.
    pub fn field(reason: Reason, field: impl std::fmt::Display, message: impl Into<String>) -> Self {
        Self::new(reason, message).with("field", field)
    }

    /// Nothing has this id.
    pub fn not_found(reason: Reason, what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(reason, format!("There is no {what} {id}.")).with("id", id)
    }

    /// An action that the state table does not allow.
    pub fn wrong_state(
        entity: &'static str,
        id: u64,
        state: &dyn std::fmt::Debug,
        action: &dyn std::fmt::Debug,
    ) -> Self {
        Self::new(Reason::WrongState, format!("{entity} {id} is {state:?}: {action:?} is not possible."))
            .with("entity", entity)
            .with("id", id)
            .with("state", format!("{state:?}"))
            .with("action", format!("{action:?}"))
    }

    /// The record changed since the caller read it.
    pub fn stale(entity: &'static str, id: u64, current: i64, given: i64) -> Self {
        // The settings are the one thing without an id.
        let thing = if id == 0 { entity.to_string() } else { format!("{entity} {id}") };
        Self::new(Reason::VersionStale, format!("Meanwhile somebody changed {thing}; read it again."))
            .with("entity", entity)
            .with("id", id)
            .with("current", current)
            .with("given", given)
    }
}

/// Why an operation stopped: the caller's command was refused, or the store below failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The command is refused.
    Refused(Refusal),
    /// The store failed.
    Fault(Fault),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Result of what may be refused or fail.
pub type Outcome<T> = Result<T, Stop>;

/// Says which field of the request a refusal is about, where it does not say so itself.
pub(crate) trait Named {
    /// Names the field as the contract spells it, e.g. "lines[2].item_id".
    fn named(self, field: impl std::fmt::Display) -> Self;
}

impl<T> Named for Outcome<T> {
    fn named(self, field: impl std::fmt::Display) -> Self {
        self.map_err(|stop| match stop {
            Stop::Refused(refusal) if refusal.details.iter().all(|(name, _)| *name != "field") => {
                refusal.with("field", field).into()
            }
            stop => stop,
        })
    }
}
