//! Why: each piece of evidence with its weight, in plain words when somebody reads it.

use std::fmt;

use crate::types::OrderId;

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What was seen.
    pub feature: Feature,
    /// What it weighs, thousandths of a nat; positive speaks for.
    pub weight_millinats: i64,
}

/// What can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feature {
    /// The amount is what the order has to pay.
    Exact(OrderId),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.feature {
            Feature::Exact(order) => write!(f, "The amount is exactly what order {} has to pay", order.0)?,
        }
        let weight = self.weight_millinats;
        let sign = if weight < 0 { '-' } else { '+' };
        let tenths = (weight.abs() + 50) / 100;
        write!(f, " ({sign}{}.{}).", tenths / 10, tenths % 10)
    }
}
