//! Which orders the mutations of one bank account pay.
//!
//! A [`Matcher`] holds what is open on both sides and what was learnt of payers. [`Matcher::decide`] weighs the evidence,
//! assigns competing mutations together and says how sure it is. Pure: integers only, no clock, no randomness; the same
//! orders, mutations and aliases give the same decisions, in whatever order they were put in.
//!
//! The weights are log-odds after Fellegi and Sunter (1969). Pairs are found by amount, name, number and known payer
//! (`candidates`), weighed one by one (`evidence`), and chosen together where they compete (`component`, `assign`).

mod amounts;
mod assign;
mod candidates;
mod component;
mod config;
mod evidence;
mod groups;
mod holders;
mod likely_name;
mod likeness;
mod logs;
mod matcher;
mod names;
mod open;
mod reason;
mod side_by_side;
mod sorted;
mod tally;
mod text;
mod types;
mod verdict;

pub use amounts::Relation;
pub use config::{Config, Weights};
pub use matcher::Matcher;
pub use reason::{Feature, Reason};
pub use side_by_side::side_by_side;
pub use text::{payer_key, tells_payer};
pub use types::{
    Allocation, Candidate, CustomerKey, Decided, Decision, Mutation, MutationId, Order, OrderId, OrderState,
    Verdict,
};
