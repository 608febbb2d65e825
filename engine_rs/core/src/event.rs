//! What happened: the only thing that changes state, and what the journal keeps.

use serde::{Deserialize, Serialize};

use crate::ids::{
    BankAccountId, ColumnMappingId, CourierId, CustomerId, DropOrderId, HoldId, ItemId, LocationId,
    ManifestId, MessageId, MutationId, OrderId, ParcelId, PrintJobId, ShiftId,
};
use crate::records::{
    Allocation, BankAccount, ColumnMapping, Courier, Customer, DropOrder, Hold, Item, Location, Manifest,
    MatchingRules, Message, Mutation, MutationAllocation, Order, Parcel, PostedText, PrintJob, Proposal,
    Refund, Sale, Settings, Shift, TaxClass, Till,
};
use crate::states::{MessageState, PrintJobAction};

/// Where one line of a re-booked order is claimed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reclaim {
    pub item_id: ItemId,
    pub location_id: LocationId,
    /// The waiting Drop Order it is taken from, else 0.
    pub drop_order_id: DropOrderId,
}

/// What money did to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentEffect {
    /// Paid in full, in time.
    Paid,
    /// Some of it, in time.
    PartlyPaid,
    /// Late, in full, goods free: claimed again, each line at this location and Drop Order.
    Rebooked(Vec<Reclaim>),
    /// Late, and to be paid back.
    RefundDue,
}

/// What taking money back did to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UndoEffect {
    /// In time, nothing left: waits for payment again.
    Booked,
    /// In time, some left.
    PartlyPaid,
    /// After the deadline, nothing left.
    Expired,
    /// Cancelled before, nothing left.
    Cancelled,
    /// After the end of the claim, some left.
    RefundDue,
}

