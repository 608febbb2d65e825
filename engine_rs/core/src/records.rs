//! What stands in the tables: one struct per kind of thing, written as msgpack maps with field names.
//!
//! Times are Unix milliseconds, amounts minor units of the record's currency, ids 0 where there is none.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::ids::{
    BankAccountId, CourierId, CustomerId, DropOrderId, HoldId, ItemId, LocationId, MessageId, MutationId,
    OrderId, ParcelId, PrintJobId, SaleId, ShiftId, TaxClassId, TillId,
};
use crate::kv::{Fault, Key, State, View};
use crate::money::{Currency, Money};
use crate::refusal::{Outcome, Reason, Refusal};
use crate::states::{
    AirwayBillState, Channel, DocumentKind, DropOrderState, LabelState, LocationKind, MatchDecision,
    MessageKind, MessageState, MutationState, OrderState, PrintJobState, TaxMode, TenderKind,
};
use crate::tables::Table;

/// A record with an id of its own table.
pub trait Record: Serialize + DeserializeOwned {
    /// Its table.
    const TABLE: Table;
    /// What staff call it.
    const ENTITY: &'static str;
    /// The refusal when there is none.
    const MISSING: Reason;
    /// Its id.
    fn id(&self) -> u64;
}

/// The key of a record by id.
pub fn id_key(id: u64) -> Key {
    Key::new().u64(id)
}

/// Whether a field says nothing: zero, none, an empty text or list. Such fields are left out on disk and read as they were.
fn empty<T: Default + PartialEq>(field: &T) -> bool {
    *field == T::default()
}

/// Decodes a record.
pub fn decode<R: DeserializeOwned>(bytes: &[u8]) -> Result<R, Fault> {
    rmp_serde::from_slice(bytes).map_err(|error| Fault::Corrupt(format!("a record does not decode: {error}")))
}

/// Encodes a record or event as a msgpack map with field names.
pub fn encode<R: Serialize>(record: &R) -> Result<Vec<u8>, Fault> {
    rmp_serde::to_vec_named(record)
        .map_err(|error| Fault::Corrupt(format!("a record does not encode: {error}")))
}

/// The record of this id, if there is one.
pub fn find<R: Record>(view: &dyn View, id: u64) -> Result<Option<R>, Fault> {
    view.get(R::TABLE, id_key(id).as_slice())?.map(|bytes| decode(&bytes)).transpose()
}

/// The record of this id, or the refusal that there is none.
pub fn need<R: Record>(view: &dyn View, id: u64) -> Outcome<R> {
    find(view, id)?.ok_or_else(|| Refusal::not_found(R::MISSING, R::ENTITY, id).into())
}

/// The record of this id, which an event or index says is there.
pub fn must<R: Record>(view: &dyn View, id: u64) -> Result<R, Fault> {
    find(view, id)?.ok_or_else(|| Fault::Corrupt(format!("{} {id} is named but not there", R::ENTITY)))
}

/// Writes a record.
pub fn save<R: Record>(state: &mut dyn State, record: &R) -> Result<(), Fault> {
    state.put(R::TABLE, id_key(record.id()).as_slice(), &encode(record)?)
}

macro_rules! record {
    ($name:ident, $table:ident, $entity:literal, $missing:ident, $id:ident) => {
        impl Record for $name {
            const TABLE: Table = Table::$table;
            const ENTITY: &'static str = $entity;
            const MISSING: Reason = Reason::$missing;
            fn id(&self) -> u64 {
                self.$id.0
            }
        }
    };
}

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
            points_per_minor: 0,
            point_value_minor: 0,
            version: 0,
        }
    }
}

impl Settings {
    /// The shop's settings, or the defaults.
    pub fn load(view: &dyn View) -> Result<Self, Fault> {
        Ok(view
            .get(Table::Settings, Key::new().as_slice())?
            .map(|bytes| decode(&bytes))
            .transpose()?
            .unwrap_or_default())
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
    /// When the payable's reservation ends; 0 while open, or when none.
    #[serde(default, skip_serializing_if = "empty")]
    pub payable_release_ms: i64,
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
    #[serde(default, skip_serializing_if = "empty")]
    pub refund_reference: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub update_ms: i64,
}
record!(Order, Orders, "order", OrderNotFound, order_id);

impl Order {
    /// What is still to pay.
    pub fn due_minor(&self) -> i64 {
        self.payable_minor - self.paid_minor
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
}
record!(Customer, Customers, "customer", CustomerNotFound, customer_id);

/// A bank account of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankAccount {
    #[serde(default, skip_serializing_if = "empty")]
    pub bank_account_id: BankAccountId,
    #[serde(default, skip_serializing_if = "empty")]
    pub bank: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub number: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub holder: String,
    pub currency: Currency,
    #[serde(default, skip_serializing_if = "empty")]
    pub unique_code_min: i32,
    #[serde(default, skip_serializing_if = "empty")]
    pub unique_code_max: i32,
    #[serde(default, skip_serializing_if = "empty")]
    pub unique_code_subtracts: bool,
}
record!(BankAccount, BankAccounts, "bank account", BankAccountNotFound, bank_account_id);

/// One order a mutation may pay, with the order's version the proposal rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedAllocation {
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub amount_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub order_version: i64,
}

