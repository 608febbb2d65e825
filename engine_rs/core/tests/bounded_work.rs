//! Goal: a call costs what it changes, however much stands beside it: a row imported, a run of the matcher, labels to print.
//! Nothing waits behind what cannot be acted on.
//! Method: shops with thousands of rows, and a state that counts what is read of it.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod shop;

use std::borrow::Cow;
use std::cell::Cell;

use kasir_core::command::{MutationInput, Source, StockLine};
use kasir_core::ids::{MutationId, OrderId, ParcelId, ShiftId};
use kasir_core::kv::Visit;
use kasir_core::matching::Desk;
use kasir_core::open_money::OpenKind;
use kasir_core::records::{Mutation, Order, must};
use kasir_core::reply::{Each, Proposed};
use kasir_core::states::{MutationState, OrderState};
use kasir_core::{
    CLOCK_ACTOR, Command, Context, Event, Fault, Memory, Reason, Reply, State, Table, View, execute,
    expire_named, query, verify,
};
use shop::{ACCOUNT, BY_HAND, CONNECTED, CUP, Shop, WAREHOUSE, booking, line, minor};

/// A state that counts what is read of it.
struct Counting<'m> {
    memory: &'m mut Memory,
    /// Mutations, orders and parcels read.
    records: Cell<usize>,
    /// Rows looked at, of any table.
    looks: Cell<usize>,
}

impl<'m> Counting<'m> {
    fn of(memory: &'m mut Memory) -> Self {
        Self { memory, records: Cell::new(0), looks: Cell::new(0) }
    }
}

fn count(counter: &Cell<usize>) {
    counter.set(counter.get() + 1);
}

impl View for Counting<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, Fault> {
        count(&self.looks);
        if matches!(table, Table::Mutations | Table::Orders | Table::Parcels) {
            count(&self.records);
        }
        self.memory.get(table, key)
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        count(&self.looks);
        self.memory.scan(table, from, to, &mut |key, value| {
            count(&self.looks);
            visit(key, value)
        })
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        self.memory.scan_back(table, from, to, visit)
    }
}

impl State for Counting<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.memory.put(table, key, value)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), Fault> {
        self.memory.delete(table, key)
    }

    fn view(&self) -> &dyn View {
        self
    }
}

fn propose(shop: &mut Shop) -> Proposed {
    shop.propose()
}

fn confirm_all(shop: &mut Shop) -> (Vec<Each<OrderState>>, bool) {
    let command = Command::ConfirmMatches { bank_account_id: ACCOUNT, mutation_ids: vec![], all_auto: true };
    match shop.run(command) {
        Reply::Confirmed { results, more } => {
            (results.into_iter().map(|done| done.result.map(|(_, state)| state)).collect(), more)
        }
        other => panic!("{other:?}"),
    }
}

/// So many orders of different amounts.
fn booked(shop: &mut Shop, orders: i64) -> Vec<Order> {
    let lines = vec![StockLine { item_id: CUP, quantity: 1_000_000 }];
    shop.run(Command::ReceiveStock { location_id: WAREHOUSE, lines, reference: String::new() });
    (0..orders).map(|index| shop.book_item(CUP, 1 + index / 900)).collect()
}

fn paid_in(amount_minor: i64, text: &str) -> MutationInput {
    MutationInput {
        date: "2026-11-23".into(),
        amount: minor(amount_minor),
        description: text.into(),
        ..MutationInput::default()
    }
}

fn import(shop: &mut Shop, mutations: Vec<MutationInput>) {
    shop.run(Command::ImportMutations {
        bank_account_id: ACCOUNT,
        file_hash: String::new(),
        file_ends: false,
        mutations,
    });
}

fn state_of(shop: &Shop, mutation_id: MutationId) -> MutationState {
    must::<Mutation>(&shop.state, mutation_id.0).unwrap().state
}

#[track_caller]
fn assert_sound(shop: &Shop) {
    assert_eq!(verify(&shop.state).unwrap().violations, Vec::<String>::new());
}

fn pay_all(shop: &mut Shop, orders: &[Order]) {
    let rows = orders.iter().map(|order| paid_in(order.payable_minor, &format!("TRF {}", order.order_id)));
    let rows: Vec<MutationInput> = rows.collect();
    for rows in rows.chunks(5_000) {
        import(shop, rows.to_vec());
    }
}

