//! Which orders the mutations of one bank account pay.
//!
//! A [`Matcher`] holds what is open on both sides and what was learnt of payers. [`Matcher::decide`] weighs the evidence,
//! assigns competing mutations together and says how sure it is. Pure: integers only, no clock, no randomness; the same
//! orders, mutations and aliases give the same decisions, in whatever order they were put in.

mod config;
mod matcher;
mod payer;
mod reason;
mod types;

pub use config::Config;
pub use matcher::Matcher;
pub use payer::payer_key;
pub use reason::{Feature, Reason};
pub use types::{
    Allocation, Candidate, CustomerKey, Decided, Decision, Mutation, MutationId, Order, OrderId, OrderState,
    Verdict,
};
