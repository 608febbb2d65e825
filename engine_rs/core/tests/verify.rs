//! Goal: `verify` finds what is wrong, and nothing where nothing is.
//!
//! Method: after a day in which everything happened the store is sound; then one thing at a time is damaged, as a bug or a
//! bad disk would, and the damage must be named. A damage that goes unnoticed fails the test, and so does one that can
//! no longer be made.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod damage;
mod shop;

use damage::{add, assert_found, day, edit, first, order_is, stock_row};
use kasir_core::ids::{CustomerId, HoldId, ItemId, OrderId, ParcelId, ShiftId};
use kasir_core::kv::Key;
use kasir_core::money::Currency;
use kasir_core::open_money::{OpenKind, open_key};
use kasir_core::query::{self, Page};
use kasir_core::records::{
    BankAccount, ColumnMapping, Customer, DropOrder, Hold, Item, Location, Manifest, Message, Mutation,
    Order, Parcel, PrintJob, Refund, Sale, Settings, Shift, Till, id_key,
};
use kasir_core::states::{
    AirwayBillState, DocumentKind, DropOrderState, LabelState, MessageState, MutationState, OrderState,
    PrintJobState,
};
use kasir_core::stock::fixed;
use kasir_core::tables::Codec;
use kasir_core::totals::{Dimension, Metric, total_key};
use kasir_core::{Memory, State, Table, View, verify};
use shop::{ACCOUNT, COFFEE, DESK, STORE, TEA, WAREHOUSE};

#[test]
fn a_busy_day_leaves_a_sound_store() {
    let report = verify(&day()).unwrap();
    assert_eq!(report.violations, Vec::<String>::new());
    assert!(report.records > 200, "{}", report.records);
}

#[test]
fn an_empty_store_is_sound() {
    let report = verify(&Memory::default()).unwrap();
    assert_eq!((report.violations, report.records), (Vec::new(), 0));
}

/// Without this the damages below would prove less than they seem to.
#[test]
fn the_busy_day_reaches_every_state() {
    let day = day();
    let page = Page::list(1_000, "").unwrap();
    for state in DropOrderState::ALL {
        let found = query::list_drop_orders(&day, i32::from(state.number()), WAREHOUSE, &page).unwrap();
        assert!(!found.rows.is_empty(), "{state:?}");
    }
    for state in OrderState::ALL {
        let found = query::list_bookings(&day, i32::from(state.number()), CustomerId(0), &page).unwrap();
        assert!(!found.rows.is_empty(), "{state:?}");
    }
    for state in MutationState::ALL {
        let found = query::list_mutations(&day, ACCOUNT, i32::from(state.number()), &page).unwrap();
        assert!(!found.rows.is_empty(), "{state:?}");
    }
    for state in LabelState::ALL {
        assert!(
            !query::list_parcels(&day, i32::from(state.number()), 0, &page).unwrap().rows.is_empty(),
            "{state:?}"
        );
    }
    for state in AirwayBillState::ALL {
        assert!(
            !query::list_parcels(&day, 0, i32::from(state.number()), &page).unwrap().rows.is_empty(),
            "{state:?}"
        );
    }
    for state in
        [PrintJobState::Queued, PrintJobState::Printed, PrintJobState::Failed, PrintJobState::Unknown]
    {
        let found = query::list_print_jobs(&day, i32::from(state.number()), &page).unwrap();
        assert!(!found.rows.is_empty(), "{state:?}");
    }
    for state in MessageState::ALL {
        assert!(
            !query::list_messages(&day, i32::from(state.number()), &page).unwrap().rows.is_empty(),
            "{state:?}"
        );
    }
    let filled: Vec<Table> = day.entries().map(|(table, _, _)| table).collect();
    for table in Table::ALL {
        assert!(filled.contains(table), "{table:?} is empty");
    }
}

