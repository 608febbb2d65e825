//! What goes in and what comes out: orders, mutations, decisions.

use crate::reason::Reason;

/// An order, by the number that its keeper knows it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

/// A bank mutation, by the number that its keeper knows it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MutationId(pub u64);

/// A customer; 0 is nobody known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CustomerKey(pub u64);

/// Whether an order still waits for its money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrderState {
    /// It waits for it.
    #[default]
    Open,
    /// Its deadline passed: late money may come.
    Expired,
    /// Somebody cancelled it: what comes is owed back, so no decision for it is [`Verdict::Auto`].
    Cancelled,
}

/// An order that money may come for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Unique within a matcher.
    pub order_id: OrderId,
    /// Kept and handed back with each allocation.
    pub version: i64,
    /// What customers write into a transfer to name the order, mostly its id; 0 is none.
    pub number: u64,
    /// Whose it is; 0 when nobody knows.
    pub customer_key: CustomerKey,
    /// As booked; may be empty.
    pub customer_name: String,
    /// Total with the unique code.
    pub payable_minor: i64,
    /// What is not paid yet; more than 0, at most `payable_minor`.
    pub due_minor: i64,
    /// In major units, as the customer reads it; negative when it was taken off; 0 is none. Of a partly paid order it is not
    /// looked at.
    pub unique_code: i32,
    /// When it was booked, milliseconds since 1970 UTC.
    pub create_ms: i64,
    /// Its payment deadline, milliseconds since 1970 UTC; 0 is none.
    pub expire_ms: i64,
    /// Whether it still waits.
    pub state: OrderState,
    /// Another order had to pay the same before and its late money may yet come: the amount alone names neither.
    pub payable_shared: bool,
}

/// Money that came in and that nothing explains yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// Unique within a matcher.
    pub mutation_id: MutationId,
    /// More than 0.
    pub amount_minor: i64,
    /// The bank's booking day, days since 1970-01-01 where the bank is.
    pub day: i32,
    /// The bank's text.
    pub description: String,
    /// Who paid, when the bank says so apart from its text; else empty.
    pub counterparty: String,
}

/// How sure a decision is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Sure enough to be confirmed in bulk.
    Auto,
    /// Likely; a person looks.
    Suggested,
    /// Several fit equally well; a person chooses.
    Ambiguous,
    /// It pays for none of the orders, as far as can be told.
    None,
}

/// How much of a mutation pays which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// The order.
    pub order_id: OrderId,
    /// Its version when it was put.
    pub order_version: i64,
    /// At most what is due; all allocations of a mutation together at most its amount.
    pub amount_minor: i64,
    /// What is let go, because a transfer's fee was taken off on the way; 0 mostly.
    pub write_off_minor: i64,
}

/// One explanation of a mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The orders it pays, by id; never empty.
    pub order_ids: Vec<OrderId>,
    /// Log-odds against "it pays for none of them".
    pub score_millinats: i64,
}

/// What is thought of one mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Which.
    pub mutation_id: MutationId,
    /// How sure.
    pub verdict: Verdict,
    /// Empty for [`Verdict::None`] and [`Verdict::Ambiguous`]. What they leave of the amount is the customer's credit.
    pub allocations: Vec<Allocation>,
    /// Other mutations that pay the same order together with this one, by id; each has its own decision.
    pub joined: Vec<MutationId>,
    /// Log-odds of the chosen explanation against "it pays for none", thousandths of a nat; 0 when none is chosen.
    pub score_millinats: i64,
    /// By how much all mutations that compete explain less if this decision is another one.
    pub margin_millinats: i64,
    /// What speaks for the chosen explanation and against it.
    pub reasons: Vec<Reason>,
    /// The chosen explanation first, then the others by themselves, best first; at most [`crate::Config::candidates_max`].
    pub candidates: Vec<Candidate>,
    /// A search stopped at its bound: something may have been missed, and nothing is [`Verdict::Auto`] for it.
    pub cut: bool,
}

/// What one call of [`crate::Matcher::decide`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decided {
    /// Decisions that are new or differ from those before, by mutation id.
    pub changed: Vec<Decision>,
    /// The cap was reached: call again, it goes on with what is left.
    pub more: bool,
}
