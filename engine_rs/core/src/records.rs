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
    pub tax_class_id: TaxClassId,
    pub code: String,
    pub name: String,
    pub rate_basis_points: i32,
    pub mode: TaxMode,
}
record!(TaxClass, TaxClasses, "tax class", TaxClassNotFound, tax_class_id);

/// One price of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    pub price_list: String,
    pub min_quantity: i64,
    pub amount: Money,
}

/// Something sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub item_id: ItemId,
    pub sku: String,
    pub name: String,
    pub category: String,
    pub barcodes: Vec<String>,
    pub prices: Vec<Price>,
    pub tax_class_id: TaxClassId,
    pub weight_grams: i64,
    pub inactive: bool,
    pub reorder_point: i64,
    pub version: i64,
    pub create_ms: i64,
}
record!(Item, Items, "item", ItemNotFound, item_id);

/// A place where stock stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    pub location_id: LocationId,
    pub code: String,
    pub name: String,
    pub kind: LocationKind,
}
record!(Location, Locations, "location", LocationNotFound, location_id);

/// A claim with a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub hold_id: HoldId,
    pub item_id: ItemId,
    pub location_id: LocationId,
    pub quantity: i64,
    pub owner: String,
    pub expire_ms: i64,
    pub create_ms: i64,
}
record!(Hold, Holds, "hold", HoldNotFound, hold_id);

/// A recorded request that the warehouse hands an item to the CS desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropOrder {
    pub drop_order_id: DropOrderId,
    pub item_id: ItemId,
    pub quantity: i64,
    pub from_location_id: LocationId,
    pub to_location_id: LocationId,
    pub state: DropOrderState,
    pub order_id: OrderId,
    pub requested_by: String,
    pub reject_reason: String,
    pub note: String,
    pub expire_ms: i64,
    pub create_ms: i64,
    pub update_ms: i64,
}
record!(DropOrder, DropOrders, "Drop Order", DropOrderNotFound, drop_order_id);

/// A postal address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub recipient: String,
    pub phone: String,
    pub street: String,
    pub district: String,
    pub city: String,
    pub province: String,
    pub postal_code: String,
    pub country_code: String,
}

/// One line of an order or sale, frozen when made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub item_id: ItemId,
    pub sku: String,
    pub name: String,
    pub quantity: i64,
    pub unit_price_minor: i64,
    pub discount_minor: i64,
    pub tax_minor: i64,
    pub tax_included: bool,
    pub total_minor: i64,
    /// Where the claim lies.
    pub location_id: LocationId,
    /// The Drop Order it comes from.
    pub drop_order_id: DropOrderId,
    /// The hold that was used up for it.
    pub hold_id: HoldId,
    pub tax_code: String,
}

/// What is to pay, in the order's currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub goods_minor: i64,
    pub discount_minor: i64,
    pub tax_minor: i64,
    pub tax_added_minor: i64,
    pub shipping_minor: i64,
    pub total_minor: i64,
}

/// Money for one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// The mutation, or 0 for a recorded payment.
    pub mutation_id: MutationId,
    pub method: String,
    pub reference: String,
    pub amount_minor: i64,
    pub create_ms: i64,
}

/// An item set aside for one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub order_id: OrderId,
    pub state: OrderState,
    pub version: i64,
    pub customer_id: CustomerId,
    pub customer_name: String,
    pub customer_phone: String,
    pub address: Option<Address>,
    pub currency: Currency,
    pub lines: Vec<Line>,
    pub totals: Totals,
    /// In major units.
    pub unique_code: i32,
    pub payable_minor: i64,
    pub paid_minor: i64,
    pub allocations: Vec<Allocation>,
    pub channel: Channel,
    pub bank_account_id: BankAccountId,
    pub courier_id: CourierId,
    pub courier_service: String,
    pub expire_ms: i64,
    /// When the payable's reservation ends; 0 while open, or when none.
    pub payable_release_ms: i64,
    pub sale_id: SaleId,
    pub parcel_id: ParcelId,
    pub booked_by: String,
    pub note: String,
    pub cancel_reason: String,
    /// A person ended it, rather than the clock.
    pub cancelled: bool,
    pub refund_reference: String,
    pub create_ms: i64,
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
    pub customer_id: CustomerId,
    pub name: String,
    pub phone: String,
    pub address: Option<Address>,
    pub points: i64,
    /// Money paid too much, in the shop's currency.
    pub credit_minor: i64,
    pub version: i64,
    pub create_ms: i64,
}
record!(Customer, Customers, "customer", CustomerNotFound, customer_id);

/// A bank account of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankAccount {
    pub bank_account_id: BankAccountId,
    pub bank: String,
    pub number: String,
    pub holder: String,
    pub currency: Currency,
    pub unique_code_min: i32,
    pub unique_code_max: i32,
    pub unique_code_subtracts: bool,
}
record!(BankAccount, BankAccounts, "bank account", BankAccountNotFound, bank_account_id);