#[test]
fn custody_and_claims_that_drift_are_found() {
    let coffee = stock_row(COFFEE, WAREHOUSE.0);
    assert_found(
        |s| add(s, Table::Stocks, coffee, [0, 1]),
        &["Stock of item 1 at location 1", "live claims add up to"],
    );
    assert_found(|s| add(s, Table::Stocks, coffee, [0, 500]), &["on hand, 5"]);
    assert_found(|s| add(s, Table::Stocks, coffee, [1, 0]), &["Item 1: ", " received + "]);
    assert_found(
        |s| s.delete(Table::Stocks, coffee.as_slice()).unwrap(),
        &["at location 1, which never had it"],
    );
    let desk = stock_row(COFFEE, DESK.0);
    let to_desk = |s: &mut Memory| {
        add(s, Table::Stocks, coffee, [-1, 0]);
        add(s, Table::Stocks, desk, [1, 0]);
    };
    assert_found(to_desk, &["CS desk 2 has", "its Drop Orders brought"]);
    let sold = |s: &mut Memory| add(s, Table::ItemFlows, id_key(TEA.0), [1, 0, 1]);
    assert_found(sold, &["Item 2: ", "sales add up to", "UnitsSold", "UnitsReceived"]);
    assert_found(|s| edit(s, |_: &Hold| true, |hold| hold.quantity += 1), &["live claims add up to"]);
    assert_found(
        |s| edit(s, |_: &Hold| true, |hold| hold.item_id = ItemId(99)),
        &["names item 99, which is not there"],
    );
}

#[test]
fn drop_orders_and_orders_that_disagree_are_found() {
    let drop_is = |state: DropOrderState| move |drop_order: &DropOrder| drop_order.state == state;
    let other = |drop_order: &mut DropOrder| drop_order.order_id = OrderId(1);
    assert_found(
        |s| edit(s, drop_is(DropOrderState::Booked), other),
        &["is Booked for order 1, which is", "which is Booked for order 1"],
    );
    assert_found(
        |s| edit(s, drop_is(DropOrderState::Consumed), other),
        &["is Consumed for order 1, which is"],
    );
    assert_found(
        |s| edit(s, drop_is(DropOrderState::Requested), other),
        &["is Requested but belongs to order 1"],
    );
    let more = |drop_order: &mut DropOrder| drop_order.quantity += 1;
    assert_found(
        |s| edit(s, drop_is(DropOrderState::Booked), more),
        &["with another item, quantity or location"],
    );
    assert_found(|s| edit(s, drop_is(DropOrderState::Requested), more), &["live claims add up to"]);
    let elsewhere = |drop_order: &mut DropOrder| drop_order.to_location_id = STORE;
    assert_found(
        |s| edit(s, drop_is(DropOrderState::HandedOver), elsewhere),
        &["goes to TOKO, which is no CS desk"],
    );
    let returned = |drop_order: &mut DropOrder| drop_order.state = DropOrderState::Returned;
    let found = [
        "has no row in drop_orders_by_state",
        "drop_orders_by_state has a row for Drop Order",
        "Totals: DropOrdersReturned",
    ];
    assert_found(|s| edit(s, drop_is(DropOrderState::ReturnDue), returned), &found);
}

