//! Sales, tills, shifts.

use serde::{Deserialize, Serialize};

use super::{Line, Record, Totals, empty, record};
use crate::ids::{CustomerId, LocationId, OrderId, SaleId, ShiftId, TillId};
use crate::money::Currency;
use crate::refusal::Reason;
use crate::states::{Channel, TenderKind};
use crate::tables::Table;

/// One payment of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tender {
    pub kind: TenderKind,
    #[serde(default, skip_serializing_if = "empty")]
    pub amount_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub reference: String,
}

/// A sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    #[serde(default, skip_serializing_if = "empty")]
    pub sale_id: SaleId,
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub till_id: TillId,
    #[serde(default, skip_serializing_if = "empty")]
    pub shift_id: ShiftId,
    #[serde(default, skip_serializing_if = "empty")]
    pub customer_id: CustomerId,
    pub currency: Currency,
    #[serde(default, skip_serializing_if = "empty")]
    pub lines: Vec<Line>,
    pub totals: Totals,
    #[serde(default, skip_serializing_if = "empty")]
    pub tenders: Vec<Tender>,
    #[serde(default, skip_serializing_if = "empty")]
    pub change_minor: i64,
    /// Received with the payment beyond the totals; signed.
    #[serde(default, skip_serializing_if = "empty")]
    pub unique_code_minor: i64,
    /// What of the order's payable was written off: nobody paid it.
    #[serde(default, skip_serializing_if = "empty")]
    pub written_off_minor: i64,
    pub channel: Channel,
    #[serde(default, skip_serializing_if = "empty")]
    pub cashier: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub points_earned: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub points_redeemed: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
    /// The till's own number.
    #[serde(default, skip_serializing_if = "empty")]
    pub receipt: String,
    /// When the customer paid, where that was earlier; 0 when not.
    #[serde(default, skip_serializing_if = "empty")]
    pub sold_ms: i64,
    /// What was charged less what the price list came to; signed.
    #[serde(default, skip_serializing_if = "empty")]
    pub charged_difference_minor: i64,
}
record!(Sale, Sales, "sale", SaleNotFound, sale_id);

/// A till.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Till {
    #[serde(default, skip_serializing_if = "empty")]
    pub till_id: TillId,
    #[serde(default, skip_serializing_if = "empty")]
    pub code: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub location_id: LocationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub open_shift_id: ShiftId,
}
record!(Till, Tills, "till", TillNotFound, till_id);

/// Money in by one kind of tender, change taken off cash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenderTotal {
    pub kind: TenderKind,
    #[serde(default, skip_serializing_if = "empty")]
    pub count: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub amount_minor: i64,
}

/// One cashier's time at a till.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    #[serde(default, skip_serializing_if = "empty")]
    pub shift_id: ShiftId,
    #[serde(default, skip_serializing_if = "empty")]
    pub till_id: TillId,
    #[serde(default, skip_serializing_if = "empty")]
    pub cashier: String,
    pub currency: Currency,
    #[serde(default, skip_serializing_if = "empty")]
    pub open_ms: i64,
    /// 0 while open.
    #[serde(default, skip_serializing_if = "empty")]
    pub close_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub opening_cash_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub sale_count: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub sale_total_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub tax_total_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub discount_total_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub tenders: Vec<TenderTotal>,
    #[serde(default, skip_serializing_if = "empty")]
    pub cash_in_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub cash_out_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub counted_cash_minor: Option<i64>,
}
record!(Shift, Shifts, "shift", ShiftNotFound, shift_id);

impl Shift {
    /// What should be in the drawer.
    pub fn expected_cash_minor(&self) -> i64 {
        let cash: i64 =
            self.tenders.iter().filter(|t| t.kind == TenderKind::Cash).map(|t| t.amount_minor).sum();
        self.opening_cash_minor + cash + self.cash_in_minor - self.cash_out_minor
    }

    /// Whether it takes sales.
    pub fn is_open(&self) -> bool {
        self.close_ms == 0
    }
}
