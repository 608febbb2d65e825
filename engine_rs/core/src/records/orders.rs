//! Book Orders and those who place them.

use serde::{Deserialize, Serialize};

use super::{Record, empty, record};
use crate::ids::{
    BankAccountId, CourierId, CustomerId, DropOrderId, HoldId, ItemId, LocationId, MutationId, OrderId,
    ParcelId, SaleId,
};
use crate::money::Currency;
use crate::refusal::Reason;
use crate::states::{Channel, OrderState};
use crate::tables::Table;

/// A postal address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    #[serde(default, skip_serializing_if = "empty")]
    pub recipient: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub phone: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub street: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub district: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub city: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub province: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub postal_code: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub country_code: String,
}

/// One line of an order or sale, frozen when made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    #[serde(default, skip_serializing_if = "empty")]
    pub item_id: ItemId,
    #[serde(default, skip_serializing_if = "empty")]
    pub sku: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub quantity: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub unit_price_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub discount_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub tax_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub tax_included: bool,
    #[serde(default, skip_serializing_if = "empty")]
    pub total_minor: i64,
    /// Where the claim lies.
    #[serde(default, skip_serializing_if = "empty")]
    pub location_id: LocationId,
    /// The Drop Order it comes from.
    #[serde(default, skip_serializing_if = "empty")]
    pub drop_order_id: DropOrderId,
    /// The hold that was used up for it.
    #[serde(default, skip_serializing_if = "empty")]
    pub hold_id: HoldId,
    #[serde(default, skip_serializing_if = "empty")]
    pub tax_code: String,
}

/// What is to pay, in the order's currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    #[serde(default, skip_serializing_if = "empty")]
    pub goods_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub discount_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub tax_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub tax_added_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub shipping_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub total_minor: i64,
}

/// Money for one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// The mutation, or 0 for a recorded payment.
    #[serde(default, skip_serializing_if = "empty")]
    pub mutation_id: MutationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub method: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub reference: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub amount_minor: i64,
    /// What was still to pay then, and was written off with it.
    #[serde(default, skip_serializing_if = "empty")]
    pub write_off_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
}

/// An item set aside for one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    pub state: OrderState,
    #[serde(default, skip_serializing_if = "empty")]
    pub version: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub customer_id: CustomerId,
    #[serde(default, skip_serializing_if = "empty")]
    pub customer_name: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub customer_phone: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub customer_email: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub address: Option<Address>,
    pub currency: Currency,
    #[serde(default, skip_serializing_if = "empty")]
    pub lines: Vec<Line>,
    pub totals: Totals,
    /// In major units.
    #[serde(default, skip_serializing_if = "empty")]
    pub unique_code: i32,
    #[serde(default, skip_serializing_if = "empty")]
    pub payable_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub paid_minor: i64,
    /// What need not be paid any more.
    #[serde(default, skip_serializing_if = "empty")]
    pub written_off_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub allocations: Vec<Allocation>,
    pub channel: Channel,
    #[serde(default, skip_serializing_if = "empty")]
    pub bank_account_id: BankAccountId,
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_id: CourierId,
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_service: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub expire_ms: i64,
    /// When its customer is reminded of the deadline; 0 when that was done, or shall not be.
    #[serde(default, skip_serializing_if = "empty")]
    pub remind_ms: i64,
    /// When the payable's reservation ends; 0 while open, or when none.
    #[serde(default, skip_serializing_if = "empty")]
    pub payable_release_ms: i64,
    /// The closed order whose payable this one took over although its late money may yet come; 0 is none. An amount alone
    /// does not say which of the two it pays.
    #[serde(default, skip_serializing_if = "empty")]
    pub payable_shared_with: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub sale_id: SaleId,
    #[serde(default, skip_serializing_if = "empty")]
    pub parcel_id: ParcelId,
    #[serde(default, skip_serializing_if = "empty")]
    pub booked_by: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub note: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub cancel_reason: String,
    /// A person ended it, rather than the clock.
    #[serde(default, skip_serializing_if = "empty")]
    pub cancelled: bool,
    /// How often its claim ended because its deadline had passed: once, and again each time a late match is undone.
    #[serde(default, skip_serializing_if = "empty")]
    pub times_expired: i32,
    #[serde(default, skip_serializing_if = "empty")]
    pub refund_reference: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub update_ms: i64,
}
record!(Order, Orders, "order", OrderNotFound, order_id);

/// How a payment is recorded that the courier collects.
const COD: &str = "cod";

impl Order {
    /// What is still to pay.
    pub fn due_minor(&self) -> i64 {
        self.payable_minor - self.paid_minor - self.written_off_minor
    }

    /// What the courier collects at the door and owes to the shop: all that was recorded so.
    pub(crate) fn at_the_door_minor(&self) -> i64 {
        let collected = self.allocations.iter().filter(|each| each.method.eq_ignore_ascii_case(COD));
        collected.map(|each| each.amount_minor).sum()
    }

    /// When to remind of a deadline: so long before it; 0 when that has passed already, or when nobody is reminded.
    pub(crate) fn reminder(expire_ms: i64, before_ms: i64, now_ms: i64) -> i64 {
        let remind_ms = expire_ms - before_ms;
        if before_ms > 0 && remind_ms > now_ms { remind_ms } else { 0 }
    }

    /// Its deadline passed at `now_ms` although nobody has ended it yet.
    pub fn overdue(&self, now_ms: i64) -> bool {
        self.state.is_open() && self.expire_ms <= now_ms
    }
}

/// Somebody who buys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    #[serde(default, skip_serializing_if = "empty")]
    pub customer_id: CustomerId,
    #[serde(default, skip_serializing_if = "empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub phone: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub email: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub address: Option<Address>,
    #[serde(default, skip_serializing_if = "empty")]
    pub points: i64,
    /// Money paid too much, in the shop's currency.
    #[serde(default, skip_serializing_if = "empty")]
    pub credit_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub version: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
    /// When what was told of them was erased; 0: it was not.
    #[serde(default, skip_serializing_if = "empty")]
    pub erase_ms: i64,
}
record!(Customer, Customers, "customer", CustomerNotFound, customer_id);
