//! The rules of a sale, pure: no I/O, no clock, no randomness, no float.
//!
//! [`execute`] is the whole of it: it decides a command on a state at a time, lets what is decided evolve the state, and
//! gives the events for the journal and the reply for the caller. [`apply`] lets journalled events evolve another state to
//! the same bytes. [`expire_due`] ends what fell due. [`verify`] checks every invariant over a whole state.

pub mod codes;
pub mod command;
pub mod deadlines;
mod decide;
pub mod event;
mod evolve;
mod execute;
pub mod ids;
pub mod kept;
pub mod kv;
pub mod matching;
pub mod money;
pub mod open_money;
pub mod personal;
pub mod query;
pub mod records;
pub mod refusal;
pub mod reply;
pub mod scan;
pub mod states;
pub mod stock;
pub mod tables;
pub mod text;
pub mod totals;
pub mod verify;

pub use command::Command;
pub use event::Event;
pub use execute::{CLOCK_ACTOR, Context, Executed, apply, check, execute, expire_due, expire_named};
pub use kv::{Fault, Memory, State, View};
pub use refusal::{Code, Reason, Refusal, Stop};
pub use reply::Reply;
pub use tables::Table;
pub use verify::verify;
