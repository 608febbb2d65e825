//! What is open on both sides of one bank account, found by amount, name, number and payer.

use std::collections::BTreeMap;
use std::ops::Bound;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::amounts::slips;
use crate::candidates::{Edges, NAME_SEEN};
use crate::config::Config;
use crate::names::{NameBook, Shift, Token};
use crate::sorted::{insert, remove};
use crate::text::{Number, Text, tells_payer};
use crate::types::{CustomerKey, Mutation, MutationId, Order, OrderId};

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// More touched mutations than this, when they are most of them, are no longer told apart.
const ALL_FROM: usize = 1_000;

/// An order and where it is found.
#[derive(Debug)]
pub(crate) struct OrderEntry {
    pub(crate) order: Order,
    pub(crate) name: Option<u32>,
    pub(crate) create_day: i32,
    /// `i32::MAX` when it has no deadline.
    pub(crate) expire_day: i32,
    /// Mutations that may pay it, by id.
    pub(crate) claims: Vec<MutationId>,
}

/// A mutation, its text taken apart, and what it may pay.
#[derive(Debug)]
pub(crate) struct MutationEntry {
    pub(crate) amount_minor: i64,
    pub(crate) day: i32,
    pub(crate) tokens: Vec<Token>,
    pub(crate) numbers: Vec<Number>,
    pub(crate) name_only: bool,
    pub(crate) payer: String,
    pub(crate) edges: Edges,
    /// The orders that it competes for, by id.
    pub(crate) linked: Vec<OrderId>,
}

/// Orders, mutations and aliases with their indexes.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) config: Config,
    pub(crate) orders: FxHashMap<OrderId, OrderEntry>,
    pub(crate) mutations: FxHashMap<MutationId, MutationEntry>,
    pub(crate) names: NameBook,
    by_due: FxHashMap<i64, Vec<OrderId>>,
    /// By what is due without the unique code.
    by_base: FxHashMap<i64, Vec<OrderId>>,
    by_number: FxHashMap<u64, Vec<OrderId>>,
    by_customer: FxHashMap<CustomerKey, Vec<OrderId>>,
    customers_of: BTreeMap<String, Vec<CustomerKey>>,
    payers_of: FxHashMap<CustomerKey, Vec<String>>,
    by_amount: FxHashMap<i64, Vec<MutationId>>,
    by_rest: FxHashMap<i64, Vec<MutationId>>,
    by_text_number: FxHashMap<u64, Vec<MutationId>>,
    by_payer: BTreeMap<String, Vec<MutationId>>,
}

/// Mutations that have to be looked at anew.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) all: bool,
    pub(crate) some: FxHashSet<MutationId>,
}

