//! Goal: whatever comes in after an erasure tells nothing of the customer, and a journal whose key is gone leads to the same bytes.
//! Method: commands to the core on a state in memory; the journal is played again without the texts of persons.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod common;

use common::matches::{confirm, shop as shop_of_orders, undo};
use common::{BCA, STORE, Shop, booking, from, idr, paid_in};
use kasir_core::command::{
    BookingInput, CustomerInput, LineInput, SettingsInput, TenderInput, TillSaleInput,
};
use kasir_core::ids::{CustomerId, MessageId, ShiftId, TillId};
use kasir_core::matching::Desk;
use kasir_core::personal::take;
use kasir_core::records::{Customer, HOUR_MS, Message, Order, find};
use kasir_core::states::{MessageState, OrderState};
use kasir_core::{Command, Context, Event, Memory, Reason, Reply, Table, apply, verify};

const TEXT: &str = "TRSF E-BANKING CR 0101/FTSCY/WS9501 PELANGGAN SETIA";

fn erase(shop: &mut Shop, id: u64) {
    let customer: Customer = find(&shop.state, id).unwrap().unwrap();
    shop.ok(Command::EraseCustomer { customer_id: CustomerId(id), version: customer.version });
}

fn pick_up(shop: &mut Shop, order: &Order) -> Order {
    let again = from(order.lines[0].location_id, order.lines[0].item_id, 1);
    let input = BookingInput { address: None, ..booking(vec![again]) };
    match shop.ok(Command::CreateBooking(input)) {
        Reply::Order(order) => order,
        other => panic!("{other:?}"),
    }
}

/// The state that follows from the journal where nothing that was told of customers can be read.
fn without_texts(shop: &Shop) -> Memory {
    let mut copy = Memory::default();
    for entry in &shop.journal {
        let mut events: Vec<Event> = entry.events.clone();
        take(&mut events, &mut |_| Ok(Some(()))).unwrap();
        apply(&mut copy, &events, &Context { now_ms: entry.now_ms, actor: &entry.actor }).unwrap();
    }
    copy
}

/// An order that was paid by a payer who was learnt, and not handed over yet.
fn paid_by_a_payer() -> (Shop, Order) {
    let (mut shop, orders) = shop_of_orders(1);
    let order = pick_up(&mut shop, &orders[0]);
    shop.ok(Command::CancelBooking { order_id: orders[0].order_id, reason: String::new() });
    shop.import(vec![paid_in(order.payable_minor, TEXT)]);
    shop.propose();
    assert_eq!(confirm(&mut shop, &[1])[0].result.as_ref().unwrap().1, OrderState::Paid);
    assert_ne!(shop.mutation(1).learnt_payer, "");
    (shop, order)
}

fn payers(state: &Memory) -> usize {
    state.entries().filter(|(table, _, _)| *table == Table::Payers).count()
}

#[test]
fn a_payer_who_was_learnt_is_sealed_and_erased() {
    let (mut shop, order) = paid_by_a_payer();
    let learnt = shop.journal.iter().flat_map(|entry| &entry.events);
    let mut learnt: Vec<Event> =
        learnt.filter(|event| matches!(event, Event::PayerLearnt { .. })).cloned().collect();
    assert_eq!(learnt.len(), 1);
    take(&mut learnt, &mut |_| Ok(Some(()))).unwrap();
    assert_eq!(learnt, [Event::PayerLearnt { payer: String::new(), customer_id: order.customer_id }]);

    shop.ok(Command::CreateSales { order_ids: vec![order.order_id], all_paid: false, shift_id: ShiftId(0) });
    let mut desk = Desk::open(&shop.state, BCA, 1).unwrap();
    let known = shop.journal.len();
    erase(&mut shop, 1);
    assert_eq!(payers(&shop.state), 0);
    shop.sound();
    shop.replays();
    assert!(without_texts(&shop) == shop.state, "and without the key");
    shop.journal[known..].iter().flat_map(|entry| &entry.events).for_each(|event| desk.note(event));
    assert!(desk.is_stale(), "it knows the payer still");
}

