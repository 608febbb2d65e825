//! Goal: the business flow of a chat sale and a till sale, step by step, with what must hold after each.
//! Method: commands to the core on a state in memory; `sound` runs every invariant, `replays` compares bytes.

mod common;

use common::{
    BCA, DESK, MINUTE, STORE, Shop, WAREHOUSE, booking, dropped, from, hold, idr, paid_in, request,
};
use kasir_core::command::{
    AllocationInput, ItemInput, LineInput, MutationInput, PrintReportInput, Source, TenderInput,
    TillSaleInput,
};
use kasir_core::ids::{
    CourierId, CustomerId, DropOrderId, HoldId, ItemId, MutationId, OrderId, ParcelId, PrintJobId, ShiftId,
    TillId,
};
use kasir_core::records::{Message, Settings, find};
use kasir_core::states::{DropOrderState, MessageKind, MutationState, OrderState, PrintJobState};
use kasir_core::stock::numbers;
use kasir_core::totals::{Dimension, Metric, day_number, total_key};
use kasir_core::{Command, Reason, Reply, Table, View};

#[test]
#[allow(clippy::too_many_lines, reason = "one story, from beginning to end")]
fn a_chat_sale_goes_from_drop_order_to_the_customer() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, true);
    shop.receive(kopi, WAREHOUSE, 5);
    shop.ok(Command::CreateCourier { code: "JNE".into(), name: "JNE".into(), connected: true });

    let drop = shop.drop(kopi, 2);
    assert_eq!(shop.stock(kopi, WAREHOUSE), (5, 2));
    shop.ok(Command::HandOverDropOrder { drop_order_id: drop, barcode: "BC-A1".into() });
    assert_eq!((shop.stock(kopi, WAREHOUSE), shop.stock(kopi, DESK)), ((3, 0), (2, 2)));

    let mut input = booking(vec![dropped(drop, kopi, 2)]);
    input.courier_id = CourierId(1);
    input.shipping = Some(idr(900_000));
    let Reply::Order(order) = shop.ok(Command::CreateBooking(input)) else { panic!("an order") };
    assert_eq!(order.totals.goods_minor, 200_000);
    assert_eq!(order.totals.tax_minor, 19_820); // 200000 * 11 / 111, half up
    assert_eq!(order.payable_minor, 1_100_000 + i64::from(order.unique_code) * 100);
    assert_eq!(shop.stock(kopi, DESK), (2, 2));
    assert_eq!(shop.drop_order(drop).state, DropOrderState::Booked);

    assert_eq!(
        shop.refused(Command::CreateSales { order_ids: vec![], all_paid: false, shift_id: ShiftId(0) }),
        Reason::FieldRequired
    );
    let Reply::Sales { results, .. } = shop.ok(Command::CreateSales {
        order_ids: vec![order.order_id],
        all_paid: false,
        shift_id: ShiftId(0),
    }) else {
        panic!("sales")
    };
    assert_eq!(results[0].result.as_ref().unwrap_err().reason, Reason::NotPaid);

    shop.import(vec![paid_in(order.payable_minor, "TRSF E-BANKING CR"), paid_in(-5_000, "BIAYA ADM")]);
    assert_eq!(shop.mutation(2).state, MutationState::Ignored);
    assert_eq!(shop.reconcile(), vec![Ok(OrderState::Paid)]);
    shop.sound();

    let Reply::Sales { results, .. } =
        shop.ok(Command::CreateSales { order_ids: vec![], all_paid: true, shift_id: ShiftId(0) })
    else {
        panic!("sales")
    };
    let (sale, parcel_id) = results[0].result.clone().expect("sold");
    assert_eq!(sale.unique_code_minor, i64::from(order.unique_code) * 100);
    assert_eq!(shop.stock(kopi, DESK), (0, 0));
    assert_eq!(shop.drop_order(drop).state, DropOrderState::Consumed);
    shop.sound();

    let labels = |shop: &mut Shop| match shop.ok(Command::PrintLabels {
        parcel_ids: vec![],
        all_unprinted: true,
        reprint_reason: String::new(),
    }) {
        Reply::Labels(labels) => labels,
        other => panic!("{other:?}"),
    };
    assert_eq!(labels(&mut shop).waiting, vec![parcel_id]);
    let report = |airway_bill: &str, state| Command::ReportAirwayBill {
        parcel_id,
        state,
        airway_bill: airway_bill.into(),
        detail: String::new(),
    };
    shop.ok(report("", 5));
    shop.ok(report("JP123", 3));
    let queued = labels(&mut shop);
    assert_eq!(queued.queued, vec![parcel_id]);
    assert!(labels(&mut shop).queued.is_empty(), "a queued label is not queued twice");
    let printed = PrintReportInput { print_job_id: queued.print_job_ids[0], state: 3, detail: String::new() };
    shop.ok(Command::ReportPrintJob(printed));
    shop.ok(Command::HandOverParcel { airway_bill: "JP123".into(), courier_id: CourierId(0) });
    assert_eq!(
        shop.refused(Command::HandOverParcel { airway_bill: "JP123".into(), courier_id: CourierId(0) }),
        Reason::WrongState
    );
    shop.ok(Command::DeliverParcel { parcel_id });
    assert_eq!(shop.order(order.order_id).state, OrderState::Delivered);
    shop.sound();
    shop.replays();
}

