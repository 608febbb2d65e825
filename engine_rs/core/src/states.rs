//! Every state machine of the business, as tables.
//!
//! `next` is total: each pair of state and action stands in it by rule or is `None`, a refusal named WRONG_STATE.
//! `tests/state_tables.rs` lists every pair.

use serde::{Deserialize, Serialize};

macro_rules! states {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $number:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[doc = $vdoc])* $variant = $number,)* }

        impl $name {
            /// Every state.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The number in index keys and in the contract.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The state of a number of the contract.
            pub const fn from_number(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

macro_rules! actions {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $vdoc])* $variant,)* }

        impl $name {
            /// Every action.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
        }
    };
}

states! {
    /// Where a Drop Order stands.
    DropOrderState {
        /// Asked for; claimed at the warehouse.
        Requested = 1,
        /// On the CS desk, claimed for the desk.
        HandedOver = 2,
        /// On the CS desk, claimed by a Book Order.
        Booked = 3,
        /// Sold with its order.
        Consumed = 4,
        /// Refused by the warehouse.
        Rejected = 5,
        /// Taken back, or not handed over in time.
        Cancelled = 6,
        /// On the CS desk, claimed by nobody.
        ReturnDue = 7,
        /// Back in the warehouse.
        Returned = 8,
    }
}

actions! {
    /// What can happen to a Drop Order.
    DropOrderAction {
        /// The warehouse gives the item.
        HandOver,
        /// The warehouse refuses.
        Reject,
        /// The desk takes the request back.
        Cancel,
        /// Its own deadline passed.
        Expire,
        /// An order claims it.
        Book,
        /// The order that claimed it ended.
        Unbook,
        /// The desk will not book it.
        Release,
        /// Scanned back into the warehouse.
        Return,
        /// Sold.
        Consume,
    }
}

impl DropOrderState {
    /// The state after `action`, if it may happen.
    pub const fn next(self, action: DropOrderAction) -> Option<Self> {
        use DropOrderAction as A;
        match (self, action) {
            (Self::Requested, A::HandOver) => Some(Self::HandedOver),
            (Self::Requested, A::Reject) => Some(Self::Rejected),
            (Self::Requested, A::Cancel | A::Expire) => Some(Self::Cancelled),
            (Self::HandedOver | Self::ReturnDue, A::Book) => Some(Self::Booked),
            (Self::HandedOver, A::Release | A::Expire) | (Self::Booked, A::Unbook) => Some(Self::ReturnDue),
            (Self::Booked, A::Consume) => Some(Self::Consumed),
            (Self::ReturnDue, A::Return) => Some(Self::Returned),
            (
                Self::Requested
                | Self::HandedOver
                | Self::Booked
                | Self::Consumed
                | Self::Rejected
                | Self::Cancelled
                | Self::ReturnDue
                | Self::Returned,
                _,
            ) => None,
        }
    }

    /// Whether the Drop Order itself (not an order) claims the stock.
    pub const fn claims(self) -> bool {
        matches!(self, Self::Requested | Self::HandedOver)
    }

    /// Whether the item stands on the CS desk.
    pub const fn on_desk(self) -> bool {
        matches!(self, Self::HandedOver | Self::Booked | Self::ReturnDue)
    }
}

states! {
    /// Where a Book Order stands.
    OrderState {
        /// Claimed, waiting for payment.
        Booked = 1,
        /// Some money came.
        PartlyPaid = 2,
        /// Paid in full.
        Paid = 3,
        /// A sale was made.
        Sold = 4,
        /// The courier has the parcel.
        HandedToCourier = 5,
        /// The customer has it.
        Delivered = 6,
        /// Cancelled before money came.
        Cancelled = 7,
        /// Not paid in time.
        Expired = 8,
        /// Money is to be paid back.
        RefundDue = 9,
        /// Paid back.
        Refunded = 10,
    }
}

actions! {
    /// What can happen to a Book Order.
    OrderAction {
        /// Money came that completes the payable.
        Pay,
        /// Money came, not enough.
        PayPart,
        /// Late money in full, goods free: claimed again.
        Rebook,
        /// Late money that cannot re-book, or not yet.
        PayLate,
        /// The deadline moves.
        Extend,
        /// The customer or staff cancels.
        Cancel,
        /// The deadline passed.
        Expire,
        /// A match is undone in time and no money is left.
        Unpay,
        /// A match is undone in time and some money is left.
        UnpayPart,
        /// A match is undone after the deadline, no money is left and nobody cancelled.
        UnpayExpired,
        /// A match is undone and no money is left of a cancelled order.
        UnpayCancelled,
        /// A match is undone after the end of the claim and some money is left.
        UnpayDue,
        /// A sale is made.
        Sell,
        /// The parcel leaves.
        HandOver,
        /// The parcel arrived.
        Deliver,
        /// The money was paid back.
        Refund,
    }
}