impl Open {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            orders: FxHashMap::default(),
            mutations: FxHashMap::default(),
            names: NameBook::new(),
            by_due: FxHashMap::default(),
            by_base: FxHashMap::default(),
            by_number: FxHashMap::default(),
            by_customer: FxHashMap::default(),
            customers_of: BTreeMap::new(),
            payers_of: FxHashMap::default(),
            by_amount: FxHashMap::default(),
            by_rest: FxHashMap::default(),
            by_text_number: FxHashMap::default(),
            by_payer: BTreeMap::new(),
        }
    }

    pub(crate) fn put_order(&mut self, mut order: Order, touched: &mut Touched) {
        let id = order.order_id;
        if order.due_minor != order.payable_minor {
            // The code was paid with the part that is paid: what is left is an amount like any.
            order.unique_code = 0;
        }
        let (name, shift) = self.names.add_order(id, &order.customer_name);
        insert(self.by_due.entry(order.due_minor).or_default(), id);
        if let Some(base) = self.base_of(&order) {
            insert(self.by_base.entry(base).or_default(), id);
        }
        if order.number != 0 {
            insert(self.by_number.entry(order.number).or_default(), id);
        }
        if order.customer_key != CustomerKey::default() {
            insert(self.by_customer.entry(order.customer_key).or_default(), id);
        }
        let expire_day = if order.expire_ms == 0 { i32::MAX } else { self.day_of(order.expire_ms) };
        let create_day = self.day_of(order.create_ms);
        self.orders.insert(id, OrderEntry { order, name, create_day, expire_day, claims: Vec::new() });
        self.touch(id, &shift, touched);
    }

    pub(crate) fn remove_order(&mut self, id: OrderId, touched: &mut Touched) -> bool {
        // Touched while it is still found by what it is.
        self.touch(id, &Shift::default(), touched);
        let Some(entry) = self.orders.remove(&id) else { return false };
        let order = &entry.order;
        take(&mut self.by_due, &order.due_minor, &id);
        if let Some(base) = self.base_of(order) {
            take(&mut self.by_base, &base, &id);
        }
        take(&mut self.by_number, &order.number, &id);
        take(&mut self.by_customer, &order.customer_key, &id);
        touched.some.extend(entry.claims);
        if let Some(name) = entry.name {
            let shift = self.names.remove_order(id, name);
            self.touch_shift(&shift, touched);
            self.names.forget_words(&shift.words);
        }
        true
    }

    /// `text` is the mutation's, taken apart.
    pub(crate) fn put_mutation(&mut self, mutation: &Mutation, text: Text, touched: &mut Touched) {
        let id = mutation.mutation_id;
        let payer = text.payer();
        let tokens = self.names.add_text(id, &text);
        insert(self.by_amount.entry(mutation.amount_minor).or_default(), id);
        for number in &text.numbers {
            insert(self.by_text_number.entry(number.value).or_default(), id);
        }
        if !payer.is_empty() {
            insert(self.by_payer.entry(payer.clone()).or_default(), id);
        }
        let entry = MutationEntry {
            amount_minor: mutation.amount_minor,
            day: mutation.day,
            tokens,
            numbers: text.numbers,
            name_only: text.name_only,
            payer,
            edges: Edges::default(),
            linked: Vec::new(),
        };
        self.mutations.insert(id, entry);
        touched.some.insert(id);
    }

    /// Takes a mutation out. What competed with it is to be found before.
    pub(crate) fn remove_mutation(&mut self, id: MutationId) -> bool {
        self.unlink(id);
        let Some(entry) = self.mutations.remove(&id) else { return false };
        take(&mut self.by_amount, &entry.amount_minor, &id);
        for number in &entry.numbers {
            take(&mut self.by_text_number, &number.value, &id);
        }
        take_ordered(&mut self.by_payer, &entry.payer, &id);
        self.names.remove_text(id, &entry.tokens);
        true
    }

    pub(crate) fn learn(&mut self, payer: &str, customer: CustomerKey, touched: &mut Touched) {
        if !tells_payer(payer) || customer == CustomerKey::default() {
            return;
        }
        if insert(self.customers_of.entry(payer.to_owned()).or_default(), customer) {
            insert(self.payers_of.entry(customer).or_default(), payer.to_owned());
            touched.some.extend(related(&self.by_payer, payer).flatten());
        }
    }

    pub(crate) fn forget(&mut self, payer: &str, customer: CustomerKey, touched: &mut Touched) -> bool {
        let known = take_ordered(&mut self.customers_of, payer, &customer);
        if known {
            take(&mut self.payers_of, &customer, &payer.to_owned());
            touched.some.extend(related(&self.by_payer, payer).flatten());
        }
        known
    }

    /// Puts a mutation's new edges in the place of the old ones.
    pub(crate) fn link(&mut self, id: MutationId, edges: Edges) {
        self.unlink(id);
        let linked = edges.linked();
        for order in &linked {
            if let Some(entry) = self.orders.get_mut(order) {
                insert(&mut entry.claims, id);
            }
        }
        for rest in &edges.rests_minor {
            insert(self.by_rest.entry(*rest).or_default(), id);
        }
        if let Some(entry) = self.mutations.get_mut(&id) {
            entry.edges = edges;
            entry.linked = linked;
        }
    }

    fn unlink(&mut self, id: MutationId) {
        let Some(entry) = self.mutations.get_mut(&id) else { return };
        let edges = std::mem::take(&mut entry.edges);
        for order in std::mem::take(&mut entry.linked) {
            if let Some(entry) = self.orders.get_mut(&order) {
                remove(&mut entry.claims, &id);
            }
        }
        for rest in &edges.rests_minor {
            take(&mut self.by_rest, rest, &id);
        }
    }

    /// Marks what an order that came or goes may mean to: the same ways by which mutations find it, walked backwards.
    fn touch(&self, id: OrderId, shift: &Shift, touched: &mut Touched) {
        self.touch_shift(shift, touched);
        if touched.all || self.mutations.is_empty() {
            return;
        }
        let Some(OrderEntry { order, name, .. }) = self.orders.get(&id) else { return };
        let due = order.due_minor;
        let fees = self.config.fees_minor.iter();
        let mut amounts = slips(due, self.config.minor_per_major);
        amounts.push(due);
        amounts.extend(self.base_of(order));
        amounts.extend(fees.flat_map(|fee| [due - fee, due + fee]));
        for amount in amounts {
            touched.some.extend(self.by_amount.get(&amount).into_iter().flatten());
        }
        touched.some.extend(self.by_rest.get(&due).into_iter().flatten());
        touched.some.extend(self.by_text_number.get(&order.number).into_iter().flatten());
        for payer in self.payers_of.get(&order.customer_key).into_iter().flatten() {
            touched.some.extend(related(&self.by_payer, payer).flatten());
        }
        touched.some.extend(name.iter().flat_map(|name| self.names.mutations_naming(*name, NAME_SEEN)));
        touched.all |= touched.some.len() > ALL_FROM && touched.some.len() > self.mutations.len() / 2;
    }

    fn touch_shift(&self, shift: &Shift, touched: &mut Touched) {
        touched.all |= shift.all;
        for &word in &shift.words {
            touched.some.extend(self.names.mutations_with(word));
        }
    }

    fn base_of(&self, order: &Order) -> Option<i64> {
        let base = order.due_minor - i64::from(order.unique_code) * self.config.minor_per_major;
        (order.unique_code != 0 && base > 0).then_some(base)
    }

    fn day_of(&self, at_ms: i64) -> i32 {
        let local = at_ms + i64::from(self.config.utc_offset_minutes) * MINUTE_MS;
        i32::try_from(local.div_euclid(DAY_MS)).unwrap_or(if local < 0 { i32::MIN } else { i32::MAX })
    }

    pub(crate) fn due(&self, amount_minor: i64) -> &[OrderId] {
        self.by_due.get(&amount_minor).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn due_without_code(&self, amount_minor: i64) -> &[OrderId] {
        self.by_base.get(&amount_minor).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn numbered(&self, number: u64) -> &[OrderId] {
        self.by_number.get(&number).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn orders_of(&self, customer: CustomerKey) -> &[OrderId] {
        self.by_customer.get(&customer).map_or(&[], Vec::as_slice)
    }

    /// Customers that a payer paid for before, by key; a name that was cut off is the same payer's. None where they are many:
    /// who pays for everybody, such as a marketplace, tells nobody from anybody.
    pub(crate) fn customers_of(&self, payer: &str) -> Vec<CustomerKey> {
        if payer.is_empty() || self.customers_of.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<CustomerKey> = related(&self.customers_of, payer).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        if found.len() > PAID_FOR_MAX { Vec::new() } else { found }
    }
}

/// Most customers that one payer is known to pay for.
const PAID_FOR_MAX: usize = 8;

/// The shortest part of a payer's name by which the payer is known.
const PAYER_LETTERS_MIN: usize = 8;

/// What stands under a payer's name, and under names of which one is the other cut off within a word. A name that goes on with
/// another word may be anybody's.
fn related<'a, T>(lists: &'a BTreeMap<String, Vec<T>>, payer: &'a str) -> impl Iterator<Item = &'a Vec<T>> {
    let longer = lists.range::<str, _>((Bound::Included(payer), Bound::Unbounded));
    let longer = longer.take_while(move |(name, _)| name.starts_with(payer));
    let longer = longer.filter(move |(name, _)| is_cut_of(payer, name));
    let ends = payer.char_indices().map(|(at, _)| at).filter(move |at| is_cut_of(&payer[..*at], payer));
    let shorter = ends.filter_map(|end| lists.get(&payer[..end]));
    longer.map(|(_, list)| list).chain(shorter)
}

/// Whether a name is another's beginning, cut off within a word; or the same.
fn is_cut_of(beginning: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(beginning) else { return false };
    let within_word = !rest.starts_with(' ') && !beginning.ends_with(' ');
    rest.is_empty() || (beginning.len() >= PAYER_LETTERS_MIN && within_word)
}

fn take_ordered<T: Ord>(lists: &mut BTreeMap<String, Vec<T>>, key: &str, element: &T) -> bool {
    let Some(list) = lists.get_mut(key) else { return false };
    let found = remove(list, element);
    if list.is_empty() {
        lists.remove(key);
    }
    found
}

/// Takes an element from the list under a key, and the list when it is empty.
fn take<K: std::hash::Hash + Eq, T: Ord>(lists: &mut FxHashMap<K, Vec<T>>, key: &K, element: &T) -> bool {
    let Some(list) = lists.get_mut(key) else { return false };
    let found = remove(list, element);
    if list.is_empty() {
        lists.remove(key);
    }
    found
}