#[test]
fn an_expired_order_gives_its_item_to_the_next_customer_and_late_money_is_not_lost() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 1);
    let drop = shop.drop(kopi, 1);
    shop.ok(Command::HandOverDropOrder { drop_order_id: drop, barcode: "BC-A1".into() });
    let first = shop.booked(vec![dropped(drop, kopi, 1)]);
    shop.wait(3 * 60 * MINUTE);
    assert_eq!(shop.order(first.order_id).state, OrderState::Expired);
    assert_eq!(shop.drop_order(drop).state, DropOrderState::ReturnDue);
    assert_eq!(shop.stock(kopi, DESK), (1, 0));
    shop.sound();

    // Late money while the item still waits on the desk: booked again.
    shop.import(vec![paid_in(first.payable_minor, "LATE")]);
    assert_eq!(shop.reconcile(), vec![Ok(OrderState::Paid)]);
    assert_eq!(shop.drop_order(drop).state, DropOrderState::Booked);
    shop.sound();

    // The match was wrong: undone after the deadline, the claim ends for good. It expired again, and the customer is told.
    shop.ok(Command::UndoMatch { mutation_id: MutationId(1) });
    assert_eq!(shop.order(first.order_id).state, OrderState::Expired);
    assert_eq!(shop.order(first.order_id).times_expired, 2);
    let told = |shop: &Shop| {
        let kinds = (1..=9).map(|id| find::<Message>(&shop.state, id).expect("memory is readable"));
        kinds.flatten().filter(|message| message.kind == MessageKind::BookingExpired).count()
    };
    assert_eq!(told(&shop), 2);
    let day = day_number(shop.now_ms, Settings::load(&shop.state).expect("settings").utc_offset_ms);
    let expired = |dimension, under| {
        let key = total_key(day, dimension, under, first.currency, Metric::OrdersExpired);
        let row = shop.state.get(Table::Totals, key.as_slice()).expect("memory is readable");
        row.map(|row| numbers::<2>(&row).expect("two numbers"))
    };
    assert_eq!(expired(Dimension::All, ""), Some([2, 2 * first.payable_minor]));
    assert_eq!(expired(Dimension::Cashier, "siti"), None, "the deadline ended it, not who undid the match");
    assert_eq!(shop.drop_order(drop).state, DropOrderState::ReturnDue);
    shop.sound();

    let second = shop.booked(vec![dropped(drop, kopi, 1)]);
    assert_eq!(shop.reconcile(), [], "what was undone once is for a person");
    let mutation_ids = vec![MutationId(1)];
    shop.ok(Command::ConfirmMatches { bank_account_id: BCA, mutation_ids, all_auto: false });
    assert_eq!(shop.order(first.order_id).state, OrderState::RefundDue);
    assert_eq!(shop.order(second.order_id).state, OrderState::Booked);
    shop.ok(Command::RefundOrder { order_id: first.order_id, reference: "TRF-1".into() });
    assert_eq!(shop.order(first.order_id).state, OrderState::Refunded);
    shop.ok(Command::CancelBooking { order_id: second.order_id, reason: "berubah pikiran".into() });
    assert_eq!(
        shop.refused(Command::ReturnDropOrder { drop_order_id: drop, barcode: "XX".into() }),
        Reason::BarcodeUnknown
    );
    shop.ok(Command::ReturnDropOrder { drop_order_id: drop, barcode: "BC-A1".into() });
    assert_eq!((shop.stock(kopi, WAREHOUSE), shop.stock(kopi, DESK)), ((1, 0), (0, 0)));
    shop.sound();
    shop.replays();
}