#[test]
fn what_nobody_explained_is_not_read_again_with_every_run() {
    let mut shop = Shop::open();
    let orders = booked(&mut shop, 3);
    // Far below what orders have to pay.
    let noise: Vec<MutationInput> = (0..4_000).map(|row| paid_in(101 + row * 7, "NOISE")).collect();
    let rows = i32::try_from(noise.len()).unwrap();
    import(&mut shop, noise);
    let mut desk = Desk::open(&shop.state, ACCOUNT, 1).unwrap();
    let command = desk.propose(&shop.state).unwrap();
    shop.run(command);
    let payments =
        orders[1..].iter().map(|order| paid_in(order.payable_minor, &format!("TRF {}", order.order_id)));
    let mutations = payments.collect();
    let import = Command::ImportMutations {
        bank_account_id: ACCOUNT,
        file_hash: String::new(),
        file_ends: false,
        mutations,
    };
    let context = shop.context();
    let events = execute(&mut shop.state, &import, &context).expect("imported").events;
    for event in &events {
        desk.note(event);
    }
    let mut counting = Counting::of(&mut shop.state);
    desk.refresh(&counting).unwrap();
    let command = desk.propose(&counting).unwrap();
    let reply = execute(&mut counting, &command, &context).expect("proposed").reply;
    let wanted = Proposed { auto: 2, suggested: 0, unmatched: rows, more: false, withdrawn: 0 };
    assert_eq!(reply, Reply::Proposed(wanted));
    assert!(counting.records.get() < 20, "{} records read", counting.records.get());
    assert_sound(&shop);
}

#[test]
fn what_was_proposed_as_it_was_wanted_is_not_read_again() {
    let mut shop = Shop::open();
    let orders = booked(&mut shop, 100);
    pay_all(&mut shop, &orders);
    let mut desk = Desk::open(&shop.state, ACCOUNT, 1).unwrap();
    let command = desk.propose(&shop.state).unwrap();
    let context = shop.context();
    let events = execute(&mut shop.state, &command, &context).expect("proposed").events;
    assert_eq!(events.len(), 100);
    for event in &events {
        desk.note(event);
    }
    let counting = Counting::of(&mut shop.state);
    desk.refresh(&counting).unwrap();
    let Command::ProposeMatches { proposals, more, .. } = desk.propose(&counting).unwrap() else {
        panic!("a run")
    };
    assert_eq!((proposals.len(), more, counting.records.get()), (0, false, 0));
}

/// Each posted row finds its pending one by one look into an index, however many equal ones there are.
#[test]
fn equal_pending_rows_are_not_walked_over() {
    const ROWS: usize = 5_000;
    let pending = |occurrence| MutationInput { pending: true, occurrence, ..paid_in(300, "PEND") };
    let next_day = MutationInput { date: "2026-11-24".into(), ..paid_in(300, "PEND") };
    let mut shop = Shop::open();
    import(&mut shop, vec![pending(0); ROWS]);
    assert_posted_at_a_look(&mut shop, vec![paid_in(300, "PEND"); ROWS]);
    assert_posted_at_a_look(&mut shop, vec![paid_in(300, "PEND"); ROWS]);
    assert_eq!(state_of(&shop, MutationId(5_000)), MutationState::Posted);
    // As many again: those posted before are out of the way.
    import(&mut shop, (5_001..=10_000).map(pending).collect());
    assert_posted_at_a_look(&mut shop, vec![next_day; ROWS]);
    assert_eq!(state_of(&shop, MutationId(10_000)), MutationState::Posted);
    assert_sound(&shop);
}

fn assert_posted_at_a_look(shop: &mut Shop, mutations: Vec<MutationInput>) {
    let rows = mutations.len();
    let file_hash = String::new();
    let command =
        Command::ImportMutations { bank_account_id: ACCOUNT, file_hash, file_ends: false, mutations };
    let context = shop.context();
    let mut counting = Counting::of(&mut shop.state);
    let reply = execute(&mut counting, &command, &context).expect("imported").reply;
    let Reply::Imported(imported) = reply else { panic!("{reply:?}") };
    assert_eq!((imported.mutation_ids.len(), imported.known.len()), (0, rows));
    let looks = counting.looks.get();
    assert!(looks < 20 * rows, "{looks} looks for {rows} rows");
}

