//! What is set up and what stands where.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Record, decode, empty, kept, record};
use crate::ids::{DropOrderId, HoldId, ItemId, LocationId, OrderId, TaxClassId};
use crate::kv::{Fault, Key, View};
use crate::money::{Currency, Money};
use crate::refusal::Reason;
use crate::states::{DropOrderState, LocationKind, TaxMode};
use crate::tables::Table;

/// What a shop decides once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Printed on paper.
    pub shop_name: String,
    /// Printed below it.
    pub shop_address: String,
    /// Currency of totals and tills.
    pub currency: Currency,
    /// Days of reports begin at this offset's midnight.
    pub utc_offset_ms: i64,
    /// Payment deadline when a booking names none.
    pub booking_duration_ms: i64,
    /// Deadline of Drop Orders and holds that name none.
    pub hold_duration_ms: i64,
    /// How long a payable stays reserved after its order closed.
    pub payable_cooldown_ms: i64,
    /// How long before its deadline the customer of an unpaid order is reminded; 0 is never.
    #[serde(default, skip_serializing_if = "empty")]
    pub reminder_before_ms: i64,
    /// One point per this many minor units of a till sale; 0 is off.
    pub points_per_minor: i64,
    /// Worth of a redeemed point; 0: not redeemable.
    pub point_value_minor: i64,
    /// Grows with every change.
    pub version: i64,
}

/// Milliseconds of one hour.
pub const HOUR_MS: i64 = 3_600_000;

impl Default for Settings {
    fn default() -> Self {
        Self {
            shop_name: "Kasir".into(),
            shop_address: String::new(),
            currency: Currency::IDR,
            utc_offset_ms: 7 * HOUR_MS,
            booking_duration_ms: 3 * HOUR_MS,
            hold_duration_ms: HOUR_MS,
            payable_cooldown_ms: 7 * 24 * HOUR_MS,
            reminder_before_ms: 0,
            points_per_minor: 0,
            point_value_minor: 0,
            version: 0,
        }
    }
}

impl Settings {
    /// The shop's settings, or the defaults.
    pub fn load(view: &dyn View) -> Result<Arc<Self>, Fault> {
        // The defaults are kept, too: many a shop never changes them.
        let load = || {
            let row = view.get(Table::Settings, Key::new().as_slice())?;
            row.map_or(Ok(Self::default()), |bytes| decode(&bytes)).map(Some)
        };
        Ok(kept(view, Table::Settings, 0, load)?.unwrap_or_default())
    }
}

/// A named tax rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxClass {
    #[serde(default, skip_serializing_if = "empty")]
    pub tax_class_id: TaxClassId,
    #[serde(default, skip_serializing_if = "empty")]
    pub code: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub rate_basis_points: i32,
    pub mode: TaxMode,
}
record!(TaxClass, TaxClasses, "tax class", TaxClassNotFound, tax_class_id);

/// One price of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    #[serde(default, skip_serializing_if = "empty")]
    pub price_list: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub min_quantity: i64,
    pub amount: Money,
}

/// Something sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    #[serde(default, skip_serializing_if = "empty")]
    pub item_id: ItemId,
    #[serde(default, skip_serializing_if = "empty")]
    pub sku: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub category: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub barcodes: Vec<String>,
    #[serde(default, skip_serializing_if = "empty")]
    pub prices: Vec<Price>,
    #[serde(default, skip_serializing_if = "empty")]
    pub tax_class_id: TaxClassId,
    #[serde(default, skip_serializing_if = "empty")]
    pub weight_grams: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub inactive: bool,
    #[serde(default, skip_serializing_if = "empty")]
    pub reorder_point: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub version: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
}
record!(Item, Items, "item", ItemNotFound, item_id);

/// A place where stock stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    #[serde(default, skip_serializing_if = "empty")]
    pub location_id: LocationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub code: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub name: String,
    pub kind: LocationKind,
}
record!(Location, Locations, "location", LocationNotFound, location_id);

/// A claim with a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    #[serde(default, skip_serializing_if = "empty")]
    pub hold_id: HoldId,
    #[serde(default, skip_serializing_if = "empty")]
    pub item_id: ItemId,
    #[serde(default, skip_serializing_if = "empty")]
    pub location_id: LocationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub quantity: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub owner: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub expire_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
}
record!(Hold, Holds, "hold", HoldNotFound, hold_id);

/// A recorded request that the warehouse hands an item to the CS desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropOrder {
    #[serde(default, skip_serializing_if = "empty")]
    pub drop_order_id: DropOrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub item_id: ItemId,
    #[serde(default, skip_serializing_if = "empty")]
    pub quantity: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub from_location_id: LocationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub to_location_id: LocationId,
    pub state: DropOrderState,
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub requested_by: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub reject_reason: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub note: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub expire_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub update_ms: i64,
}
record!(DropOrder, DropOrders, "Drop Order", DropOrderNotFound, drop_order_id);

impl DropOrder {
    /// Whether its own claim should have ended by now.
    pub fn overdue(&self, now_ms: i64) -> bool {
        self.state.claims() && self.expire_ms <= now_ms
    }
}