#[test]
fn a_drop_order_is_scanned_from_any_symbol_of_its_gtin() {
    let mut shop = Shop::new();
    let item = |sku: &str, barcode: &str| {
        Command::CreateItem(ItemInput {
            sku: sku.into(),
            name: sku.into(),
            barcodes: vec![barcode.into()],
            ..ItemInput::default()
        })
    };
    shop.ok(item("BIG", "08991002101234"));
    shop.ok(item("SMALL", "96385074"));
    let (big, small) = (ItemId(1), ItemId(2));
    assert_eq!(shop.refused(item("TWIN", "00000096385074")), Reason::BarcodeTaken);
    for (kopi, scan) in [
        (big, "]C1010899100210123410L1\u{1d}21S1\r\n"),
        (big, "\u{1d}010899100210123417251231"),
        (big, "010899100210123417251231"),
        (big, "10L1\u{1d}0108991002101234"),
        (small, "0100000096385074"),
        (small, "(01)00000096385074(10)L1"),
    ] {
        shop.receive(kopi, WAREHOUSE, 1);
        let drop_order_id = shop.drop(kopi, 1);
        shop.ok(Command::HandOverDropOrder { drop_order_id, barcode: scan.into() });
        shop.ok(Command::ReturnDropOrder { drop_order_id, barcode: scan.into() });
    }
    let drop_order_id = shop.drop(big, 1);
    let scan = |barcode: &str| Command::HandOverDropOrder { drop_order_id, barcode: barcode.into() };
    assert_eq!(shop.refused(scan("0100000096385074")), Reason::ItemMismatch);
    assert_eq!(shop.refused(scan("\u{1d}\r\n")), Reason::FieldRequired);
    assert_eq!(shop.refused(scan(&"9".repeat(301))), Reason::FieldTooLong);
    let refusal = shop.ask(scan("]C1010899100210123510L1\u{1d}21S1")).expect_err("a wrong check digit");
    assert_eq!(refusal.reason, Reason::BarcodeUnknown);
    assert!(!refusal.message.chars().any(char::is_control), "{:?}", refusal.message);
    shop.sound();
    shop.replays();
}

#[test]
fn two_lines_of_one_order_never_both_take_the_last() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 3);
    let lines = vec![from(WAREHOUSE, kopi, 2), from(WAREHOUSE, kopi, 2)];
    let refusal = shop.ask(Command::CreateBooking(booking(lines))).unwrap_err();
    assert_eq!(refusal.reason, Reason::OutOfStock);
    assert!(
        refusal.details.contains(&("wanted", "4".into()))
            && refusal.details.contains(&("available", "3".into()))
    );
    shop.booked(vec![from(WAREHOUSE, kopi, 2), from(WAREHOUSE, kopi, 1)]);
    assert_eq!(shop.stock(kopi, WAREHOUSE), (3, 3));
    assert_eq!(shop.refused(hold(kopi, WAREHOUSE, 1)), Reason::OutOfStock);
    assert_eq!(shop.refused(request(kopi, 1)), Reason::OutOfStock);
    shop.sound();
}

