//! Goal: the customer of an unpaid order is reminded once of each deadline, in time, and never of one that passed.
//!
//! Method: a shop that reminds an hour before; time is let pass over the reminder and the deadline in every order.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod shop;

use kasir_core::command::{Command, SettingsInput};
use kasir_core::ids::OrderId;
use kasir_core::records::{HOUR_MS, Message, Order, Settings, find};
use kasir_core::states::{MessageKind, OrderState};
use kasir_core::verify;
use shop::{COFFEE, Shop};

fn told(shop: &Shop, order: &Order) -> Vec<MessageKind> {
    let all = (1..=20).filter_map(|id| find::<Message>(&shop.state, id).unwrap());
    all.filter(|message| message.order_id == order.order_id).map(|message| message.kind).collect()
}

fn state(shop: &Shop, order_id: OrderId) -> OrderState {
    find::<Order>(&shop.state, order_id.0).unwrap().unwrap().state
}

fn sound(shop: &Shop) {
    assert_eq!(verify(&shop.state).unwrap().violations, Vec::<String>::new());
}

const CONFIRMED: MessageKind = MessageKind::BookingConfirmed;
const REMINDED: MessageKind = MessageKind::DeadlineReminder;
const EXPIRED: MessageKind = MessageKind::BookingExpired;

#[test]
fn an_unpaid_order_is_reminded_of_once_before_its_deadline() {
    let mut shop = Shop::open();
    let order = shop.book_item(COFFEE, 1);
    sound(&shop);
    shop.wait(2 * HOUR_MS - 1);
    assert_eq!(told(&shop, &order), [CONFIRMED]);
    shop.wait(1);
    assert_eq!(told(&shop, &order), [CONFIRMED, REMINDED]);
    sound(&shop);
    shop.wait(HOUR_MS - 1);
    assert_eq!(state(&shop, order.order_id), OrderState::Booked);
    shop.wait(1);
    assert_eq!(told(&shop, &order), [CONFIRMED, REMINDED, EXPIRED]);
    sound(&shop);
}

#[test]
fn a_new_deadline_is_reminded_of_anew() {
    let mut shop = Shop::open();
    let order = shop.book_item(COFFEE, 1);
    shop.wait(2 * HOUR_MS);
    let expire_ms = Some(order.expire_ms + 3 * HOUR_MS);
    let (order_id, version) = (order.order_id, order.version);
    shop.run(Command::ExtendBooking { order_id, version, expire_ms });
    sound(&shop);
    shop.wait(3 * HOUR_MS - 1);
    assert_eq!(told(&shop, &order), [CONFIRMED, REMINDED]);
    shop.wait(1);
    assert_eq!(told(&shop, &order), [CONFIRMED, REMINDED, REMINDED]);
    sound(&shop);
}

#[test]
fn who_paid_or_cancelled_is_not_reminded() {
    let mut shop = Shop::open();
    let (paid, cancelled) = (shop.book_item(COFFEE, 1), shop.book_item(COFFEE, 1));
    shop.pay(&paid, paid.payable_minor, 0);
    shop.run(Command::CancelBooking { order_id: cancelled.order_id, reason: "batal".into() });
    sound(&shop);
    shop.wait(3 * HOUR_MS);
    for order in [paid, cancelled] {
        assert!(!told(&shop, &order).contains(&REMINDED));
    }
}

#[test]
fn after_a_night_in_which_the_deadline_passed_only_that_is_told() {
    let mut shop = Shop::open();
    let order = shop.book_item(COFFEE, 1);
    shop.wait(10 * HOUR_MS);
    assert_eq!(told(&shop, &order), [CONFIRMED, EXPIRED]);
    sound(&shop);
}

#[test]
fn a_shop_that_does_not_want_it_reminds_nobody() {
    let mut shop = Shop::open();
    let now = Settings::load(&shop.state).unwrap();
    shop.run(Command::UpdateSettings(SettingsInput {
        shop_name: now.shop_name.clone(),
        currency_code: "IDR".into(),
        booking_duration_ms: now.booking_duration_ms,
        hold_duration_ms: now.hold_duration_ms,
        version: now.version,
        ..SettingsInput::default()
    }));
    let order = shop.book_item(COFFEE, 1);
    shop.wait(3 * HOUR_MS);
    assert_eq!(told(&shop, &order), [CONFIRMED, EXPIRED]);
}
