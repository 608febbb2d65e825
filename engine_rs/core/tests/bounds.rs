//! Goal: one command neither holds up the others nor gets a reply that nobody takes.
//! Method: batches at their bounds and one beyond, on a shop in memory.

mod common;

use common::{STORE, Shop, booking, from, idr};
use kasir_core::command::{BookingInput, ItemInput};
use kasir_core::ids::{BankAccountId, ItemId, OrderId, ShiftId};
use kasir_core::{Command, Reason, Reply};

/// Lines of all orders of one batch.
const LINES: usize = 5_000;

fn of_lines(item_id: ItemId, lines: usize) -> BookingInput {
    let lines = (0..lines).map(|_| from(STORE, item_id, 1)).collect();
    BookingInput { bank_account_id: BankAccountId(0), ..booking(lines) }
}

#[track_caller]
fn assert_too_many(shop: &mut Shop, command: Command, field: &str) {
    let refusal = shop.ask(command).expect_err("too many");
    assert_eq!(refusal.reason, Reason::TooManyElements);
    assert!(refusal.details.contains(&("field", field.to_string())), "{:?}", refusal.details);
}

#[test]
fn a_batch_takes_so_many_lines_and_a_sale_of_all_that_is_paid_goes_on_in_the_next() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 1_000, true);
    shop.receive(kopi, STORE, 1_000_000);
    let mut bookings = vec![of_lines(kopi, 200); LINES / 200];
    shop.ok(Command::BatchCreateBookings(bookings.clone()));
    bookings.push(of_lines(kopi, 1));
    assert_too_many(&mut shop, Command::BatchCreateBookings(bookings), "bookings.lines");
    for lines in [1, 1] {
        shop.ok(Command::CreateBooking(of_lines(kopi, lines)));
    }
    let ids: Vec<OrderId> = (1..=27).map(OrderId).collect();
    for order_id in &ids {
        let amount = Some(idr(shop.order(*order_id).payable_minor));
        let (method, reference) = ("tunai".to_string(), String::new());
        shop.ok(Command::RecordPayment { order_id: *order_id, amount, method, reference });
    }
    // Named orders beyond the bound are refused one by one; there is no more of them.
    let sell = |order_ids: Vec<OrderId>, all_paid| Command::CreateSales {
        order_ids,
        all_paid,
        shift_id: ShiftId(0),
    };
    let Reply::Sales { results, more } = shop.ok(sell(ids.iter().rev().take(27).copied().collect(), false))
    else {
        panic!("sales")
    };
    assert!(!more);
    let refused: Vec<_> = results.iter().filter_map(|sold| sold.result.as_ref().err()).collect();
    assert_eq!(refused.len(), 1, "two small ones and twenty-four large ones have room");
    assert_eq!(refused[0].reason, Reason::TooManyElements);
    let Reply::Sales { results, more } = shop.ok(sell(vec![], true)) else { panic!("sales") };
    assert_eq!((results.len(), more), (1, false));

    // All that are paid: as many as there is room for, then the rest.
    for _ in 0..26 {
        let Reply::Order(order) = shop.ok(Command::CreateBooking(of_lines(kopi, 200))) else {
            panic!("an order")
        };
        let amount = Some(idr(order.payable_minor));
        let (method, reference) = ("tunai".to_string(), String::new());
        shop.ok(Command::RecordPayment { order_id: order.order_id, amount, method, reference });
    }
    let Reply::Sales { results, more } = shop.ok(sell(vec![], true)) else { panic!("sales") };
    assert_eq!((results.len(), more), (25, true));
    let Reply::Sales { results, more } = shop.ok(sell(vec![], true)) else { panic!("sales") };
    assert_eq!((results.len(), more), (1, false));
    shop.sound();
}

#[test]
fn a_batch_of_items_takes_so_many_barcodes() {
    let mut shop = Shop::new();
    let item = |number: usize, barcodes: usize| ItemInput {
        sku: format!("S{number}"),
        name: "Kopi".into(),
        barcodes: (0..barcodes).map(|code| format!("B-{number}-{code}")).collect(),
        ..ItemInput::default()
    };
    let mut items: Vec<ItemInput> = (0..500).map(|number| item(number, 20)).collect();
    items.push(item(500, 1));
    assert_too_many(&mut shop, Command::BatchCreateItems(items.clone()), "items.barcodes");
    items.pop();
    shop.ok(Command::BatchCreateItems(items));
    shop.sound();
}