/// One order a mutation may pay, with the order's version the proposal rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedAllocation {
    pub order_id: OrderId,
    pub amount_minor: i64,
    pub order_version: i64,
}

/// What the matcher proposes for a mutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub decision: MatchDecision,
    pub allocations: Vec<ProposedAllocation>,
    pub score_millinats: i64,
    pub margin_millinats: i64,
    pub reasons: Vec<String>,
}

/// How much of a mutation pays which order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutationAllocation {
    pub order_id: OrderId,
    pub amount_minor: i64,
}

/// One line of a bank statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutation {
    pub mutation_id: MutationId,
    pub bank_account_id: BankAccountId,
    /// "YYYY-MM-DD".
    pub date: String,
    pub currency: Currency,
    /// Signed: money in is positive.
    pub amount_minor: i64,
    pub balance_minor: Option<i64>,
    pub description: String,
    pub bank_reference: String,
    pub state: MutationState,
    pub proposal: Option<Proposal>,
    pub allocations: Vec<MutationAllocation>,
    pub credited_minor: i64,
    /// Whose credit grew.
    pub credited_customer_id: CustomerId,
    pub ignore_reason: String,
    pub occurrence: i32,
    pub file_hash: String,
    pub create_ms: i64,
}
record!(Mutation, Mutations, "mutation", MutationNotFound, mutation_id);

/// One payment of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tender {
    pub kind: TenderKind,
    pub amount_minor: i64,
    pub reference: String,
}

/// A sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    pub sale_id: SaleId,
    pub order_id: OrderId,
    pub till_id: TillId,
    pub shift_id: ShiftId,
    pub customer_id: CustomerId,
    pub currency: Currency,
    pub lines: Vec<Line>,
    pub totals: Totals,
    pub tenders: Vec<Tender>,
    pub change_minor: i64,
    /// Received with the payment beyond the totals; signed.
    pub unique_code_minor: i64,
    pub channel: Channel,
    pub cashier: String,
    pub points_earned: i64,
    pub points_redeemed: i64,
    pub create_ms: i64,
}
record!(Sale, Sales, "sale", SaleNotFound, sale_id);

/// A till.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Till {
    pub till_id: TillId,
    pub code: String,
    pub location_id: LocationId,
    pub open_shift_id: ShiftId,
}
record!(Till, Tills, "till", TillNotFound, till_id);

/// Money in by one kind of tender, change taken off cash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenderTotal {
    pub kind: TenderKind,
    pub count: i64,
    pub amount_minor: i64,
}

/// One cashier's time at a till.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    pub shift_id: ShiftId,
    pub till_id: TillId,
    pub cashier: String,
    pub currency: Currency,
    pub open_ms: i64,
    /// 0 while open.
    pub close_ms: i64,
    pub opening_cash_minor: i64,
    pub sale_count: i64,
    pub sale_total_minor: i64,
    pub tax_total_minor: i64,
    pub discount_total_minor: i64,
    pub tenders: Vec<TenderTotal>,
    pub cash_in_minor: i64,
    pub cash_out_minor: i64,
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
    pub courier_id: CourierId,
    pub code: String,
    pub name: String,
    pub connected: bool,
}
record!(Courier, Couriers, "courier", CourierNotFound, courier_id);

/// One parcel of one sold order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    pub parcel_id: ParcelId,
    pub order_id: OrderId,
    pub courier_id: CourierId,
    pub courier_service: String,
    pub address: Address,
    pub weight_grams: i64,
    pub label_state: LabelState,
    pub label_prints: i32,
    pub airway_bill_state: AirwayBillState,
    pub airway_bill: String,
    pub airway_bill_detail: String,
    pub courier_reference: String,
    pub location_id: LocationId,
    pub hand_over_ms: i64,
    pub deliver_ms: i64,
    pub create_ms: i64,
    pub version: i64,
}
record!(Parcel, Parcels, "parcel", ParcelNotFound, parcel_id);

/// A document to print, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintJob {
    pub print_job_id: PrintJobId,
    pub kind: DocumentKind,
    pub state: PrintJobState,
    /// Order, sale, parcel or shift, by kind.
    pub subject_id: u64,
    pub location_id: LocationId,
    pub copy_number: i32,
    pub reprint_reason: String,
    /// A person settled it; once is enough.
    pub settled: bool,
    pub detail: String,
    pub create_ms: i64,
    pub update_ms: i64,
}
record!(PrintJob, PrintJobs, "print job", PrintJobNotFound, print_job_id);

/// An intent to tell a customer something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub message_id: MessageId,
    pub kind: MessageKind,
    pub state: MessageState,
    pub order_id: OrderId,
    pub customer_id: CustomerId,
    pub phone: String,
    /// Facts for the template, sorted by name.
    pub facts: Vec<(String, String)>,
    pub detail: String,
    pub create_ms: i64,
}
record!(Message, Messages, "message", MessageNotFound, message_id);