/// Something that happened. Carries facts; who and when stand in the journal record around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    SettingsUpdated(Box<Settings>),
    TaxClassCreated(TaxClass),
    ItemCreated(Box<Item>),
    ItemUpdated(Box<Item>),
    LocationCreated(Location),
    StockReceived {
        item_id: ItemId,
        location_id: LocationId,
        quantity: i64,
        reference: String,
    },
    StockAdjusted {
        item_id: ItemId,
        location_id: LocationId,
        difference: i64,
        reason: String,
    },
    StockTransferred {
        item_id: ItemId,
        from_location_id: LocationId,
        to_location_id: LocationId,
        quantity: i64,
    },
    HoldCreated(Hold),
    HoldReleased {
        hold_id: HoldId,
        item_id: ItemId,
    },
    HoldExpired {
        hold_id: HoldId,
        item_id: ItemId,
    },
    /// A till's sale takes so many units out of its lease; with the last of them the hold ends.
    HoldDrawn {
        hold_id: HoldId,
        item_id: ItemId,
        quantity: i64,
    },
    /// An order took the claim over; what is held does not change.
    HoldUsed {
        hold_id: HoldId,
        item_id: ItemId,
    },
    DropOrderRequested(Box<DropOrder>),
    DropOrderHandedOver {
        drop_order_id: DropOrderId,
        item_id: ItemId,
    },
    DropOrderRejected {
        drop_order_id: DropOrderId,
        item_id: ItemId,
        reason: String,
    },
    DropOrderCancelled {
        drop_order_id: DropOrderId,
        item_id: ItemId,
    },
    DropOrderExpired {
        drop_order_id: DropOrderId,
        item_id: ItemId,
    },
    DropOrderBooked {
        drop_order_id: DropOrderId,
        item_id: ItemId,
        order_id: OrderId,
    },
    /// The order that claimed it ended.
    DropOrderUnbooked {
        drop_order_id: DropOrderId,
        item_id: ItemId,
    },
    DropOrderConsumed {
        drop_order_id: DropOrderId,
        item_id: ItemId,
    },
    DropOrderReleased {
        drop_order_id: DropOrderId,
        item_id: ItemId,
    },
    DropOrderReturned {
        drop_order_id: DropOrderId,
        item_id: ItemId,
    },
    CustomerCreated(Box<Customer>),
    CustomerUpdated(Box<Customer>),
    /// What is told of a customer is gone, there and in these.
    CustomerErased {
        customer_id: CustomerId,
        orders: Vec<OrderId>,
        messages: Vec<MessageId>,
        manifests: Vec<ManifestId>,
    },
    BankAccountCreated(BankAccount),
    /// A new one, or one that takes the place of that with its id.
    ColumnMappingSaved(ColumnMapping),
    ColumnMappingDeleted {
        column_mapping_id: ColumnMappingId,
        bank_account_id: BankAccountId,
    },
    CourierCreated(Courier),
    TillCreated(Till),
    OrderBooked(Box<Order>),
    OrderExtended {
        order_id: OrderId,
        expire_ms: i64,
    },
    /// `items` are those whose claim ended with it; Drop Orders' lines have events of their own.
    OrderCancelled {
        order_id: OrderId,
        items: Vec<ItemId>,
        reason: String,
    },
    OrderExpired {
        order_id: OrderId,
        items: Vec<ItemId>,
    },
    PaymentAllocated {
        order_id: OrderId,
        allocation: Allocation,
        effect: PaymentEffect,
    },
    PaymentUndone {
        order_id: OrderId,
        mutation_id: MutationId,
        amount_minor: i64,
        effect: UndoEffect,
        items: Vec<ItemId>,
    },
    OrderRefunded {
        order_id: OrderId,
        reference: String,
    },
    PayableReleased {
        order_id: OrderId,
    },
    OrderReminded {
        order_id: OrderId,
    },
    MutationImported(Box<Mutation>),
    /// The bank posted a pending row; date, balance and occurrence are those of the posted one, and its text where that changed.
    MutationPosted {
        mutation_id: MutationId,
        date: String,
        balance_minor: Option<i64>,
        occurrence: i32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<PostedText>,
    },
    /// All rows of a file of the account were taken.
    StatementImported {
        bank_account_id: BankAccountId,
        file_hash: String,
    },
    MutationProposed {
        mutation_id: MutationId,
        proposal: Proposal,
    },
    MutationWithdrawn {
        mutation_id: MutationId,
    },
    MatchingRulesSet {
        bank_account_id: BankAccountId,
        rules: MatchingRules,
    },
    /// `payer` is who paid, as it was learnt; empty when the text does not say.
    MutationConfirmed {
        mutation_id: MutationId,
        allocations: Vec<MutationAllocation>,
        credited_minor: i64,
        credited_customer_id: CustomerId,
        payer: String,
    },
    /// A payer paid for a customer, once more.
    PayerLearnt {
        payer: String,
        customer_id: CustomerId,
    },
    /// That a payer paid for a customer was undone, once.
    PayerForgotten {
        payer: String,
        customer_id: CustomerId,
    },
    /// `matched`: it was a match that was undone, not that it was set aside. Journals from before do not say.
    MutationUndone {
        mutation_id: MutationId,
        #[serde(default)]
        matched: bool,
    },
    MutationIgnored {
        mutation_id: MutationId,
        reason: String,
    },
    SaleMade(Box<Sale>),
    SaleRefunded(Box<Refund>),
    ParcelCreated(Box<Parcel>),
    ShiftOpened(Box<Shift>),
    CashMoved {
        shift_id: ShiftId,
        amount_minor: i64,
        reason: String,
    },
    ShiftClosed {
        shift_id: ShiftId,
        counted_cash_minor: i64,
    },
    AirwayBillRequested {
        parcel_id: ParcelId,
        courier_id: CourierId,
    },
    /// `entered` by staff, or reported by the agent.
    AirwayBillAssigned {
        parcel_id: ParcelId,
        courier_id: CourierId,
        airway_bill: String,
        entered: bool,
        detail: String,
    },
    AirwayBillFailed {
        parcel_id: ParcelId,
        detail: String,
    },
    AirwayBillLost {
        parcel_id: ParcelId,
        detail: String,
    },
    ParcelHandedOver {
        parcel_id: ParcelId,
    },
    ParcelDelivered {
        parcel_id: ParcelId,
    },
    ManifestCreated(Manifest),
    PrintJobQueued(PrintJob),
    PrintJobMoved {
        print_job_id: PrintJobId,
        action: PrintAction,
        detail: String,
    },
    MessageQueued(Message),
    MessageReported {
        message_id: MessageId,
        state: MessageState,
        detail: String,
    },
}