#[test]
fn orders_whose_money_does_not_add_up_are_found() {
    let paid = |s: &mut Memory, change: fn(&mut Order)| edit(s, order_is(OrderState::Paid), change);
    assert_found(|s| paid(s, |order| order.paid_minor -= 1), &["allocations add up to", "is Paid with"]);
    assert_found(
        |s| paid(s, |order| order.payable_minor += 1),
        &["total and unique code come to", "Totals: OrdersBooked"],
    );
    assert_found(|s| paid(s, |order| order.unique_code += 1), &["total and unique code come to"]);
    assert_found(|s| paid(s, |order| order.lines[0].total_minor += 1), &["the line of item"]);
    assert_found(
        |s| paid(s, |order| order.totals.goods_minor += 1),
        &["the totals are not the sums of the lines"],
    );
    assert_found(|s| paid(s, |order| order.cancelled = true), &["was cancelled but is Paid"]);
    assert_found(
        |s| paid(s, |order| order.customer_id = CustomerId(77)),
        &["names customer 77", "orders_by_customer"],
    );
    let swap = |order: &mut Order| {
        order.allocations[0].amount_minor += 5;
        order.allocations[1].amount_minor -= 5;
    };
    let in_parts = |order: &Order| order.allocations.len() == 2;
    assert_found(|s| edit(s, in_parts, swap), &["and gives it", "but the order has"]);
    let open = |order: &mut Order| order.payable_release_ms = 1;
    assert_found(|s| edit(s, order_is(OrderState::Booked), open), &["its payable is to be released"]);
    let reminded = |order: &mut Order| order.remind_ms = 1;
    assert_found(|s| edit(s, order_is(OrderState::Expired), reminded), &["is to be reminded", "deadlines"]);
    let states = [
        (OrderState::Paid, OrderState::Booked),
        (OrderState::Booked, OrderState::Paid),
        (OrderState::Expired, OrderState::RefundDue),
        (OrderState::RefundDue, OrderState::Expired),
        (OrderState::PartlyPaid, OrderState::Paid),
    ];
    for (from, to) in states {
        let said = format!("is {to:?} with");
        assert_found(|s| edit(s, order_is(from), |order| order.state = to), &[&said, "orders_by_state"]);
    }
}

#[test]
fn sales_that_no_money_or_order_stands_behind_are_found() {
    let of_order = |sale: &Sale| sale.order_id.is_some();
    let at_till = |sale: &Sale| !sale.order_id.is_some() && !sale.tenders.is_empty();
    assert_found(
        |s| edit(s, of_order, |sale| sale.order_id = OrderId(1)),
        &["which was sold as sale", "do not agree"],
    );
    assert_found(
        |s| edit(s, of_order, |sale| sale.totals.total_minor += 1),
        &["do not agree", "change for", "OrderSales"],
    );
    assert_found(
        |s| edit(s, of_order, |sale| sale.lines[0].quantity += 1),
        &["do not agree", "sales add up to"],
    );
    assert_found(
        |s| edit(s, at_till, |sale| sale.tenders[0].amount_minor += 1),
        &["change for", "its sales and refunds come to"],
    );
    assert_found(|s| edit(s, at_till, |sale| sale.change_minor += 1), &["change for"]);
    assert_found(
        |s| edit(s, at_till, |sale| sale.shift_id = ShiftId(0)),
        &["has no order and no shift", "sales_by_shift"],
    );
    assert_found(|s| edit(s, at_till, |sale| sale.points_earned += 1), &["points; sales and refunds leave"]);
    let unsold = |order: &mut Order| order.sale_id.0 = 0;
    assert_found(
        |s| edit(s, order_is(OrderState::Sold), unsold),
        &["is Sold with sale 0", "which was sold as sale 0"],
    );
    let twice = |order: &mut Order| order.sale_id.0 = 1;
    assert_found(|s| edit(s, order_is(OrderState::Delivered), twice), &["and sale 1 do not agree"]);
}

#[test]
fn tills_shifts_and_customers_that_do_not_add_up_are_found() {
    let open = |shift: &Shift| shift.is_open();
    let closed = |shift: &Shift| !shift.is_open();
    assert_found(|s| edit(s, closed, |shift| shift.sale_count += 1), &["its sales and refunds come to"]);
    assert_found(
        |s| edit(s, open, |shift| shift.tenders[0].amount_minor += 1),
        &["its sales and refunds come to"],
    );
    assert_found(
        |s| edit(s, closed, |shift| shift.counted_cash_minor = None),
        &["closed without", "CashDifference"],
    );
    assert_found(|s| edit(s, closed, |shift| shift.opening_cash_minor += 1), &["Totals: CashDifference"]);
    assert_found(
        |s| edit(s, open, |shift| shift.close_ms = 1),
        &["has shift 2 open, which is closed", "is closed, but its till"],
    );
    assert_found(
        |s| edit(s, |_: &Till| true, |till| till.open_shift_id = ShiftId(0)),
        &["Shift 2 is open, but its till"],
    );
    assert_found(
        |s| edit(s, |_: &Customer| true, |customer| customer.points += 1),
        &["points; sales and refunds leave"],
    );
    let nowhere = |customer: &mut Customer| customer.email = "siti@".into();
    assert_found(
        |s| edit(s, |_: &Customer| true, nowhere),
        &["has the e-mail address \"siti@\", which is none"],
    );
    assert_found(
        |s| edit(s, |_: &Customer| true, |c| c.credit_minor -= 1),
        &["of credit; mutations, sales and refunds leave"],
    );
    assert_found(
        |s| edit(s, |_: &BankAccount| true, |account| account.unique_code_min = 0),
        &["has unique codes from 0"],
    );
}

