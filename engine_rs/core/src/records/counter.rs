//! Sales, tills, shifts.

use serde::{Deserialize, Serialize};

use super::{Line, Record, Totals, empty, record};
use crate::ids::{CustomerId, LocationId, OrderId, RefundId, SaleId, ShiftId, TillId};
use crate::kv::Key;
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
    /// What was given back since, by line; empty while nothing was.
    #[serde(default, skip_serializing_if = "empty")]
    pub refunded: Vec<RefundedLine>,
    /// Of the points redeemed, those that were given back.
    #[serde(default, skip_serializing_if = "empty")]
    pub points_returned: i64,
}
record!(Sale, Sales, "sale", SaleNotFound, sale_id);

impl Sale {
    /// What was given back of a line.
    pub fn refunded_of(&self, line: usize) -> RefundedLine {
        self.refunded.get(line).copied().unwrap_or_default()
    }

    /// What was given back in all.
    pub fn refunded_minor(&self) -> i64 {
        self.refunded.iter().map(|line| line.total_minor).sum()
    }

    /// Its row in [`Table::SalesByReceipt`]; none where the till gave its receipt no number.
    pub fn receipt_row(&self) -> Option<Key> {
        let numbered = !self.receipt.is_empty();
        numbered.then(|| Key::new().text(&self.receipt).u64(self.sale_id.0))
    }
}

/// What refunds of one line come to, in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundedLine {
    #[serde(default, skip_serializing_if = "empty")]
    pub quantity: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub total_minor: i64,
}

/// One line of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundLine {
    /// The line's place in the sale's.
    #[serde(default, skip_serializing_if = "empty")]
    pub line: usize,
    /// What comes back, and where it went.
    pub goods: Line,
    /// It was written off.
    #[serde(default, skip_serializing_if = "empty")]
    pub damaged: bool,
}

/// Goods of a till's sale given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    #[serde(default, skip_serializing_if = "empty")]
    pub refund_id: RefundId,
    #[serde(default, skip_serializing_if = "empty")]
    pub sale_id: SaleId,
    /// The till's number of the sale's receipt.
    #[serde(default, skip_serializing_if = "empty")]
    pub receipt: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub till_id: TillId,
    #[serde(default, skip_serializing_if = "empty")]
    pub shift_id: ShiftId,
    /// Where the goods went.
    #[serde(default, skip_serializing_if = "empty")]
    pub location_id: LocationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub customer_id: CustomerId,
    pub currency: Currency,
    #[serde(default, skip_serializing_if = "empty")]
    pub lines: Vec<RefundLine>,
    pub totals: Totals,
    #[serde(default, skip_serializing_if = "empty")]
    pub tenders: Vec<Tender>,
    #[serde(default, skip_serializing_if = "empty")]
    pub points_returned: i64,
    /// Of what the sale had earned.
    #[serde(default, skip_serializing_if = "empty")]
    pub points_taken: i64,
    /// What should have been taken too, and was spent.
    #[serde(default, skip_serializing_if = "empty")]
    pub points_lacking: i64,
    pub channel: Channel,
    #[serde(default, skip_serializing_if = "empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub approved_by: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub cashier: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
}
record!(Refund, Refunds, "refund", RefundNotFound, refund_id);

impl Refund {
    /// What goes back by one kind of tender.
    pub fn by_minor(&self, kind: TenderKind) -> i64 {
        self.tenders.iter().filter(|tender| tender.kind == kind).map(|tender| tender.amount_minor).sum()
    }
}

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
    #[serde(default, skip_serializing_if = "empty")]
    pub refund_count: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub refund_total_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub refund_tax_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub refund_tenders: Vec<TenderTotal>,
}
record!(Shift, Shifts, "shift", ShiftNotFound, shift_id);

impl Shift {
    /// What should be in the drawer.
    pub fn expected_cash_minor(&self) -> i64 {
        let cash = |tenders: &[TenderTotal]| -> i64 {
            tenders.iter().filter(|t| t.kind == TenderKind::Cash).map(|t| t.amount_minor).sum()
        };
        let sold = cash(&self.tenders) - cash(&self.refund_tenders);
        self.opening_cash_minor + sold + self.cash_in_minor - self.cash_out_minor
    }

    /// Whether it takes sales.
    pub fn is_open(&self) -> bool {
        self.close_ms == 0
    }
}