/// As in a store that was restored to before an erasure: the payer's name is gone, and the order goes on.
#[test]
fn a_payer_whose_name_cannot_be_read_is_forgotten_all_the_same() {
    let (mut shop, _) = paid_by_a_payer();
    shop.state = without_texts(&shop);
    assert_eq!(payers(&shop.state), 1);
    let said = verify(&shop.state).unwrap().violations;
    assert!(!said.iter().any(|violation| violation.contains("payer")), "{said:?}");
    Desk::open(&shop.state, BCA, 1).unwrap();
    shop.ok(undo(1));
    assert_eq!(payers(&shop.state), 0);
}

/// Learnt before journals were sealed, forgotten afterwards.
#[test]
fn a_payer_who_was_learnt_openly_is_forgotten_without_a_name() {
    let (mut shop, _) = paid_by_a_payer();
    let customer_id = CustomerId(1);
    shop.happened(Event::PayerForgotten { payer: String::new(), customer_id });
    assert_eq!(payers(&shop.state), 1, "until the customer is erased");
}

#[test]
fn what_is_reported_after_an_erasure_tells_nothing() {
    let (mut shop, orders) = shop_of_orders(1);
    let report = |state: MessageState, detail: &str| Command::ReportMessage {
        message_id: MessageId(1),
        state: i32::from(state.number()),
        detail: detail.into(),
    };
    shop.ok(report(MessageState::Unknown, ""));
    shop.ok(Command::CancelBooking { order_id: orders[0].order_id, reason: String::new() });
    erase(&mut shop, 1);
    shop.ok(report(MessageState::Failed, "no such number: 0812 3456 789"));
    let message: Message = find(&shop.state, 1).unwrap().unwrap();
    assert_eq!((message.state, message.detail.as_str()), (MessageState::Failed, ""));
    let told = shop.journal.last().unwrap().events.clone();
    assert!(matches!(&told[..], [Event::MessageReported { detail, .. }] if detail.is_empty()), "{told:?}");
    shop.sound();
    shop.replays();
}

#[test]
fn a_till_sells_to_who_was_erased_as_to_nobody_known() {
    let mut shop = Shop::new();
    shop.ok(Command::UpdateSettings(SettingsInput {
        shop_name: "Toko".into(),
        currency_code: "IDR".into(),
        utc_offset_ms: 7 * HOUR_MS,
        booking_duration_ms: HOUR_MS,
        hold_duration_ms: HOUR_MS,
        payable_cooldown_ms: HOUR_MS,
        points_per_minor: 1_000,
        point_value_minor: 10_000,
        ..SettingsInput::default()
    }));
    let kopi = shop.item("A1", 150_000, false);
    shop.receive(kopi, STORE, 10);
    shop.ok(Command::CreateTill { code: "KASIR-1".into(), location_id: STORE });
    shop.ok(Command::OpenShift { till_id: TillId(1), opening_cash: Some(idr(1_000_000)) });
    shop.ok(Command::CreateCustomer(CustomerInput {
        name: "Pelanggan".into(),
        phone: "081234567890".into(),
        ..CustomerInput::default()
    }));
    let sell = |kind: i32| Command::CreateTillSale {
        sale: TillSaleInput {
            shift_id: ShiftId(1),
            lines: vec![LineInput { item_id: kopi, quantity: 1, ..LineInput::default() }],
            customer_id: CustomerId(1),
            ..TillSaleInput::default()
        },
        tenders: vec![TenderInput { kind, amount: Some(idr(150_000)), reference: String::new() }],
    };
    let (cash, points, credit) = (1, 5, 6);
    let sold = |shop: &mut Shop| match shop.ok(sell(cash)) {
        Reply::Sale(sale) => sale,
        other => panic!("{other:?}"),
    };
    assert_eq!((sold(&mut shop).customer_id, sold(&mut shop).points_earned), (CustomerId(1), 150));
    erase(&mut shop, 1);
    for theirs in [points, credit] {
        assert_eq!(shop.refused(sell(theirs)), Reason::CustomerErased);
    }
    let sale = sold(&mut shop);
    assert_eq!((sale.customer_id, sale.points_earned), (CustomerId(0), 0));
    shop.sound();
    shop.replays();
}