#[test]
fn payables_are_unique_and_codes_run_out_with_a_name() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 2_000);
    let mut payables = std::collections::BTreeSet::new();
    for _ in 0..999 {
        assert!(payables.insert(shop.booked(vec![from(WAREHOUSE, kopi, 1)]).payable_minor));
    }
    let again = Command::CreateBooking(booking(vec![from(WAREHOUSE, kopi, 1)]));
    assert_eq!(shop.refused(again.clone()), Reason::UniqueCodesExhausted);
    // A closed order's payable cools down, so that late money finds it; when all codes are out, that ends early.
    shop.ok(Command::CancelBooking { order_id: OrderId(7), reason: String::new() });
    let Reply::Order(last) = shop.ok(again.clone()) else { panic!("an order") };
    assert_eq!(last.payable_minor, shop.order(OrderId(7)).payable_minor);
    assert_eq!(shop.refused(again.clone()), Reason::UniqueCodesExhausted);
    shop.sound();
    shop.replays();
    shop.wait(7 * 24 * 60 * MINUTE);
    shop.ok(again);
    shop.sound();
}

#[test]
fn a_code_is_taken_over_from_an_order_that_has_its_money_first() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 2_000);
    let orders: Vec<_> = (0..999).map(|_| shop.booked(vec![from(WAREHOUSE, kopi, 1)])).collect();
    // The next turn is order 1's again; those of the second and third are sold, the first one's money may yet come.
    for order in &orders[1..3] {
        let amount = Some(idr(order.payable_minor));
        let (method, reference) = ("tunai".into(), String::new());
        shop.ok(Command::RecordPayment { order_id: order.order_id, amount, method, reference });
    }
    shop.ok(Command::CreateSales { order_ids: vec![], all_paid: true, shift_id: ShiftId(0) });
    shop.ok(Command::CancelBooking { order_id: OrderId(1), reason: String::new() });
    for sold in &orders[1..3] {
        let order = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
        assert_eq!((order.payable_minor, order.payable_shared_with), (sold.payable_minor, OrderId(0)));
    }
    let order = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    assert_eq!((order.payable_minor, order.payable_shared_with), (orders[0].payable_minor, OrderId(1)));
    shop.sound();
    shop.replays();
}

#[test]
fn holds_end_by_themselves_or_become_orders() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, STORE, 2);
    shop.ok(hold(kopi, STORE, 1));
    shop.ok(hold(kopi, STORE, 1));
    let line = LineInput {
        source: Source::Hold(HoldId(1)),
        item_id: kopi,
        quantity: 1,
        discount: None,
        charge: None,
    };
    shop.booked(vec![line.clone()]);
    assert_eq!(shop.stock(kopi, STORE), (2, 2));
    assert_eq!(shop.refused(Command::CreateBooking(booking(vec![line]))), Reason::HoldNotFound);
    shop.wait(60 * MINUTE);
    assert_eq!(shop.stock(kopi, STORE), (2, 1));
    shop.sound();
    shop.replays();
}

#[test]
fn a_payment_that_comes_after_its_deadline_never_beats_the_expiry() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 1);
    let order = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    shop.now_ms = order.expire_ms; // nobody has ticked
    let pay = Command::RecordPayment {
        order_id: order.order_id,
        amount: Some(idr(order.payable_minor)),
        method: "kas".into(),
        reference: String::new(),
    };
    let Reply::Order(after) = shop.ok(pay) else { panic!("an order") };
    assert_eq!(after.state, OrderState::Paid, "expired first, then booked again: the goods were free");
    let names: Vec<_> =
        shop.journal.iter().flat_map(|entry| entry.events.iter().map(kasir_core::Event::name)).collect();
    let at = |name| names.iter().position(|found| *found == name).expect(name);
    assert!(at("OrderExpired") < at("PaymentAllocated"));
    shop.sound();
    shop.replays();
}