#[test]
fn open_money_is_told_without_looking_at_what_is_open() {
    let mut shop = Shop::open();
    import(&mut shop, (1..=1_000).map(|row| paid_in(row, &format!("WAITS {row}"))).collect());
    let counting = Counting::of(&mut shop.state);
    let [open] = query::open_money(&counting).unwrap().try_into().unwrap();
    assert_eq!((open.kind, open.count, open.amount_minor), (OpenKind::Unmatched, 1_000, 500_500));
    assert_eq!(counting.records.get(), 0);
    assert!(counting.looks.get() < 5, "{} looks", counting.looks.get());
    assert_sound(&shop);
}

#[test]
fn a_run_that_is_cut_goes_on_where_it_stopped() {
    let mut shop = Shop::open();
    let orders = booked(&mut shop, 6_200);
    pay_all(&mut shop, &orders);
    let first = propose(&mut shop);
    assert_eq!((first.auto, first.unmatched, first.more), (5_000, 0, true));
    let second = propose(&mut shop);
    assert_eq!((second.auto, second.unmatched, second.more), (1_200, 0, false));
    let third = propose(&mut shop);
    assert_eq!((third.auto, third.unmatched, third.more), (0, 0, false));
    assert_sound(&shop);

    // Those that rest on what changed stand in nobody's way, and are told of when there is room.
    for order in &orders[..1_500] {
        shop.run(Command::ExtendBooking {
            order_id: order.order_id,
            version: order.version,
            expire_ms: Some(order.expire_ms + 1),
        });
    }
    assert_sound(&shop);
    for _ in 0..4 {
        let (results, more) = confirm_all(&mut shop);
        assert_eq!((results, more), (vec![Ok(OrderState::Paid); 1_000], true));
    }
    let (results, more) = confirm_all(&mut shop);
    assert!(!more, "all that can be confirmed was");
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 700);
    let stale = results.iter().filter_map(|result| result.as_ref().err()).map(|refusal| refusal.reason);
    assert_eq!(stale.collect::<Vec<_>>(), vec![Reason::VersionStale; 300]);
    let again = propose(&mut shop);
    assert_eq!((again.auto, again.unmatched, again.more), (1_500, 0, false));
    let (results, more) = confirm_all(&mut shop);
    assert_eq!((results.len(), more), (1_000, true));
    assert_sound(&shop);
}

#[test]
fn a_free_code_behind_many_that_are_in_use_is_found_without_reading_their_orders() {
    let mut shop = Shop::open();
    let lines = vec![StockLine { item_id: CUP, quantity: 1_000_000 }];
    shop.run(Command::ReceiveStock { location_id: WAREHOUSE, lines, reference: String::new() });
    // The turns of one popular price's orders, and then of others until it comes round.
    let popular: Vec<Order> = (0..700).map(|_| shop.book_item(CUP, 1)).collect();
    for _ in 700..999 {
        shop.book_item(CUP, 2);
    }
    let again = booking(line(Source::Location(WAREHOUSE), CUP, 1), BY_HAND);
    let context = shop.context();
    let mut counting = Counting::of(&mut shop.state);
    let done = execute(&mut counting, &Command::CreateBooking(again), &context).expect("a code is free");
    let (records, looks) = (counting.records.get(), counting.looks.get());
    let Reply::Order(order) = done.reply else { panic!("an order") };
    assert_eq!(order.unique_code, popular[699].unique_code + 1, "the first that is free from its turn on");
    assert!(records < 50, "{records} orders were read");
    assert!(looks < 900, "{looks} rows were looked at");
    assert_sound(&shop);
}

#[test]
fn a_payment_never_beats_an_expiry_however_many_fell_due_together() {
    let mut shop = Shop::open();
    let orders = booked(&mut shop, 1_200);
    pay_all(&mut shop, &orders);
    assert_eq!(propose(&mut shop).auto, 1_200);
    shop.now_ms = orders.iter().map(|order| order.expire_ms).max().unwrap(); // and nobody has ticked
    let command = Command::ConfirmMatches { bank_account_id: ACCOUNT, mutation_ids: vec![], all_auto: true };
    let mut confirm = || {
        let clock = Context { now_ms: shop.now_ms, actor: CLOCK_ACTOR };
        let expired = expire_named(&mut shop.state, &command, &clock).expect("deadlines end");
        let context = shop.context();
        let done = execute(&mut shop.state, &command, &context).expect("confirmed");
        assert!(done.events.is_empty(), "nothing can be confirmed");
        let Reply::Confirmed { results, more } = done.reply else { panic!("results") };
        let expired = expired.iter().filter(|event| matches!(event, Event::OrderExpired { .. })).count();
        (expired, results.len(), more)
    };
    // The thousand that the call would take expire; the rest are not paid in their place.
    assert_eq!(confirm(), (1_000, 800, true));
    assert_eq!(confirm(), (200, 1_000, false));
    assert_sound(&shop);
}