/// [`PrintJobAction`] as the journal writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrintAction {
    Send,
    Confirm,
    Fail,
    Lose,
    SettlePrinted,
    SettleAgain,
}

impl From<PrintAction> for PrintJobAction {
    fn from(action: PrintAction) -> Self {
        match action {
            PrintAction::Send => Self::Send,
            PrintAction::Confirm => Self::Confirm,
            PrintAction::Fail => Self::Fail,
            PrintAction::Lose => Self::Lose,
            PrintAction::SettlePrinted => Self::SettlePrinted,
            PrintAction::SettleAgain => Self::SettleAgain,
        }
    }
}

/// What kind of thing a change is about; the numbers are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    Item = 1,
    Stock = 2,
    DropOrder = 3,
    Order = 4,
    Customer = 5,
    Mutation = 6,
    Sale = 7,
    Shift = 8,
    Parcel = 9,
    PrintJob = 10,
    Message = 11,
    Hold = 12,
    Setting = 13,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Item,
        Self::Stock,
        Self::DropOrder,
        Self::Order,
        Self::Customer,
        Self::Mutation,
        Self::Sale,
        Self::Shift,
        Self::Parcel,
        Self::PrintJob,
        Self::Message,
        Self::Hold,
        Self::Setting,
    ];
}