#[test]
fn what_is_done_with_a_drop_order_after_its_deadline_never_beats_the_expiry() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, true);
    shop.receive(kopi, WAREHOUSE, 10);
    let (asked, handed, booked, batched, given_back, paid) = (
        shop.drop(kopi, 1),
        shop.drop(kopi, 1),
        shop.drop(kopi, 1),
        shop.drop(kopi, 1),
        shop.drop(kopi, 1),
        shop.drop(kopi, 1),
    );
    let scan = |drop_order_id| Command::HandOverDropOrder { drop_order_id, barcode: "BC-A1".into() };
    for drop in [handed, booked, batched, given_back, paid] {
        shop.ok(scan(drop));
    }
    shop.booked(vec![dropped(paid, kopi, 1)]);
    shop.now_ms += 61 * MINUTE; // the clock's turn has not come, the deadline has passed
    assert_eq!(shop.refused(scan(asked)), Reason::WrongState);
    assert_eq!(shop.drop_order(asked).state, DropOrderState::Cancelled);
    assert_eq!(shop.refused(Command::ReleaseDropOrder { drop_order_id: handed }), Reason::WrongState);
    assert_eq!(shop.drop_order(handed).state, DropOrderState::ReturnDue);
    // It waits on the desk all the same, and can be booked from there: by an order with a claim of its own.
    shop.booked(vec![dropped(booked, kopi, 1)]);
    shop.ok(Command::BatchCreateBookings(vec![booking(vec![dropped(batched, kopi, 1)])]));
    shop.ok(Command::ReturnDropOrder { drop_order_id: given_back, barcode: "BC-A1".into() });
    assert_eq!(shop.drop_order(paid).state, DropOrderState::Booked, "what an order claims is the order's");
    let ended: Vec<_> = shop.journal.iter().filter(|entry| entry.actor.is_empty()).collect();
    assert_eq!(ended.len(), 5, "each in the clock's name");
    shop.sound();
    shop.replays();
}

#[test]
fn partial_payments_overpayments_and_credit() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 2);
    let order = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    shop.import(vec![paid_in(40_000, "a"), paid_in(order.payable_minor, "b")]);
    let allocate = |mutation, amount, credit_remainder| Command::MatchMutation {
        mutation_id: MutationId(mutation),
        allocations: vec![AllocationInput {
            order_id: order.order_id,
            amount: Some(idr(amount)),
            write_off: None,
        }],
        credit_remainder,
        credit_customer_id: CustomerId(0),
    };
    assert_eq!(shop.refused(allocate(1, 50_000, false)), Reason::OverAllocated);
    shop.ok(allocate(1, 40_000, false));
    assert_eq!(shop.order(order.order_id).state, OrderState::PartlyPaid);
    let rest = order.payable_minor - 40_000;
    assert_eq!(shop.refused(allocate(2, rest, false)), Reason::RemainderLeft);
    shop.ok(allocate(2, rest, true));
    assert_eq!(shop.order(order.order_id).state, OrderState::Paid);
    assert_eq!(shop.mutation(2).credited_minor, 40_000);
    shop.sound();
    shop.ok(Command::UndoMatch { mutation_id: MutationId(2) });
    assert_eq!(shop.order(order.order_id).state, OrderState::PartlyPaid);
    shop.wait(3 * 60 * MINUTE);
    assert_eq!(shop.order(order.order_id).state, OrderState::RefundDue, "money came, not enough in time");
    shop.sound();
    shop.replays();
}

#[test]
fn the_same_rows_ten_times_are_the_same_rows_and_twins_are_two() {
    let mut shop = Shop::new();
    let twins = vec![paid_in(100, "SAME"), paid_in(100, "SAME"), paid_in(200, "OTHER")];
    assert_eq!(shop.import(twins.clone()).mutation_ids.len(), 3);
    for _ in 0..9 {
        let again = shop.import(twins.clone());
        assert_eq!((again.mutation_ids.len(), again.known), (0, [1, 2, 3].map(MutationId).to_vec()));
    }
    let pending = MutationInput { pending: true, ..paid_in(300, "PEND") };
    assert_eq!(shop.import(vec![pending.clone()]).pending, [MutationId(4)]);
    let posted = MutationInput { date: "2026-01-02".into(), balance: Some(idr(900)), ..paid_in(300, "PEND") };
    let second = MutationInput { balance: Some(idr(1_200)), ..posted.clone() };
    let imported = shop.import(vec![posted.clone(), second]);
    assert_eq!((imported.posted, imported.mutation_ids), (vec![MutationId(4)], vec![MutationId(5)]));
    assert_eq!(shop.mutation(4).state, MutationState::Posted);
    assert_eq!(shop.import(vec![posted]).known, [MutationId(4)]);
    assert_eq!(shop.import(vec![pending]).known, [MutationId(4)]);
    shop.sound();
    shop.replays();
}

