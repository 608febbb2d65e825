//! Goal: a customer's e-mail address is known once it was said, changes when another is said, and goes with every message.
//!
//! Method: bookings and changes of one customer; after each, customer, order and message are looked at.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod common;

use common::{MINUTE, Shop, WAREHOUSE, booking, from};
use kasir_core::command::{BookingInput, CustomerInput};
use kasir_core::ids::{CustomerId, ItemId};
use kasir_core::records::{Customer, Message, Order, decode, encode, find};
use kasir_core::reply::Reply;
use kasir_core::{Command, Reason, Refusal};

const SRI: &str = "sri@example.com";

fn field(refusal: &Refusal) -> &str {
    let named = refusal.details.iter().find(|(name, _)| *name == "field");
    named.map_or("", |(_, field)| field.as_str())
}

fn shop() -> (Shop, ItemId) {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 20);
    (shop, kopi)
}

fn said(kopi: ItemId, email: &str) -> BookingInput {
    BookingInput { customer_email: email.into(), ..booking(vec![from(WAREHOUSE, kopi, 1)]) }
}

fn book(shop: &mut Shop, input: BookingInput) -> Order {
    let Reply::Order(order) = shop.ok(Command::CreateBooking(input)) else { panic!("an order") };
    order
}

fn customer(shop: &Shop) -> Customer {
    find(&shop.state, 1).unwrap().unwrap()
}

fn messages(shop: &Shop) -> Vec<Message> {
    (1..).map_while(|id| find(&shop.state, id).unwrap()).collect()
}

#[test]
fn an_address_that_was_said_once_is_kept_and_goes_with_every_message() {
    let (mut shop, kopi) = shop();
    let first = book(&mut shop, said(kopi, " sri@Example.COM "));
    assert_eq!((first.customer_email.as_str(), customer(&shop).email.as_str()), (SRI, SRI));
    let again = book(&mut shop, said(kopi, ""));
    assert_eq!((again.customer_id, again.customer_email.as_str()), (first.customer_id, SRI));
    let by_id = BookingInput { customer_id: first.customer_id, ..said(kopi, "") };
    assert_eq!(book(&mut shop, by_id).customer_email, SRI);
    assert_eq!(customer(&shop).version, 1, "nothing was changed");
    shop.wait(31 * 24 * 60 * MINUTE); // all expire
    let told = messages(&shop);
    assert_eq!(told.len(), 6);
    assert!(told.iter().all(|message| message.email == SRI), "{told:#?}");
    shop.sound();
    shop.replays();
}

#[test]
fn a_booking_with_another_address_changes_it_for_what_comes_after() {
    let (mut shop, kopi) = shop();
    book(&mut shop, said(kopi, ""));
    assert_eq!((customer(&shop).email.as_str(), customer(&shop).version), ("", 1));
    book(&mut shop, said(kopi, SRI));
    assert_eq!((customer(&shop).email.as_str(), customer(&shop).version), (SRI, 2));
    let by_id = BookingInput { customer_id: CustomerId(1), ..said(kopi, "wahyuni@example.com") };
    let third = book(&mut shop, by_id);
    assert_eq!((third.customer_email.as_str(), customer(&shop).version), ("wahyuni@example.com", 3));
    let first: Order = find(&shop.state, 1).unwrap().unwrap();
    assert_eq!(first.customer_email, "", "orders keep what was known when they were booked");
    let told: Vec<String> = messages(&shop).into_iter().map(|message| message.email).collect();
    assert_eq!(told, ["", SRI, "wahyuni@example.com"]);
    shop.sound();
    shop.replays();
}

#[test]
fn bookings_of_one_batch_follow_each_other() {
    let (mut shop, kopi) = shop();
    let bookings =
        vec![said(kopi, SRI), said(kopi, "b@example.com"), said(kopi, "b@example.com"), said(kopi, "x")];
    let Reply::Orders(orders) = shop.ok(Command::BatchCreateBookings(bookings)) else { panic!("orders") };
    let booked: Vec<_> =
        orders.iter().map(|each| each.as_ref().ok().map(|order| order.customer_email.as_str())).collect();
    assert_eq!(booked, [Some(SRI), Some("b@example.com"), Some("b@example.com"), None]);
    assert_eq!((customer(&shop).email.as_str(), customer(&shop).version), ("b@example.com", 2));
    shop.sound();
    shop.replays();
}

#[test]
fn what_is_no_address_is_refused_by_its_field_and_changes_nothing() {
    let (mut shop, kopi) = shop();
    book(&mut shop, said(kopi, SRI));
    let long = format!("{}@example.com", "s".repeat(250));
    for (email, reason) in
        [("sri", Reason::FieldMalformed), ("a@b", Reason::FieldMalformed), (&long, Reason::FieldTooLong)]
    {
        let refusal = shop.ask(Command::CreateBooking(said(kopi, email))).unwrap_err();
        assert_eq!((refusal.reason, field(&refusal)), (reason, "booking.customer_email"), "{email}");
        for version in [0_u8, 1] {
            let input = CustomerInput {
                customer_id: CustomerId(version.into()),
                name: "Sri".into(),
                phone: "0812 3456 70".into(),
                email: email.into(),
                version: version.into(),
                ..CustomerInput::default()
            };
            let command =
                if version == 0 { Command::CreateCustomer(input) } else { Command::UpdateCustomer(input) };
            let refusal = shop.ask(command).unwrap_err();
            assert_eq!((refusal.reason, field(&refusal)), (reason, "customer.email"), "{email}");
        }
    }
    assert_eq!(customer(&shop).email, SRI);
}

#[test]
fn an_update_of_a_customer_sets_the_address_and_takes_it_away() {
    let (mut shop, _) = shop();
    let input = CustomerInput {
        name: "Sri".into(),
        phone: "0812345678".into(),
        email: SRI.into(),
        ..CustomerInput::default()
    };
    shop.ok(Command::CreateCustomer(input.clone()));
    assert_eq!(customer(&shop).email, SRI);
    let update = CustomerInput { customer_id: CustomerId(1), version: 1, email: String::new(), ..input };
    shop.ok(Command::UpdateCustomer(update));
    assert_eq!(customer(&shop).email, "");
    shop.sound();
    shop.replays();
}

/// A record without an address has no field for it: its bytes are those of records written before there was one.
#[test]
fn records_without_an_address_are_written_as_they_were_before_there_was_one() {
    let (mut shop, kopi) = shop();
    let order = book(&mut shop, said(kopi, ""));
    let has_field = |bytes: Vec<u8>| bytes.windows(5).any(|part| part == b"email");
    let message = messages(&shop).remove(0);
    for bytes in [encode(&customer(&shop)), encode(&order), encode(&message)] {
        assert!(!has_field(bytes.unwrap()));
    }
    assert_eq!(decode::<Order>(&encode(&order).unwrap()).unwrap(), order);
    let known = book(&mut shop, said(kopi, SRI));
    assert!(has_field(encode(&known).unwrap()));
}