impl Event {
    /// The event's name, e.g. "OrderExpired".
    pub fn name(&self) -> &'static str {
        match self {
            Self::SettingsUpdated(_) => "SettingsUpdated",
            Self::TaxClassCreated(_) => "TaxClassCreated",
            Self::ItemCreated(_) => "ItemCreated",
            Self::ItemUpdated(_) => "ItemUpdated",
            Self::LocationCreated(_) => "LocationCreated",
            Self::StockReceived { .. } => "StockReceived",
            Self::StockAdjusted { .. } => "StockAdjusted",
            Self::StockTransferred { .. } => "StockTransferred",
            Self::HoldCreated(_) => "HoldCreated",
            Self::HoldReleased { .. } => "HoldReleased",
            Self::HoldExpired { .. } => "HoldExpired",
            Self::HoldDrawn { .. } => "HoldDrawn",
            Self::HoldUsed { .. } => "HoldUsed",
            Self::DropOrderRequested(_) => "DropOrderRequested",
            Self::DropOrderHandedOver { .. } => "DropOrderHandedOver",
            Self::DropOrderRejected { .. } => "DropOrderRejected",
            Self::DropOrderCancelled { .. } => "DropOrderCancelled",
            Self::DropOrderExpired { .. } => "DropOrderExpired",
            Self::DropOrderBooked { .. } => "DropOrderBooked",
            Self::DropOrderUnbooked { .. } => "DropOrderUnbooked",
            Self::DropOrderConsumed { .. } => "DropOrderConsumed",
            Self::DropOrderReleased { .. } => "DropOrderReleased",
            Self::DropOrderReturned { .. } => "DropOrderReturned",
            Self::CustomerCreated(_) => "CustomerCreated",
            Self::CustomerUpdated(_) => "CustomerUpdated",
            Self::CustomerErased { .. } => "CustomerErased",
            Self::BankAccountCreated(_) => "BankAccountCreated",
            Self::ColumnMappingSaved(_) => "ColumnMappingSaved",
            Self::ColumnMappingDeleted { .. } => "ColumnMappingDeleted",
            Self::CourierCreated(_) => "CourierCreated",
            Self::TillCreated(_) => "TillCreated",
            Self::OrderBooked(_) => "OrderBooked",
            Self::OrderExtended { .. } => "OrderExtended",
            Self::OrderCancelled { .. } => "OrderCancelled",
            Self::OrderExpired { .. } => "OrderExpired",
            Self::PaymentAllocated { .. } => "PaymentAllocated",
            Self::PaymentUndone { .. } => "PaymentUndone",
            Self::OrderRefunded { .. } => "OrderRefunded",
            Self::PayableReleased { .. } => "PayableReleased",
            Self::OrderReminded { .. } => "OrderReminded",
            Self::MutationImported(_) => "MutationImported",
            Self::MutationPosted { .. } => "MutationPosted",
            Self::StatementImported { .. } => "StatementImported",
            Self::MutationProposed { .. } => "MutationProposed",
            Self::MutationWithdrawn { .. } => "MutationWithdrawn",
            Self::MatchingRulesSet { .. } => "MatchingRulesSet",
            Self::PayerLearnt { .. } => "PayerLearnt",
            Self::PayerForgotten { .. } => "PayerForgotten",
            Self::MutationConfirmed { .. } => "MutationConfirmed",
            Self::MutationUndone { .. } => "MutationUndone",
            Self::MutationIgnored { .. } => "MutationIgnored",
            Self::SaleMade(_) => "SaleMade",
            Self::SaleRefunded(_) => "SaleRefunded",
            Self::ParcelCreated(_) => "ParcelCreated",
            Self::ShiftOpened(_) => "ShiftOpened",
            Self::CashMoved { .. } => "CashMoved",
            Self::ShiftClosed { .. } => "ShiftClosed",
            Self::AirwayBillRequested { .. } => "AirwayBillRequested",
            Self::AirwayBillAssigned { .. } => "AirwayBillAssigned",
            Self::AirwayBillFailed { .. } => "AirwayBillFailed",
            Self::AirwayBillLost { .. } => "AirwayBillLost",
            Self::ParcelHandedOver { .. } => "ParcelHandedOver",
            Self::ParcelDelivered { .. } => "ParcelDelivered",
            Self::ManifestCreated(_) => "ManifestCreated",
            Self::PrintJobQueued(_) => "PrintJobQueued",
            Self::PrintJobMoved { .. } => "PrintJobMoved",
            Self::MessageQueued(_) => "MessageQueued",
            Self::MessageReported { .. } => "MessageReported",
        }
    }

    /// What changed, for those who watch: the thing itself first, then the stock it touches.
    #[allow(clippy::too_many_lines, reason = "one row per event, and nothing else")]
    pub fn changes(&self) -> Vec<(Resource, u64)> {
        use Resource as R;
        match self {
            Self::SettingsUpdated(_) => vec![(R::Setting, 0)],
            Self::TaxClassCreated(t) => vec![(R::Setting, t.tax_class_id.0)],
            Self::LocationCreated(l) => vec![(R::Setting, l.location_id.0)],
            Self::BankAccountCreated(a) => vec![(R::Setting, a.bank_account_id.0)],
            Self::ColumnMappingSaved(m) => vec![(R::Setting, m.bank_account_id.0)],
            Self::CourierCreated(c) => vec![(R::Setting, c.courier_id.0)],
            Self::TillCreated(t) => vec![(R::Setting, t.till_id.0)],
            Self::ItemCreated(i) | Self::ItemUpdated(i) => vec![(R::Item, i.item_id.0)],
            Self::StockReceived { item_id, .. }
            | Self::StockAdjusted { item_id, .. }
            | Self::StockTransferred { item_id, .. } => vec![(R::Stock, item_id.0)],
            Self::HoldCreated(h) => vec![(R::Hold, h.hold_id.0), (R::Stock, h.item_id.0)],
            Self::HoldReleased { hold_id, item_id }
            | Self::HoldExpired { hold_id, item_id }
            | Self::HoldDrawn { hold_id, item_id, .. }
            | Self::HoldUsed { hold_id, item_id } => {
                vec![(R::Hold, hold_id.0), (R::Stock, item_id.0)]
            }
            Self::DropOrderRequested(d) => vec![(R::DropOrder, d.drop_order_id.0), (R::Stock, d.item_id.0)],
            Self::DropOrderHandedOver { drop_order_id, item_id }
            | Self::DropOrderRejected { drop_order_id, item_id, .. }
            | Self::DropOrderCancelled { drop_order_id, item_id }
            | Self::DropOrderExpired { drop_order_id, item_id }
            | Self::DropOrderBooked { drop_order_id, item_id, .. }
            | Self::DropOrderUnbooked { drop_order_id, item_id }
            | Self::DropOrderConsumed { drop_order_id, item_id }
            | Self::DropOrderReleased { drop_order_id, item_id }
            | Self::DropOrderReturned { drop_order_id, item_id } => {
                vec![(R::DropOrder, drop_order_id.0), (R::Stock, item_id.0)]
            }
            Self::CustomerCreated(c) | Self::CustomerUpdated(c) => vec![(R::Customer, c.customer_id.0)],
            Self::CustomerErased { customer_id, orders, messages, .. } => {
                let orders = orders.iter().map(|order| (R::Order, order.0));
                let messages = messages.iter().map(|message| (R::Message, message.0));
                std::iter::once((R::Customer, customer_id.0)).chain(orders).chain(messages).collect()
            }
            Self::OrderBooked(o) => {
                let items = o.lines.iter().map(|line| line.item_id);
                order_and_stock(o.order_id, items)
            }
            Self::OrderCancelled { order_id, items, .. }
            | Self::OrderExpired { order_id, items }
            | Self::PaymentUndone { order_id, items, .. } => {
                order_and_stock(*order_id, items.iter().copied())
            }
            Self::PaymentAllocated { order_id, effect, .. } => match effect {
                PaymentEffect::Rebooked(lines) => {
                    order_and_stock(*order_id, lines.iter().map(|line| line.item_id))
                }
                PaymentEffect::Paid | PaymentEffect::PartlyPaid | PaymentEffect::RefundDue => {
                    vec![(R::Order, order_id.0)]
                }
            },
            Self::OrderExtended { order_id, .. }
            | Self::OrderRefunded { order_id, .. }
            | Self::PayableReleased { order_id }
            | Self::OrderReminded { order_id } => vec![(R::Order, order_id.0)],
            Self::MatchingRulesSet { bank_account_id, .. }
            | Self::ColumnMappingDeleted { bank_account_id, .. } => {
                vec![(R::Setting, bank_account_id.0)]
            }
            // Of a manifest its print job tells.
            Self::PayerLearnt { .. }
            | Self::PayerForgotten { .. }
            | Self::StatementImported { .. }
            | Self::ManifestCreated(_) => Vec::new(),
            Self::MutationImported(m) => vec![(R::Mutation, m.mutation_id.0)],
            Self::MutationPosted { mutation_id, .. }
            | Self::MutationProposed { mutation_id, .. }
            | Self::MutationWithdrawn { mutation_id }
            | Self::MutationConfirmed { mutation_id, .. }
            | Self::MutationUndone { mutation_id, .. }
            | Self::MutationIgnored { mutation_id, .. } => vec![(R::Mutation, mutation_id.0)],
            Self::SaleMade(s) => {
                let order = s.order_id.is_some().then_some((R::Order, s.order_id.0));
                let lines = s.lines.iter().map(|line| (R::Stock, line.item_id.0));
                std::iter::once((R::Sale, s.sale_id.0)).chain(order).chain(lines).collect()
            }
            Self::SaleRefunded(r) => {
                let customer = r.customer_id.is_some().then_some((R::Customer, r.customer_id.0));
                let lines = r.lines.iter().map(|line| (R::Stock, line.goods.item_id.0));
                let about = [(R::Sale, r.sale_id.0), (R::Shift, r.shift_id.0)];
                about.into_iter().chain(customer).chain(lines).collect()
            }
            Self::ParcelCreated(p) => vec![(R::Parcel, p.parcel_id.0)],
            Self::ShiftOpened(s) => vec![(R::Shift, s.shift_id.0)],
            Self::CashMoved { shift_id, .. } | Self::ShiftClosed { shift_id, .. } => {
                vec![(R::Shift, shift_id.0)]
            }
            Self::AirwayBillRequested { parcel_id, .. }
            | Self::AirwayBillAssigned { parcel_id, .. }
            | Self::AirwayBillFailed { parcel_id, .. }
            | Self::AirwayBillLost { parcel_id, .. }
            | Self::ParcelHandedOver { parcel_id }
            | Self::ParcelDelivered { parcel_id } => vec![(R::Parcel, parcel_id.0)],
            Self::PrintJobQueued(j) => vec![(R::PrintJob, j.print_job_id.0)],
            Self::PrintJobMoved { print_job_id, .. } => vec![(R::PrintJob, print_job_id.0)],
            Self::MessageQueued(m) => vec![(R::Message, m.message_id.0)],
            Self::MessageReported { message_id, .. } => vec![(R::Message, message_id.0)],
        }
    }
}

fn order_and_stock(order_id: OrderId, items: impl Iterator<Item = ItemId>) -> Vec<(Resource, u64)> {
    std::iter::once((Resource::Order, order_id.0))
        .chain(items.map(|item| (Resource::Stock, item.0)))
        .collect()
}