#[test]
fn refunds_that_do_not_add_up_are_found() {
    let one = |refund: &Refund| refund.refund_id.0 == 1;
    let more = |refund: &mut Refund| refund.lines[0].goods.quantity += 1;
    assert_found(|s| edit(s, one, more), &["its refunds come to", "its sales add up to", "UnitsRefunded"]);
    let dearer = |refund: &mut Refund| refund.totals.total_minor += 1;
    assert_found(|s| edit(s, one, dearer), &["Refund 1 pays", "sales and refunds come to", "SalesRefunded"]);
    let points = |refund: &mut Refund| refund.points_taken += 1;
    assert_found(|s| edit(s, one, points), &["points; sales and refunds leave"]);
    let elsewhere = |refund: &mut Refund| refund.location_id = WAREHOUSE;
    assert_found(|s| edit(s, one, elsewhere), &["came in elsewhere", "SalesRefunded in IDR at location"]);
    let another = |refund: &mut Refund| refund.lines[0].line = 9;
    assert_found(|s| edit(s, one, another), &["Refund 1 does not fit sale", "its refunds come to"]);
    let other_sale = |refund: &mut Refund| refund.sale_id.0 = 1;
    assert_found(|s| edit(s, one, other_sale), &["Refund 1 does not fit sale", "refunds_by_sale"]);
    let is_first = |sale: &Sale| !sale.refunded.is_empty();
    let forgotten = |sale: &mut Sale| sale.refunded.clear();
    assert_found(|s| edit(s, is_first, forgotten), &["as given back of line 0", "but says otherwise"]);
    let points_back = |sale: &mut Sale| sale.points_returned += 1;
    assert_found(|s| edit(s, is_first, points_back), &["points as given back"]);
    let closed = |shift: &Shift| !shift.is_open();
    let uncounted = |shift: &mut Shift| shift.refund_tenders.clear();
    assert_found(|s| edit(s, closed, uncounted), &["its sales and refunds come to"]);
    let paper = |job: &PrintJob| job.kind == DocumentKind::RefundReceipt;
    assert_found(|s| edit(s, paper, |job| job.subject_id = 99), &["names refund 99"]);
}

/// A copy of a store from before there was a list of receipts has none of its rows, and is sound.
#[test]
fn receipts_that_were_never_listed_are_no_damage() {
    let mut state = day();
    let listed: Vec<Vec<u8>> = state
        .entries()
        .filter(|(table, _, _)| *table == Table::SalesByReceipt)
        .map(|(_, key, _)| key.to_vec())
        .collect();
    assert!(listed.len() > 1);
    for key in listed {
        state.delete(Table::SalesByReceipt, &key).unwrap();
    }
    assert_eq!(verify(&state).unwrap().violations, Vec::<String>::new());
}

