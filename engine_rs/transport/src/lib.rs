//! gRPC over HTTP/2, served by a few threads of Rust.
//!
//! A [`Server`] has a table of methods, fixed when it starts. A [`Native`] one is called on the connection's thread, and
//! answers there or later from any thread through its [`Ticket`]; so does an [`Exchange`], which takes many requests and
//! answers each. A foreign one, in another language, waits as an
//! [`Event`] in a [`Mailbox`] that wakes its event loop once for all that lies there. What a call may cost is bounded
//! ([`Config`]); what becomes of it is counted and written down ([`Observer`]).
//!
//! Nothing here knows what is served.

mod call;
mod config;
mod connection;
mod exchange;
mod frame;
mod handler;
mod holding;
mod mailbox;
pub mod metadata;
mod observe;
mod parting;
mod respond;
mod server;
mod status;
mod stream;
mod tls;
mod trace;
mod worker;

pub use config::{Asked, Config, PlainPolicy, Policy, Tls};
pub use exchange::{Conversation, Exchange, Taken};
pub use handler::{
    Admission, CallId, Caller, Event, Extra, ForeignCall, Grant, Handler, Identity, Info, Method, Native,
    Peer, Remote, Replies, Reply, SEND_AHEAD, Shape, Ticket,
};
pub use mailbox::{Doorstep, Mailbox, lock};
pub use observe::{BOUNDS_US, Figures, LOG_MAX, LogCalls, Observer, Record};
pub use server::Server;
pub use status::{CODES, Code, Status, beginning};
pub use trace::{Parent, TRACES_MAX, Trace, Traced};