/// What the matcher proposes for a mutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub decision: MatchDecision,
    #[serde(default, skip_serializing_if = "empty")]
    pub allocations: Vec<ProposedAllocation>,
    #[serde(default, skip_serializing_if = "empty")]
    pub score_millinats: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub margin_millinats: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub reasons: Vec<String>,
}

/// How much of a mutation pays which order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutationAllocation {
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub amount_minor: i64,
}

/// One line of a bank statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutation {
    #[serde(default, skip_serializing_if = "empty")]
    pub mutation_id: MutationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub bank_account_id: BankAccountId,
    /// "YYYY-MM-DD".
    #[serde(default, skip_serializing_if = "empty")]
    pub date: String,
    pub currency: Currency,
    /// Signed: money in is positive.
    #[serde(default, skip_serializing_if = "empty")]
    pub amount_minor: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub balance_minor: Option<i64>,
    #[serde(default, skip_serializing_if = "empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub bank_reference: String,
    pub state: MutationState,
    #[serde(default, skip_serializing_if = "empty")]
    pub proposal: Option<Proposal>,
    #[serde(default, skip_serializing_if = "empty")]
    pub allocations: Vec<MutationAllocation>,
    #[serde(default, skip_serializing_if = "empty")]
    pub credited_minor: i64,
    /// Whose credit grew.
    #[serde(default, skip_serializing_if = "empty")]
    pub credited_customer_id: CustomerId,
    #[serde(default, skip_serializing_if = "empty")]
    pub ignore_reason: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub occurrence: i32,
    #[serde(default, skip_serializing_if = "empty")]
    pub file_hash: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
}
record!(Mutation, Mutations, "mutation", MutationNotFound, mutation_id);

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
    pub channel: Channel,
    #[serde(default, skip_serializing_if = "empty")]
    pub cashier: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub points_earned: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub points_redeemed: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
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

/// A courier company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Courier {
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_id: CourierId,
    #[serde(default, skip_serializing_if = "empty")]
    pub code: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub connected: bool,
}
record!(Courier, Couriers, "courier", CourierNotFound, courier_id);

/// One parcel of one sold order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    #[serde(default, skip_serializing_if = "empty")]
    pub parcel_id: ParcelId,
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_id: CourierId,
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_service: String,
    pub address: Address,
    #[serde(default, skip_serializing_if = "empty")]
    pub weight_grams: i64,
    pub label_state: LabelState,
    #[serde(default, skip_serializing_if = "empty")]
    pub label_prints: i32,
    pub airway_bill_state: AirwayBillState,
    #[serde(default, skip_serializing_if = "empty")]
    pub airway_bill: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub airway_bill_detail: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub courier_reference: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub location_id: LocationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub hand_over_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub deliver_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub version: i64,
}
record!(Parcel, Parcels, "parcel", ParcelNotFound, parcel_id);

/// A document to print, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintJob {
    #[serde(default, skip_serializing_if = "empty")]
    pub print_job_id: PrintJobId,
    pub kind: DocumentKind,
    pub state: PrintJobState,
    /// Order, sale, parcel or shift, by kind.
    pub subject_id: u64,
    #[serde(default, skip_serializing_if = "empty")]
    pub location_id: LocationId,
    #[serde(default, skip_serializing_if = "empty")]
    pub copy_number: i32,
    #[serde(default, skip_serializing_if = "empty")]
    pub reprint_reason: String,
    /// A person settled it; once is enough.
    #[serde(default, skip_serializing_if = "empty")]
    pub settled: bool,
    #[serde(default, skip_serializing_if = "empty")]
    pub detail: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
    #[serde(default, skip_serializing_if = "empty")]
    pub update_ms: i64,
}
record!(PrintJob, PrintJobs, "print job", PrintJobNotFound, print_job_id);

/// An intent to tell a customer something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    #[serde(default, skip_serializing_if = "empty")]
    pub message_id: MessageId,
    pub kind: MessageKind,
    pub state: MessageState,
    #[serde(default, skip_serializing_if = "empty")]
    pub order_id: OrderId,
    #[serde(default, skip_serializing_if = "empty")]
    pub customer_id: CustomerId,
    #[serde(default, skip_serializing_if = "empty")]
    pub phone: String,
    /// Facts for the template, sorted by name.
    #[serde(default, skip_serializing_if = "empty")]
    pub facts: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "empty")]
    pub detail: String,
    #[serde(default, skip_serializing_if = "empty")]
    pub create_ms: i64,
}
record!(Message, Messages, "message", MessageNotFound, message_id);
