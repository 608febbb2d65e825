//! Totalling without any effect: what a customer would pay.

use crate::command::{BookingInput, RefundInput, TillSaleInput};
pub use crate::decide::pricing::Priced as Quote;
use crate::decide::{pricing, refund};
use crate::kv::View;
use crate::records::Refund;
use crate::refusal::Outcome;

/// What a booking would come to, without unique code, with its sources checked as if it were made at `now_ms`.
pub fn quote_booking(view: &dyn View, input: &BookingInput, now_ms: i64) -> Outcome<Quote> {
    pricing::price_booking(view, input, now_ms)
}

/// What a cart would come to at its shift's till.
pub fn quote_till_sale(view: &dyn View, input: &TillSaleInput) -> Outcome<Quote> {
    pricing::price_till_sale(view, input)
}

/// What giving goods of a till's sale back would come to, and how it would be paid; without number and time.
pub fn quote_refund(view: &dyn View, input: &RefundInput) -> Outcome<Refund> {
    refund::quote(view, input)
}
