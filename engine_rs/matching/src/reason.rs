//! Why: each piece of evidence with its weight, in plain words when somebody reads it.

use std::fmt;

use crate::amounts::Relation;
use crate::types::OrderId;

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What was seen.
    pub feature: Feature,
    /// What it weighs, thousandths of a nat; positive speaks for. 0 for what is only said.
    pub weight_millinats: i64,
}

/// What can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// How the amount is to what the order has to pay.
    Amount(OrderId, Relation),
    /// The amount is the sum of several orders; so many sums were tried.
    Sum {
        /// How many orders it pays.
        orders: usize,
        /// How many sums could have fitted by chance.
        tried: u64,
    },
    /// Several transfers are together what the order has to pay.
    Parts {
        /// The order.
        order_id: OrderId,
        /// How many transfers.
        transfers: usize,
    },
    /// The text names the order's customer.
    Name(OrderId),
    /// The text names somebody else.
    NameDiffers(OrderId),
    /// The text holds the order's number.
    Number(OrderId),
    /// The text holds another order's number.
    NumberDiffers(OrderId),
    /// This payer paid for the customer before.
    Alias(OrderId),
    /// This payer paid only for others before.
    AliasDiffers(OrderId),
    /// Paid while the order waited.
    InTime(OrderId),
    /// Paid so many days after the deadline.
    Late(OrderId, i32),
    /// Paid so many days before the order was booked.
    BeforeBooking(OrderId, i32),
    /// The order was cancelled.
    Cancelled(OrderId),
    /// Two orders had to pay the same one after the other: the amount alone names neither.
    PayableShared(OrderId),
    /// What several orders or transfers of one payer weigh together, beyond the best of them.
    SamePayer,
    /// How seldom any transfer pays any one order.
    Before,
    /// Several explanations are equally good.
    Tie,
    /// Its orders are better explained by other transfers.
    Taken,
    /// Another order has to pay exactly this amount.
    ExactElsewhere(OrderId),
    /// Nothing open fits.
    NothingFits,
    /// A search stopped at its bound.
    Cut,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Feature::Amount(order, relation) => amount(f, order.0, *relation),
            Feature::Sum { orders, tried } => {
                write!(f, "The amount is exactly the sum of {orders} orders, one of {tried} sums tried")
            }
            Feature::Parts { order_id, transfers } => {
                write!(f, "{transfers} transfers are together exactly what order {} has to pay", order_id.0)
            }
            Feature::Name(order) => write!(f, "The text names the customer of order {}", order.0),
            Feature::NameDiffers(order) => {
                write!(f, "The text does not name the customer of order {}, or names somebody else", order.0)
            }
            Feature::Number(order) => write!(f, "The text holds the number of order {}", order.0),
            Feature::NumberDiffers(order) => {
                write!(f, "The text holds another number than that of order {}", order.0)
            }
            Feature::Alias(order) => {
                write!(f, "This payer paid for the customer of order {} before", order.0)
            }
            Feature::AliasDiffers(order) => {
                write!(f, "This payer paid for others before, not for the customer of order {}", order.0)
            }
            Feature::InTime(order) => write!(f, "Order {} was waiting for its money on that day", order.0),
            Feature::Late(order, days) => {
                write!(f, "It came {days} days after the deadline of order {}", order.0)
            }
            Feature::BeforeBooking(order, days) => {
                write!(f, "It came {days} days before order {} was booked", order.0)
            }
            Feature::Cancelled(order) => {
                write!(f, "Order {} was cancelled: what comes for it is owed back", order.0)
            }
            Feature::PayableShared(order) => {
                write!(f, "Another order had to pay the same as order {} before", order.0)
            }
            Feature::SamePayer => f.write_str("All that is paid together is the same payer's"),
            Feature::Before => f.write_str("Before anything is known, few transfers pay any one order"),
            Feature::Tie => f.write_str("Several explanations are equally good: a person has to choose"),
            Feature::Taken => f.write_str("The orders that would fit are better paid by other transfers"),
            Feature::ExactElsewhere(order) => {
                write!(f, "Order {} has to pay exactly this amount: a person has to look", order.0)
            }
            Feature::NothingFits => f.write_str("No open order fits"),
            Feature::Cut => {
                f.write_str("The search was stopped at its bound: something may have been missed")
            }
        }
    }
}

fn amount(f: &mut fmt::Formatter<'_>, order: u64, relation: Relation) -> fmt::Result {
    match relation {
        Relation::Exact => write!(f, "The amount is exactly what order {order} has to pay"),
        Relation::CodeLeftOut => {
            write!(f, "The amount is what order {order} has to pay without its unique code")
        }
        Relation::FeeShort => write!(f, "The amount is what order {order} has to pay less a usual fee"),
        Relation::FeeOver => write!(f, "The amount is what order {order} has to pay with a usual fee added"),
        Relation::Tolerated => write!(f, "The amount is a little less than order {order} has to pay"),
        Relation::Swapped => {
            write!(f, "The amount is what order {order} has to pay with two neighbouring digits swapped")
        }
        Relation::WrongDigit => {
            write!(f, "The amount differs in one digit from what order {order} has to pay")
        }
        Relation::DigitCount => {
            write!(f, "The amount has one digit more or less than what order {order} has to pay")
        }
        Relation::CodeSeen => {
            write!(f, "The amount ends with the unique code of order {order}, but is another one")
        }
        Relation::Part => write!(f, "The amount is less than order {order} has to pay"),
        Relation::Over => write!(f, "The amount is more than order {order} has to pay"),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = self.weight_millinats;
        if weight == 0 {
            return write!(f, "{}.", self.feature);
        }
        let sign = if weight < 0 { '-' } else { '+' };
        let tenths = (weight.abs() + 50) / 100;
        write!(f, "{} ({sign}{}.{}).", self.feature, tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_sentence_with_its_weight() {
        let feature = Feature::Amount(OrderId(12), Relation::Exact);
        let reason = Reason { feature, weight_millinats: 6_907 };
        assert_eq!(reason.to_string(), "The amount is exactly what order 12 has to pay (+6.9).");
        let reason = Reason { feature: Feature::Late(OrderId(12), 3), weight_millinats: -449 };
        assert_eq!(reason.to_string(), "It came 3 days after the deadline of order 12 (-0.4).");
        let reason = Reason { feature: Feature::NothingFits, weight_millinats: 0 };
        assert_eq!(reason.to_string(), "No open order fits.");
    }
}