impl OrderState {
    /// The state after `action`, if it may happen.
    pub const fn next(self, action: OrderAction) -> Option<Self> {
        use OrderAction as A;
        match (self, action) {
            (Self::Booked | Self::PartlyPaid, A::Pay) | (Self::Expired | Self::RefundDue, A::Rebook) => {
                Some(Self::Paid)
            }
            (Self::Booked | Self::PartlyPaid, A::PayPart)
            | (Self::PartlyPaid, A::Extend)
            | (Self::Paid | Self::PartlyPaid, A::UnpayPart) => Some(Self::PartlyPaid),
            (Self::Expired | Self::Cancelled | Self::RefundDue, A::PayLate)
            | (Self::PartlyPaid | Self::Paid, A::Cancel)
            | (Self::PartlyPaid, A::Expire)
            | (Self::Paid | Self::PartlyPaid | Self::RefundDue, A::UnpayDue) => Some(Self::RefundDue),
            (Self::Booked, A::Extend) | (Self::Paid | Self::PartlyPaid, A::Unpay) => Some(Self::Booked),
            (Self::Booked, A::Cancel) | (Self::RefundDue, A::UnpayCancelled) => Some(Self::Cancelled),
            (Self::Booked, A::Expire)
            | (Self::Paid | Self::PartlyPaid | Self::RefundDue, A::UnpayExpired) => Some(Self::Expired),
            (Self::Paid, A::Sell) => Some(Self::Sold),
            (Self::Sold, A::HandOver) => Some(Self::HandedToCourier),
            (Self::HandedToCourier, A::Deliver) => Some(Self::Delivered),
            (Self::RefundDue, A::Refund) => Some(Self::Refunded),
            (
                Self::Booked
                | Self::PartlyPaid
                | Self::Paid
                | Self::Sold
                | Self::HandedToCourier
                | Self::Delivered
                | Self::Cancelled
                | Self::Expired
                | Self::RefundDue
                | Self::Refunded,
                _,
            ) => None,
        }
    }

    /// Whether it waits for money: its payable must be unique, its deadline counts.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Booked | Self::PartlyPaid)
    }

    /// Whether its lines claim stock.
    pub const fn claims(self) -> bool {
        matches!(self, Self::Booked | Self::PartlyPaid | Self::Paid)
    }

    /// Whether a sale was made from it.
    pub const fn is_sold(self) -> bool {
        matches!(self, Self::Sold | Self::HandedToCourier | Self::Delivered)
    }
}

states! {
    /// Where a bank mutation stands.
    MutationState {
        /// Not posted by the bank yet.
        Pending = 1,
        /// Posted, not matched.
        Posted = 2,
        /// The matcher proposes something.
        Proposed = 3,
        /// Somebody confirmed what it pays.
        Confirmed = 4,
        /// Pays no order.
        Ignored = 5,
    }
}

actions! {
    /// What can happen to a bank mutation.
    MutationAction {
        /// The bank posts it, whether or not it was set aside before.
        Post,
        /// The matcher proposes, perhaps anew.
        Propose,
        /// The proposal rests on what changed.
        Withdraw,
        /// Confirmed or matched by hand.
        Confirm,
        /// The match is taken back, or that it pays no order.
        Undo,
        /// That it pays no order is taken back before the bank posted it.
        UndoPending,
        /// It pays no order.
        Ignore,
    }
}

impl MutationState {
    /// The state after `action`, if it may happen.
    pub const fn next(self, action: MutationAction) -> Option<Self> {
        use MutationAction as A;
        match (self, action) {
            (Self::Pending | Self::Ignored, A::Post)
            | (Self::Proposed, A::Withdraw)
            | (Self::Confirmed | Self::Ignored, A::Undo) => Some(Self::Posted),
            (Self::Ignored, A::UndoPending) => Some(Self::Pending),
            (Self::Posted | Self::Proposed, A::Propose) => Some(Self::Proposed),
            (Self::Posted | Self::Proposed, A::Confirm) => Some(Self::Confirmed),
            (Self::Pending | Self::Posted | Self::Proposed, A::Ignore) => Some(Self::Ignored),
            (Self::Pending | Self::Posted | Self::Proposed | Self::Confirmed | Self::Ignored, _) => None,
        }
    }
}

states! {
    /// Whether a parcel's label is printed.
    LabelState {
        /// Not printed.
        Due = 1,
        /// A print job for it exists.
        Queued = 2,
        /// Printed.
        Labelled = 3,
    }
}

states! {
    /// Where a parcel's airway bill stands.
    AirwayBillState {
        /// None asked for.
        None = 1,
        /// Asked for.
        Requested = 2,
        /// Known.
        Assigned = 3,
        /// The courier refused.
        Failed = 4,
        /// Asked, the answer is lost.
        Unknown = 5,
    }
}

actions! {
    /// What can happen to an airway bill.
    AirwayBillAction {
        /// The courier shall be asked.
        Request,
        /// Staff entered it.
        Enter,
        /// The agent got it.
        Assign,
        /// The courier refused.
        Fail,
        /// The answer is lost.
        Lose,
    }
}

