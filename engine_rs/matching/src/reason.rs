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
    /// The amount is that sum without the orders' unique codes.
    SumWithoutCodes {
        /// How many orders it pays.
        orders: usize,
        /// How many sums could have fitted by chance.
        tried: u64,
    },
    /// The amount is that sum less a usual fee.
    SumLessFee {
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
    /// Several transfers are a part of what the order has to pay.
    PartsSoFar {
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

impl Feature {
    /// The sentence without its point; `named` says how an order is called.
    fn words(self, named: &dyn Fn(OrderId) -> String) -> String {
        match self {
            Feature::Amount(order, relation) => amount(&named(order), relation),
            Feature::Sum { orders, tried } => {
                format!("The amount is exactly the sum of {orders} orders, one of {tried} sums tried")
            }
            Feature::SumWithoutCodes { orders, tried } => {
                format!(
                    "The amount is the sum of {orders} orders without their codes, one of {tried} sums tried"
                )
            }
            Feature::SumLessFee { orders, tried } => {
                format!(
                    "The amount is the sum of {orders} orders less a usual fee, one of {tried} sums tried"
                )
            }
            Feature::Parts { order_id, transfers } => {
                format!(
                    "{transfers} transfers are together exactly what order {} has to pay",
                    named(order_id)
                )
            }
            Feature::PartsSoFar { order_id, transfers } => {
                format!(
                    "{transfers} transfers are together a part of what order {} has to pay",
                    named(order_id)
                )
            }
            Feature::Name(order) => format!("The text names the customer of order {}", named(order)),
            Feature::NameDiffers(order) => {
                format!(
                    "The text does not name the customer of order {}, or names somebody else",
                    named(order)
                )
            }
            Feature::Number(order) => format!("The text holds the number of order {}", named(order)),
            Feature::NumberDiffers(order) => {
                format!("The text holds another number than that of order {}", named(order))
            }
            Feature::Alias(order) => {
                format!("This payer paid for the customer of order {} before", named(order))
            }
            Feature::AliasDiffers(order) => {
                format!("This payer paid for others before, not for the customer of order {}", named(order))
            }
            Feature::InTime(order) => format!("Order {} was waiting for its money on that day", named(order)),
            Feature::Late(order, days) => {
                format!("It came {days} days after the deadline of order {}", named(order))
            }
            Feature::BeforeBooking(order, days) => {
                format!("It came {days} days before order {} was booked", named(order))
            }
            Feature::Cancelled(order) => {
                format!("Order {} was cancelled: what comes for it is owed back", named(order))
            }
            Feature::PayableShared(order) => {
                format!("Another order had to pay the same as order {} before", named(order))
            }
            Feature::ExactElsewhere(order) => {
                format!("Order {} has to pay exactly this amount: a person has to look", named(order))
            }
            Feature::SamePayer => "All that is paid together is the same payer's".into(),
            Feature::Before => "Before anything is known, few transfers pay any one order".into(),
            Feature::Tie => "Several explanations are equally good: a person has to choose".into(),
            Feature::Taken => "The orders that would fit are better paid by other transfers".into(),
            Feature::NothingFits => "No open order fits".into(),
            Feature::Cut => "The search was stopped at its bound: something may have been missed".into(),
        }
    }
}

fn amount(order: &str, relation: Relation) -> String {
    match relation {
        Relation::Exact => format!("The amount is exactly what order {order} has to pay"),
        Relation::CodeLeftOut => {
            format!("The amount is what order {order} has to pay without its unique code")
        }
        Relation::FeeShort => format!("The amount is what order {order} has to pay less a usual fee"),
        Relation::FeeOver => format!("The amount is what order {order} has to pay with a usual fee added"),
        Relation::Tolerated => format!("The amount is a little less than order {order} has to pay"),
        Relation::Swapped => {
            format!("The amount is what order {order} has to pay with two neighbouring digits swapped")
        }
        Relation::WrongDigit => {
            format!("The amount differs in one digit from what order {order} has to pay")
        }
        Relation::DigitCount => {
            format!("The amount has one digit more or less than what order {order} has to pay")
        }
        Relation::CodeSeen => {
            format!("The amount ends with the unique code of order {order}, but is another one")
        }
        Relation::Rounded => format!("The amount is what order {order} has to pay, rounded"),
        Relation::Part => format!("The amount is less than order {order} has to pay"),
        Relation::Over => format!("The amount is more than order {order} has to pay"),
    }
}

impl Reason {
    /// The reason as a sentence with its weight; `named` says how an order is called.
    pub fn words(&self, named: impl Fn(OrderId) -> String) -> String {
        let said = self.feature.words(&named);
        let weight = self.weight_millinats;
        if weight == 0 {
            return format!("{said}.");
        }
        let sign = if weight < 0 { '-' } else { '+' };
        let tenths = (weight.abs() + 50) / 100;
        format!("{said} ({sign}{}.{}).", tenths / 10, tenths % 10)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(|order| order.0.to_string()))
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