#[test]
fn a_till_sells_counts_and_closes() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 150_000, true);
    shop.receive(kopi, STORE, 10);
    shop.ok(Command::CreateTill { code: "KASIR-1".into(), location_id: STORE });
    let open = Command::OpenShift { till_id: TillId(1), opening_cash: Some(idr(500_000)) };
    shop.ok(open.clone());
    assert_eq!(shop.refused(open), Reason::ShiftOpen);
    let sell = |quantity, tenders: &[(i32, i64, &str)]| Command::CreateTillSale {
        sale: TillSaleInput {
            shift_id: ShiftId(1),
            lines: vec![LineInput { item_id: kopi, quantity, ..LineInput::default() }],
            ..TillSaleInput::default()
        },
        tenders: tenders
            .iter()
            .map(|(kind, amount, reference)| TenderInput {
                kind: *kind,
                amount: Some(idr(*amount)),
                reference: (*reference).into(),
            })
            .collect(),
    };
    assert_eq!(shop.refused(sell(2, &[(1, 200_000, "")])), Reason::TendersTooLow);
    assert_eq!(shop.refused(sell(1, &[(2, 200_000, "AUTH1")])), Reason::ChangeNotFromCash);
    assert_eq!(shop.refused(sell(1, &[(2, 150_000, "")])), Reason::FieldRequired);
    assert_eq!(shop.refused(sell(1, &[(2, 150_000, "4111 1111 1111 1111")])), Reason::CardNumberRefused);
    assert_eq!(shop.refused(sell(11, &[(1, 9_000_000, "")])), Reason::OutOfStock);
    let Reply::Sale(sale) = shop.ok(sell(2, &[(2, 100_000, "AUTH1"), (1, 250_000, "")])) else {
        panic!("a sale")
    };
    assert_eq!(sale.change_minor, 50_000);
    assert_eq!(shop.stock(kopi, STORE), (8, 0));
    shop.ok(Command::RecordCashMovement {
        shift_id: ShiftId(1),
        amount: Some(idr(-100_000)),
        reason: "setor".into(),
    });
    let Reply::Shift(z) =
        shop.ok(Command::CloseShift { shift_id: ShiftId(1), counted_cash: Some(idr(590_000)) })
    else {
        panic!("a shift")
    };
    assert_eq!(z.expected_cash_minor(), 600_000);
    assert_eq!((z.sale_count, z.sale_total_minor), (1, 300_000));
    assert_eq!(shop.refused(sell(1, &[(1, 150_000, "")])), Reason::ShiftClosed);
    for (shift_id, reason) in [(ShiftId(1), Reason::ShiftClosed), (ShiftId(2), Reason::ShiftNotFound)] {
        let moved =
            Command::RecordCashMovement { shift_id, amount: Some(idr(-100_000)), reason: "setor".into() };
        let closed = Command::CloseShift { shift_id, counted_cash: Some(idr(0)) };
        for command in [moved, closed] {
            let refusal = shop.ask(command).expect_err("it is no open shift");
            assert_eq!(refusal.reason, reason);
            assert!(refusal.details.contains(&("field", "shift_id".into())), "{refusal:?}");
        }
    }
    shop.sound();
    shop.replays();
}