impl AirwayBillState {
    /// The state after `action`, if it may happen.
    pub const fn next(self, action: AirwayBillAction) -> Option<Self> {
        use AirwayBillAction as A;
        match (self, action) {
            (Self::None | Self::Failed, A::Request) => Some(Self::Requested),
            (Self::None | Self::Failed, A::Enter) | (Self::Requested | Self::Unknown, A::Assign) => {
                Some(Self::Assigned)
            }
            (Self::Requested | Self::Unknown, A::Fail) => Some(Self::Failed),
            (Self::Requested | Self::Unknown, A::Lose) => Some(Self::Unknown),
            (Self::None | Self::Requested | Self::Assigned | Self::Failed | Self::Unknown, _) => None,
        }
    }
}

states! {
    /// Where a print job stands.
    PrintJobState {
        /// To be printed.
        Queued = 1,
        /// Given to a printer.
        Sent = 2,
        /// On paper.
        Printed = 3,
        /// Surely not on paper.
        Failed = 4,
        /// Nobody knows.
        Unknown = 5,
    }
}

actions! {
    /// What can happen to a print job.
    PrintJobAction {
        /// An agent gives it to a printer; from SENT only the same agent says so again.
        Send,
        /// The printer confirmed.
        Confirm,
        /// The printer refused.
        Fail,
        /// The answer is lost.
        Lose,
        /// A person saw it on paper.
        SettlePrinted,
        /// A person wants it printed again, as a new job; this one is closed as failed.
        SettleAgain,
    }
}

impl PrintJobState {
    /// The state after `action`, if it may happen.
    pub const fn next(self, action: PrintJobAction) -> Option<Self> {
        use PrintJobAction as A;
        match (self, action) {
            (Self::Queued | Self::Sent, A::Send) => Some(Self::Sent),
            // A job whose agent died stays SENT: only a person who looks at the printer knows more.
            (Self::Queued | Self::Sent, A::Confirm)
            | (Self::Sent | Self::Unknown | Self::Failed, A::SettlePrinted) => Some(Self::Printed),
            (Self::Queued | Self::Sent, A::Fail)
            | (Self::Sent | Self::Unknown | Self::Failed, A::SettleAgain) => Some(Self::Failed),
            (Self::Queued | Self::Sent, A::Lose) => Some(Self::Unknown),
            (Self::Queued | Self::Printed | Self::Failed | Self::Unknown, _) => None,
        }
    }
}

states! {
    /// Where a message to a customer stands.
    MessageState {
        /// To be sent.
        Queued = 1,
        /// Sent.
        Sent = 2,
        /// Could not be sent.
        Failed = 3,
        /// Nobody knows.
        Unknown = 4,
    }
}

impl MessageState {
    /// The state after an agent reported `reported`, if it may follow.
    pub const fn next(self, reported: Self) -> Option<Self> {
        match (self, reported) {
            (Self::Queued | Self::Unknown, Self::Sent | Self::Failed | Self::Unknown) => Some(reported),
            (Self::Queued | Self::Sent | Self::Failed | Self::Unknown, _) => None,
        }
    }
}

states! {
    /// What a location is for.
    LocationKind {
        /// A warehouse.
        Warehouse = 1,
        /// The CS desk.
        CsDesk = 2,
        /// A shop floor.
        Shop = 3,
    }
}

states! {
    /// How a price relates to tax.
    TaxMode {
        /// The price contains the tax.
        Inclusive = 1,
        /// The tax is added.
        Exclusive = 2,
    }
}

states! {
    /// Where a sale comes from.
    Channel {
        /// WhatsApp or another chat.
        Chat = 1,
        /// Telephone.
        Phone = 2,
        /// E-mail.
        Email = 3,
        /// The shop's web shop.
        Web = 4,
        /// A marketplace.
        Marketplace = 5,
        /// In person at the CS desk.
        WalkIn = 6,
        /// A till.
        Till = 7,
    }
}

states! {
    /// How money comes in.
    TenderKind {
        /// Notes and coins.
        Cash = 1,
        /// Card.
        Card = 2,
        /// QR payment.
        Qr = 3,
        /// Bank transfer.
        Transfer = 4,
        /// Points.
        Points = 5,
        /// Customer credit.
        Credit = 6,
        /// Marketplace or gateway.
        External = 7,
    }
}

states! {
    /// What is printed.
    DocumentKind {
        /// Order slip.
        OrderSlip = 1,
        /// Sales receipt.
        SalesReceipt = 2,
        /// Address label.
        AddressLabel = 3,
        /// Z report.
        ShiftReport = 4,
        /// What went with a courier.
        PickupManifest = 5,
        /// Receipt of a refund.
        RefundReceipt = 6,
    }
}

states! {
    /// What a message tells.
    MessageKind {
        /// Booked.
        BookingConfirmed = 1,
        /// Paid.
        PaymentReceived = 2,
        /// Not paid in time.
        BookingExpired = 3,
        /// Cancelled.
        BookingCancelled = 4,
        /// The airway bill number.
        AirwayBill = 5,
        /// Money goes back.
        RefundDue = 6,
        /// The deadline is near.
        DeadlineReminder = 7,
    }
}

states! {
    /// How sure the matcher is.
    MatchDecision {
        /// Sure enough for bulk.
        Auto = 1,
        /// Likely.
        Suggested = 2,
        /// Several fit equally.
        Ambiguous = 3,
    }
}