#[test]
fn mutations_that_pay_what_they_do_not_have_are_found() {
    let confirmed = |mutation: &Mutation| mutation.state == MutationState::Confirmed;
    let credited = |mutation: &Mutation| mutation.credited_minor > 0;
    assert_found(
        |s| edit(s, confirmed, |mutation| mutation.amount_minor += 1),
        &["is Confirmed with", "mutation_keys"],
    );
    assert_found(
        |s| edit(s, confirmed, |m| m.allocations[0].amount_minor += 1),
        &["but the order has", "and gives it"],
    );
    assert_found(
        |s| edit(s, confirmed, |m| m.allocations.clear()),
        &["is Confirmed with 0 allocated", "gives it 0"],
    );
    assert_found(
        |s| edit(s, credited, |m| m.credited_customer_id.0 = 9),
        &["names customer 9", "mutations, sales and refunds leave"],
    );
    let usd = |order: &mut Order| order.currency = Currency::parse("USD").unwrap();
    assert_found(
        |s| edit(s, order_is(OrderState::Sold), usd),
        &["in IDR pays order", "which is in USD", "is not in the currency of bank account 1"],
    );
    let proposed = |mutation: &Mutation| mutation.state == MutationState::Proposed;
    assert_found(|s| edit(s, proposed, |mutation| mutation.proposal = None), &["does not fit its proposal"]);
    let posted = |mutation: &Mutation| mutation.state == MutationState::Posted;
    assert_found(
        |s| edit(s, posted, |m| m.ignored_pending = true),
        &["is Posted, but was set aside before it was posted", "pending_mutations"],
    );
    assert_found(
        |s| edit(s, posted, |m| m.credited_minor = 5),
        &["is Posted with 0 allocated and 5 credited"],
    );
}

#[test]
fn parcels_and_paper_that_disagree_are_found() {
    let is = |state: LabelState| move |parcel: &Parcel| parcel.label_state == state;
    assert_found(|s| edit(s, is(LabelState::Labelled), |p| p.label_prints += 1), &["its print jobs say 1"]);
    assert_found(
        |s| edit(s, is(LabelState::Queued), |p| p.label_state = LabelState::Due),
        &["the label is Due, printed 0 times, and has print job"],
    );
    assert_found(
        |s| edit(s, is(LabelState::Due), |p| p.label_state = LabelState::Queued),
        &["the label is Queued", "parcels_by_label"],
    );
    assert_found(
        |s| edit(s, is(LabelState::Labelled), |p| p.hand_over_ms = 0),
        &["its parcel", "Totals: ParcelsHandedOver"],
    );
    assert_found(
        |s| edit(s, is(LabelState::Labelled), |p| p.airway_bill.clear()),
        &["with number \"\"", "codes has a row for parcel"],
    );
    assert_found(
        |s| edit(s, is(LabelState::Labelled), |p| p.order_id = OrderId(1)),
        &["is of order 1, which has parcel 0"],
    );
    let slip = |job: &PrintJob| job.kind == DocumentKind::OrderSlip;
    assert_found(|s| edit(s, slip, |job| job.subject_id = 999), &["names order 999"]);
    assert_found(|s| edit(s, slip, |job| job.state = PrintJobState::Sent), &["print_jobs_by_state"]);
    assert_found(
        |s| edit(s, |_: &Message| true, |message| message.order_id = OrderId(999)),
        &["names order 999"],
    );
    let not_gone = |manifest: &mut Manifest| manifest.hand_over_ms = 0;
    assert_found(|s| edit(s, |_: &Manifest| true, not_gone), &["as it did not go"]);
    let other_bill = |manifest: &mut Manifest| manifest.lines[0].airway_bill = "X".into();
    assert_found(|s| edit(s, |_: &Manifest| true, other_bill), &["as it did not go"]);
    let nobodys = |manifest: &mut Manifest| manifest.lines[0].parcel_id = ParcelId(99);
    assert_found(|s| edit(s, |_: &Manifest| true, nobodys), &["names parcel 99"]);
    assert_found(|s| edit(s, |_: &Manifest| true, |manifest| manifest.lines.clear()), &["lists nothing"]);
    let of_manifest = |job: &PrintJob| job.kind == DocumentKind::PickupManifest;
    assert_found(|s| edit(s, of_manifest, |job| job.subject_id = 99), &["names manifest 99"]);
    let elsewhere = |message: &mut Message| message.email = "siapa@example.com".into();
    assert_found(|s| edit(s, |_: &Message| true, elsewhere), &["which are not those of order"]);
}

