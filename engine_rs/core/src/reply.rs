//! What the writer answers: the records as they stand after the command. The bridge turns them into the contract's messages.

use crate::ids::{CustomerId, MutationId, OrderId, ParcelId, PrintJobId};
use crate::kv::{Fault, View};
use crate::personal::Whose;
use crate::records::{
    BankAccount, ColumnMapping, Courier, Customer, DropOrder, Hold, Item, Location, Manifest, Message,
    Mutation, Order, Parcel, PrintJob, Refund, Sale, Settings, Shift, TaxClass, Till,
};
use crate::refusal::Refusal;
use crate::states::OrderState;
use crate::stock::StockLevel;

/// One element of a batch: done, or refused by itself.
pub type Each<T> = Result<T, Refusal>;

/// Outcome of importing rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Those that are new.
    pub mutation_ids: Vec<MutationId>,
    /// Those that were known already, posted ones included.
    pub known: Vec<MutationId>,
    /// New ones that the bank has not posted.
    pub pending: Vec<MutationId>,
    /// Those that were pending before and are posted now.
    pub posted: Vec<MutationId>,
    /// The account had the whole file before: all rows count as known, those of `known` and those that would be read otherwise today.
    pub file_known: bool,
    /// How many were known.
    pub known_rows: usize,
}

/// Outcome of a matcher's run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proposed {
    pub auto: i32,
    pub suggested: i32,
    pub unmatched: i32,
    pub more: bool,
    pub withdrawn: i32,
}

/// Outcome of confirming one mutation, or one of several that pay an order together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    pub mutation_id: MutationId,
    pub result: Each<(Vec<OrderId>, OrderState)>,
}

/// Outcome of making one sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    pub order_id: OrderId,
    pub result: Each<(Sale, ParcelId)>,
}

/// Outcome of queueing labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelsQueued {
    pub queued: Vec<ParcelId>,
    pub print_job_ids: Vec<PrintJobId>,
    pub waiting: Vec<ParcelId>,
    pub skipped: Vec<ParcelId>,
    pub more: bool,
}

/// What the writer answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "one reply per command, moved once")]
pub enum Reply {
    Settings(Settings),
    TaxClass(TaxClass),
    Item(Item),
    Items(Vec<Each<Item>>),
    Location(Location),
    Stocks(Vec<StockLevel>),
    Hold(Hold),
    Holds(Vec<Each<Hold>>),
    DropOrder(DropOrder),
    Order(Order),
    Orders(Vec<Each<Order>>),
    Customer(Customer),
    Message(Message),
    BankAccount(BankAccount),
    ColumnMapping(ColumnMapping),
    Imported(Imported),
    Proposed(Proposed),
    Confirmed { results: Vec<Confirmed>, more: bool },
    Matched { mutation: Mutation, orders: Vec<Order> },
    Joined { mutations: Vec<Mutation>, order: Order },
    Mutation(Mutation),
    Sales { results: Vec<Sold>, more: bool },
    Till(Till),
    Shift(Shift),
    Sale(Sale),
    Refund(Refund),
    Courier(Courier),
    Labels(LabelsQueued),
    Parcel(Parcel),
    Manifest { manifest: Manifest, print_job_id: PrintJobId },
    PrintJob(PrintJob),
    PrintJobs { accepted: i32, refused: Vec<PrintJobId> },
    Settled { job: PrintJob, new_print_job_id: PrintJobId },
}

impl Reply {
    /// Whom it tells of, each once: name, phone, address and the like. Statements of banks are the books' own.
    ///
    /// # Errors
    /// [`Fault`] when the view cannot be read.
    pub fn customers(&self, view: &dyn View) -> Result<Vec<CustomerId>, Fault> {
        let of_orders = |orders: &mut dyn Iterator<Item = &Order>| -> Vec<CustomerId> {
            let mut customers: Vec<_> = orders.map(|order| order.customer_id).collect();
            customers.sort_unstable();
            customers.dedup();
            customers
        };
        Ok(match self {
            Self::Customer(customer) => vec![customer.customer_id],
            Self::Message(message) => vec![message.customer_id],
            Self::Order(order) | Self::Joined { order, .. } => vec![order.customer_id],
            Self::Orders(orders) => of_orders(&mut orders.iter().flatten()),
            Self::Matched { orders, .. } => of_orders(&mut orders.iter()),
            Self::Parcel(parcel) => vec![Whose::Order(parcel.order_id).customer(view)?],
            Self::Manifest { manifest, .. } => {
                let lines = manifest.lines.iter();
                let mut customers = lines
                    .map(|line| Whose::Order(line.order_id).customer(view))
                    .collect::<Result<Vec<_>, _>>()?;
                customers.sort_unstable();
                customers.dedup();
                customers
            }
            _ => Vec::new(),
        })
    }
}