#[test]
fn orders_that_got_their_money_elsewhere_do_not_keep_others_waiting() {
    let mut shop = Shop::open();
    let orders = booked(&mut shop, 5_100);
    // All but the last hundred are paid at the desk, then by transfer as well: mutations that match nothing, first in line.
    for order in &orders[..5_000] {
        shop.run(Command::RecordPayment {
            order_id: order.order_id,
            amount: minor(order.payable_minor),
            method: "kas".into(),
            reference: String::new(),
        });
    }
    pay_all(&mut shop, &orders);
    assert_eq!(propose(&mut shop).auto, 100);
    assert_eq!(orders[5_099].order_id, OrderId(5_100));
    assert_eq!(state_of(&shop, MutationId(5_100)), MutationState::Proposed);
    assert_sound(&shop);
}

#[test]
fn a_withdrawn_proposal_makes_room_for_the_order_in_the_same_run() {
    let mut shop = Shop::open();
    let orders = booked(&mut shop, 1);
    pay_all(&mut shop, &orders);
    assert_eq!(propose(&mut shop).auto, 1);
    import(&mut shop, vec![paid_in(orders[0].payable_minor, "AGAIN")]);
    assert_eq!(propose(&mut shop).unmatched, 1, "the order is expected to be paid by the first");
    shop.run(Command::ExtendBooking {
        order_id: orders[0].order_id,
        version: orders[0].version,
        expire_ms: Some(orders[0].expire_ms + 1),
    });
    let proposed = propose(&mut shop);
    assert_eq!((proposed.auto + proposed.suggested, proposed.unmatched), (1, 1));
    assert_eq!(state_of(&shop, MutationId(1)), MutationState::Proposed);
    assert_sound(&shop);
}

#[test]
fn labels_that_can_be_printed_do_not_wait_behind_those_that_cannot() {
    const WAITING: u64 = 1_300;
    let mut shop = Shop::open();
    let lines = vec![StockLine { item_id: CUP, quantity: 1_000_000 }];
    shop.run(Command::ReceiveStock { location_id: WAREHOUSE, lines, reference: String::new() });
    let by = |courier_id, times| std::iter::repeat_n(courier_id, times);
    for (index, courier_id) in by(CONNECTED, 1_300).chain(by(BY_HAND, 3)).enumerate() {
        let quantity = 1 + i64::try_from(index / 900).unwrap();
        let order = shop.book(booking(line(Source::Location(WAREHOUSE), CUP, quantity), courier_id));
        shop.run(Command::RecordPayment {
            order_id: order.order_id,
            amount: minor(order.payable_minor),
            method: "kas".into(),
            reference: String::new(),
        });
        shop.sell(&[order.order_id], ShiftId(0));
    }
    let command =
        Command::PrintLabels { parcel_ids: vec![], all_unprinted: true, reprint_reason: String::new() };
    let context = shop.context();
    let mut counting = Counting::of(&mut shop.state);
    let reply = execute(&mut counting, &command, &context).expect("queued").reply;
    assert!(counting.records.get() < 1_100, "{} records read", counting.records.get());
    let Reply::Labels(labels) = reply else { panic!("{reply:?}") };
    assert_eq!(labels.queued, [1, 2, 3].map(|after| ParcelId(WAITING + after)));
    assert_eq!((labels.waiting.len(), labels.more), (1_000, false));
    assert_sound(&shop);

    // The number comes: the label can be printed.
    shop.run(Command::ReportAirwayBill {
        parcel_id: ParcelId(1_200),
        state: 3,
        airway_bill: "JP-1".into(),
        detail: String::new(),
    });
    let Reply::Labels(labels) = shop.run(command) else { panic!("labels") };
    assert_eq!(labels.queued, [ParcelId(1_200)]);
    assert_sound(&shop);
}