#[test]
fn what_stands_open_is_what_records_have_open() {
    let day = day();
    let told = query::open_money(&day).unwrap();
    let kinds: Vec<OpenKind> = told.iter().map(|open| open.kind).collect();
    assert_eq!(kinds, OpenKind::ALL);
    for open in told {
        let key = open_key(open.kind, open.currency);
        let said = format!("Open money: {:?} in IDR is", open.kind);
        let put = |count: i64, amount: i64| {
            let key = key.as_slice().to_vec();
            move |s: &mut Memory| s.put(Table::OpenMoney, &key, &fixed([count, amount])).unwrap()
        };
        assert_found(put(open.count + 1, open.amount_minor), &[&said]);
        assert_found(put(open.count, open.amount_minor + 1), &[&said]);
        assert_found(|s| s.delete(Table::OpenMoney, key.as_slice()).unwrap(), &[&said]);
    }
    let nothing = open_key(OpenKind::Credit, Currency::parse("USD").unwrap());
    assert_found(
        |s| s.put(Table::OpenMoney, nothing.as_slice(), &fixed([0, 0])).unwrap(),
        &["Open money: Credit in USD is [0, 0]"],
    );
    let unknown = Key::new().u8(9).bytes(b"IDR");
    assert_found(
        |s| s.put(Table::OpenMoney, unknown.as_slice(), &fixed([1, 1])).unwrap(),
        &["open_money has a row of a wrong form"],
    );
}

#[test]
fn a_code_of_somebody_else_is_found() {
    let sku = Key::new().u8(6).bytes(b"TEH-100");
    let other = |s: &mut Memory| s.put(Table::Codes, sku.as_slice(), &COFFEE.0.to_be_bytes()).unwrap();
    assert_found(other, &["item 2 has a wrong row in codes", "codes has a row for item 1"]);
}

#[test]
fn records_that_are_lost_or_broken_are_found() {
    let broken = |table: Table| move |s: &mut Memory| s.put(table, id_key(1).as_slice(), &[0xc1]).unwrap();
    let lost = |table: Table| move |s: &mut Memory| s.delete(table, id_key(1).as_slice()).unwrap();
    let kept =
        Table::ALL.iter().filter(|table| table.codec() == Codec::Msgpack && **table != Table::Settings);
    for table in kept.copied() {
        if day().get(table, id_key(1).as_slice()).unwrap().is_none() {
            assert_eq!(table, Table::Holds, "the first hold has ended, all other records stay");
            continue;
        }
        assert_found(broken(table), &["1: the store is not sound: a record does not decode"]);
        // A mapping may be deleted, but takes its code with it.
        let said = match table {
            Table::ColumnMappings => "codes has a row for column mapping 1".to_owned(),
            _ => format!("{}: ids up to", table.name()),
        };
        assert_found(lost(table), &[&said]);
    }
    assert_found(
        |s| s.put(Table::Orders, &[0, 1], &[]).unwrap(),
        &["orders has a key of a wrong form: 0001"],
    );
    let settings = Key::new();
    assert_found(|s| s.put(Table::Settings, settings.as_slice(), &[0xc1]).unwrap(), &["The settings: "]);
    let renamed = |s: &mut Memory| {
        let hold: Hold = first(s, |_| true);
        let bytes = kasir_core::records::encode(&Hold { hold_id: HoldId(999), ..hold.clone() }).unwrap();
        s.put(Table::Holds, id_key(hold.hold_id.0).as_slice(), &bytes).unwrap();
    };
    assert_found(renamed, &["says that it is 999"]);
    assert_found(|s| edit(s, |_: &Item| true, |item| item.tax_class_id.0 = 9), &["names tax class 9"]);
    let of_nobody = |mapping: &mut ColumnMapping| mapping.bank_account_id.0 = 9;
    assert_found(
        |s| edit(s, |_: &ColumnMapping| true, of_nobody),
        &["Column mapping 1 names bank account 9", "column mapping 1 has no row in codes"],
    );
    let twice = |item: &mut Item| item.barcodes.push("0036000291452".into());
    assert_found(|s| edit(s, |_: &Item| true, twice), &["has a barcode twice"]);
    assert_found(
        |s| edit(s, |_: &Location| true, |location| location.code = "X".into()),
        &["no row in codes"],
    );
    assert_found(
        |s| edit(s, |_: &Item| true, |item| item.prices[0].amount.minor = -1),
        &["has a price below zero"],
    );
}

