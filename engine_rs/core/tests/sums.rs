//! Goal: no sum of amounts that a caller may name stops the engine.
//! Method: the largest amounts again and again, past what 64 bits hold; `sound` adds everything up anew, `replays` compares
//! bytes.

mod common;

use common::{MINUTE, STORE, Shop, booking, from, idr, paid_in};
use kasir_core::command::{AllocationInput, LineInput, TenderInput, TillSaleInput};
use kasir_core::ids::{BankAccountId, CustomerId, ItemId, MutationId, ShiftId, TillId};
use kasir_core::kv::Key;
use kasir_core::money::{AMOUNT_MAX, SUM_MAX};
use kasir_core::records::{Customer, Settings, Shift, encode, find, save};
use kasir_core::{Command, Reason, Reply, State, Stop, Table, query};

/// More of the largest amounts than 64 bits add up.
const TOO_MANY: i64 = i64::MAX / AMOUNT_MAX + 1;

fn shift_open(shop: &mut Shop) -> ShiftId {
    shop.ok(Command::CreateTill { code: "K1".into(), location_id: STORE });
    match shop.ok(Command::OpenShift { till_id: TillId(1), opening_cash: Some(idr(AMOUNT_MAX)) }) {
        Reply::Shift(shift) => shift.shift_id,
        other => panic!("{other:?}"),
    }
}

fn cash(shift_id: ShiftId, amount: i64) -> Command {
    Command::RecordCashMovement { shift_id, amount: Some(idr(amount)), reason: "modal".into() }
}

fn cart(shift_id: ShiftId, discount: i64) -> TillSaleInput {
    let line =
        LineInput { item_id: ItemId(1), quantity: 1, discount: Some(idr(discount)), ..LineInput::default() };
    TillSaleInput { shift_id, lines: vec![line], ..TillSaleInput::default() }
}

fn card(amount: i64) -> Vec<TenderInput> {
    vec![TenderInput { kind: 2, amount: Some(idr(amount)), reference: "AUTH 1".into() }]
}

#[test]
fn a_days_total_goes_beyond_64_bits_and_back_to_work() {
    let mut shop = Shop::new();
    let gold = shop.item("EMAS", AMOUNT_MAX, false);
    shop.receive(gold, STORE, 100_000);
    let mut input = booking(vec![from(STORE, gold, 1)]);
    input.bank_account_id = BankAccountId(0);
    for _ in 0..=TOO_MANY / 1_000 {
        let Reply::Orders(orders) = shop.ok(Command::BatchCreateBookings(vec![input.clone(); 1_000])) else {
            panic!("orders")
        };
        assert!(orders.iter().all(Result::is_ok));
    }
    let Err(Stop::Refused(refusal)) = query::day_report(&shop.state, "", shop.now_ms) else {
        panic!("a number that does not fit is not told")
    };
    assert_eq!(refusal.reason, Reason::AmountOutOfRange);
    assert!(matches!(query::month_report(&shop.state, "", shop.now_ms), Err(Stop::Refused(_))));
    // The clock cannot be refused: what expires is added up all the same.
    shop.wait(4 * 60 * MINUTE);
    assert_eq!(shop.stock(gold, STORE), (100_000, 0));
    shop.sound();
    shop.replays();
}

#[test]
fn a_drawer_takes_so_much_and_says_so() {
    let mut shop = Shop::new();
    let shift_id = shift_open(&mut shop);
    for _ in 0..SUM_MAX / AMOUNT_MAX {
        shop.ok(cash(shift_id, AMOUNT_MAX));
        shop.ok(cash(shift_id, -AMOUNT_MAX));
    }
    assert_eq!(shop.refused(cash(shift_id, 1)), Reason::AmountOutOfRange);
    shop.ok(cash(shift_id, -AMOUNT_MAX));
    shop.ok(Command::CloseShift { shift_id, counted_cash: Some(idr(0)) });
    shop.sound();
}

#[test]
fn a_shift_sells_and_gives_away_so_much_and_says_so() {
    let mut shop = Shop::new();
    let gold = shop.item("EMAS", AMOUNT_MAX, false);
    shop.receive(gold, STORE, 100_000);
    let shift_id = shift_open(&mut shop);
    let sell = |discount: i64, amount: i64| Command::CreateTillSale {
        sale: cart(shift_id, discount),
        tenders: card(amount),
    };
    for _ in 0..SUM_MAX / AMOUNT_MAX - 1 {
        shop.ok(sell(0, AMOUNT_MAX));
        shop.ok(sell(AMOUNT_MAX - 1, 1));
    }
    shop.ok(sell(1_000, AMOUNT_MAX - 1_000));
    let shift: Shift = find(&shop.state, shift_id.0).expect("memory is readable").expect("the shift");
    assert!(shift.sale_total_minor > SUM_MAX - AMOUNT_MAX, "{}", shift.sale_total_minor);
    assert_eq!(shop.refused(sell(0, AMOUNT_MAX)), Reason::AmountOutOfRange);

    // Receipts of orders count in a shift as well.
    let mut input = booking(vec![from(STORE, gold, 1)]);
    input.bank_account_id = BankAccountId(0);
    let Reply::Order(order) = shop.ok(Command::CreateBooking(input)) else { panic!("an order") };
    shop.ok(Command::RecordPayment {
        order_id: order.order_id,
        amount: Some(idr(AMOUNT_MAX)),
        method: "tunai".into(),
        reference: String::new(),
    });
    let sales =
        |shift_id| Command::CreateSales { order_ids: vec![order.order_id], all_paid: false, shift_id };
    let Reply::Sales { results, .. } = shop.ok(sales(shift_id)) else { panic!("sales") };
    assert_eq!(results[0].result.as_ref().expect_err("too much").reason, Reason::AmountOutOfRange);
    let Reply::Sales { results, .. } = shop.ok(sales(ShiftId(0))) else { panic!("sales") };
    assert!(results[0].result.is_ok());
    shop.sound();
}

#[test]
fn a_customer_collects_so_much_and_says_so() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, true);
    shop.receive(kopi, STORE, 5);
    let order = shop.booked(vec![from(STORE, kopi, 1)]);
    let shift_id = shift_open(&mut shop);
    let mut customer: Customer = find(&shop.state, 1).expect("memory is readable").expect("the customer");
    customer.credit_minor = SUM_MAX - 1;
    customer.points = SUM_MAX - 1;
    save(&mut shop.state, &customer).expect("memory is writable");
    shop.import(vec![paid_in(order.payable_minor + 2, "LEBIH")]);
    assert_eq!(
        shop.refused(Command::MatchMutation {
            mutation_id: MutationId(1),
            allocations: vec![AllocationInput {
                order_id: order.order_id,
                amount: Some(idr(order.payable_minor)),
                write_off: None,
            }],
            credit_remainder: true,
            credit_customer_id: CustomerId(0),
        }),
        Reason::AmountOutOfRange
    );
    let settings = Settings { points_per_minor: 1, ..Settings::default() };
    let bytes = encode(&settings).expect("settings encode");
    shop.state.put(Table::Settings, Key::new().as_slice(), &bytes).expect("memory is writable");
    let sale = TillSaleInput { customer_id: CustomerId(1), ..cart(shift_id, 0) };
    let command = Command::CreateTillSale { sale, tenders: card(100_000) };
    assert_eq!(shop.refused(command), Reason::AmountOutOfRange);
}