#[test]
fn what_costs_nothing_is_sold_without_a_tender() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, true);
    shop.receive(kopi, STORE, 2);
    shop.ok(Command::CreateTill { code: "K1".into(), location_id: STORE });
    shop.ok(Command::OpenShift { till_id: TillId(1), opening_cash: Some(idr(0)) });
    let cart = |discount| TillSaleInput {
        shift_id: ShiftId(1),
        lines: vec![LineInput {
            source: Source::Missing,
            item_id: kopi,
            quantity: 1,
            discount: Some(idr(discount)),
            charge: None,
        }],
        ..TillSaleInput::default()
    };
    let sell = |discount| Command::CreateTillSale { sale: cart(discount), tenders: vec![] };
    assert_eq!(shop.refused(sell(99_999)), Reason::FieldRequired);
    let Reply::Sale(sale) = shop.ok(sell(100_000)) else { panic!("a sale") };
    assert_eq!((sale.totals.total_minor, sale.tenders.len(), sale.change_minor), (0, 0, 0));
    assert_eq!(shop.stock(kopi, STORE), (1, 0));
    shop.sound();
    shop.replays();
}

#[test]
fn nothing_is_printed_again_on_its_own() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 1);
    shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    let job = PrintJobId(1);
    let report =
        |state| Command::ReportPrintJob(PrintReportInput { print_job_id: job, state, detail: String::new() });
    shop.ok(report(2));
    shop.ok(report(5));
    assert_eq!(shop.refused(report(3)), Reason::WrongState);
    let settle = Command::SettlePrintJob { print_job_id: job, printed: false };
    let Reply::Settled { job: settled, new_print_job_id } = shop.ok(settle.clone()) else {
        panic!("settled")
    };
    assert_eq!((settled.state, new_print_job_id), (PrintJobState::Failed, PrintJobId(2)));
    assert_eq!(shop.refused(settle), Reason::WrongState, "settled once is enough");
    shop.sound();
    shop.replays();
}

#[test]
fn wrong_states_are_refused_by_name() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 1);
    let order = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    shop.ok(Command::CancelBooking { order_id: order.order_id, reason: String::new() });
    let extend = |version| Command::ExtendBooking {
        order_id: order.order_id,
        version,
        expire_ms: Some(common::NOON + MINUTE),
    };
    assert_eq!(shop.refused(extend(2)), Reason::WrongState);
    assert_eq!(shop.refused(Command::DeliverParcel { parcel_id: ParcelId(9) }), Reason::ParcelNotFound);
    assert_eq!(
        shop.refused(Command::CancelDropOrder { drop_order_id: DropOrderId(1) }),
        Reason::DropOrderNotFound
    );
    assert_eq!(
        shop.refused(Command::ProposeMatches {
            bank_account_id: kasir_core::ids::BankAccountId(7),
            proposals: Vec::new(),
            unmatched: 0,
            more: false,
        }),
        Reason::BankAccountNotFound
    );
    assert_eq!(
        shop.refused(Command::CreateBooking(booking(vec![from(DESK, kopi, 1)]))),
        Reason::DropOrderRequired
    );
    let _ = BCA;
    shop.sound();
}

#[test]
fn dollars_do_not_pay_for_rupiahs() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, false);
    shop.receive(kopi, WAREHOUSE, 1);
    let order = shop.booked(vec![from(WAREHOUSE, kopi, 1)]);
    shop.ok(Command::CreateBankAccount(kasir_core::command::BankAccountInput {
        bank: "BCA".into(),
        number: "99".into(),
        holder: "Toko".into(),
        currency_code: "USD".into(),
        ..Default::default()
    }));
    let usd = |minor_units| kasir_core::command::MoneyInput { currency_code: "USD".into(), minor_units };
    let row = MutationInput { amount: Some(usd(100_100)), ..paid_in(1, "USD") };
    let account = kasir_core::ids::BankAccountId(2);
    shop.ok(Command::ImportMutations {
        bank_account_id: account,
        file_hash: String::new(),
        file_ends: false,
        mutations: vec![row],
    });
    let allocations =
        vec![AllocationInput { order_id: order.order_id, amount: Some(usd(100_100)), write_off: None }];
    let command = Command::MatchMutation {
        mutation_id: MutationId(1),
        allocations,
        credit_remainder: false,
        credit_customer_id: CustomerId(0),
    };
    assert_eq!(shop.refused(command), Reason::CurrencyMismatch);
    shop.sound();
}