#[test]
fn counters_that_stand_wrong_are_found() {
    let orders = Key::new().u8(6);
    let behind = |s: &mut Memory| s.put(Table::Counters, orders.as_slice(), &1_u64.to_be_bytes()).unwrap();
    assert_found(behind, &["orders: ids up to 1 were given"]);
    let ahead =
        |s: &mut Memory| s.put(Table::Counters, orders.as_slice(), &10_000_u64.to_be_bytes()).unwrap();
    assert_found(ahead, &["orders: ids up to 10000 were given"]);
    let unknown = Key::new().u8(99);
    assert_found(
        |s| s.put(Table::Counters, unknown.as_slice(), &[0; 8]).unwrap(),
        &["counters has a row of a wrong form"],
    );
}

#[test]
fn totals_that_drift_from_the_records_are_found() {
    let day_number = 20_261_123;
    let currency = Settings::load(&day()).unwrap().currency;
    let all = |metric: Metric| total_key(day_number, Dimension::All, "", currency, metric);
    let counted = [Metric::DropOrdersRequested, Metric::OrdersBooked, Metric::OrderSales, Metric::TillSales];
    let units = [Metric::UnitsSold, Metric::UnitsReceived, Metric::UnitsAdjusted, Metric::LabelsPrinted];
    let ended = [Metric::OrdersCancelled, Metric::OrdersExpired, Metric::OrdersPaid];
    for metric in counted.into_iter().chain(units).chain(ended) {
        let said = format!("Totals: {metric:?} counts");
        assert_found(|s| add(s, Table::Totals, all(metric), [1, 0]), &[&said]);
    }
    let summed = [Metric::OrdersBooked, Metric::OrdersExpired, Metric::Payments];
    let of_sales = [Metric::Tax, Metric::Discounts, Metric::Shipping];
    for metric in summed.into_iter().chain(of_sales) {
        let said = format!("Totals: {metric:?} in IDR is");
        assert_found(|s| add(s, Table::Totals, all(metric), [0, 1]), &[&said]);
    }
    assert_found(
        |s| add(s, Table::Totals, all(Metric::PaymentsUndone), [0, 1]),
        &["Totals: Payments in IDR is"],
    );
    let chat = total_key(day_number, Dimension::Channel, "CHAT", currency, Metric::OrdersBooked);
    assert_found(
        |s| add(s, Table::Totals, chat, [1, 0]),
        &["OrdersBooked in IDR is not the sum of its channels"],
    );
    for (metric, more) in [(Metric::UnitsSold, [1, 0]), (Metric::OrderSales, [0, 1])] {
        let place = total_key(day_number, Dimension::Location, &WAREHOUSE.0.to_string(), currency, metric);
        let said = format!("Totals: {metric:?} in IDR at location {WAREHOUSE} is");
        assert_found(|s| add(s, Table::Totals, place, more), &[&said]);
    }
    let unknown = Key::new().u32(day_number).u8(9).text("").bytes(b"IDR").u8(1);
    assert_found(
        |s| s.put(Table::Totals, unknown.as_slice(), &fixed([1, 0])).unwrap(),
        &["totals has a row of a wrong form"],
    );
}

#[test]
fn a_store_full_of_damage_gives_a_bounded_report() {
    let mut state = day();
    let words: Vec<Vec<u8>> =
        (0..500_u64).map(|id| Key::new().text("stray").u64(id).as_slice().to_vec()).collect();
    for key in &words {
        state.put(Table::ItemWords, key, &[]).unwrap();
    }
    assert_eq!(verify(&state).unwrap().violations.len(), 100);
}
