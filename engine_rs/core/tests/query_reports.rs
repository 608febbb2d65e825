//! Goal: a report is the sum of its days, in order, whole or refused.
//!
//! Method: a shop's two days are read back; totals written by hand show order, zeros and bounds.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod shop;

use kasir_core::command::{Source, StockLine};
use kasir_core::ids::{CourierId, LocationId, ShiftId};
use kasir_core::money::Currency;
use kasir_core::query;
use kasir_core::records::HOUR_MS;
use kasir_core::refusal::Outcome;
use kasir_core::stock::fixed;
use kasir_core::totals::{Dimension, Metric, total_key};
use kasir_core::{Command, Memory, Reason, State, Stop, Table};
use shop::{CUP, STORE, Shop, TEA, WAREHOUSE, booking, line, rupiah, tender};

#[track_caller]
fn assert_refused(outcome: Outcome<query::Report>, reason: Reason, field: Option<&str>) {
    let Err(Stop::Refused(refusal)) = outcome else { panic!("{outcome:?} instead of {reason:?}") };
    assert_eq!(refusal.reason, reason, "{}", refusal.message);
    let named = refusal.details.iter().find(|(name, _)| *name == "field").map(|(_, field)| field.as_str());
    assert_eq!(named, field);
}

fn totals_of(report: &query::Report, dimension: Dimension, key: &str) -> Vec<(Metric, i64, Option<i64>)> {
    let group = report.groups.iter().find(|group| group.dimension == dimension && group.key == key);
    let totals = &group.expect("the group is there").totals;
    totals.iter().map(|total| (total.metric, total.count, total.amount_minor)).collect()
}

#[test]
fn reports_say_what_the_day_and_the_month_came_to() {
    let mut shop = Shop::open();
    let first = shop.book_item(CUP, 1);
    shop.wait(24 * HOUR_MS);
    let second = shop.book_item(CUP, 2);
    let view = &shop.state;
    let monday = query::day_report(view, "2026-11-23", 0).unwrap();
    assert_eq!(monday.period, "2026-11-23");
    let booked = (Metric::OrdersBooked, 1, Some(first.payable_minor));
    let expired = (Metric::OrdersExpired, 1, Some(first.payable_minor));
    assert_eq!(totals_of(&monday, Dimension::All, "")[..1], [booked]);
    assert!(totals_of(&monday, Dimension::All, "").contains(&(Metric::UnitsReceived, 300, None)));
    assert_eq!(totals_of(&monday, Dimension::Channel, "CHAT"), [booked]);
    // The clock ran on to Tuesday morning before the order's turn came.
    let today = query::day_report(view, "", shop.now_ms).unwrap();
    assert_eq!(today.period, "2026-11-24");
    let payable = Some(second.payable_minor);
    let of_cs = totals_of(&today, Dimension::Cashier, "ani");
    assert_eq!(of_cs, [(Metric::OrdersBooked, 1, payable)]);
    assert!(totals_of(&today, Dimension::Location, "1").contains(&expired));
    let month = query::month_report(view, "", shop.now_ms).unwrap();
    assert_eq!(month.period, "2026-11");
    assert_eq!(month, query::month_report(view, "2026-11", 0).unwrap());
    let both = (Metric::OrdersBooked, 2, Some(first.payable_minor + second.payable_minor));
    assert!(totals_of(&month, Dimension::All, "").contains(&both));
    assert_eq!(query::month_report(view, "2026-10", 0).unwrap().groups, []);
    for wrong in ["2026-11", "2026-02-30", "23-11-2026", "2026-11-23 ", "today"] {
        assert_refused(query::day_report(view, wrong, 0), Reason::FieldMalformed, Some("date"));
    }
    for wrong in ["2026-11-23", "2026-13", "2026", "11-2026", "2026-1"] {
        assert_refused(query::month_report(view, wrong, 0), Reason::FieldMalformed, Some("month"));
    }
}

#[test]
fn what_a_sale_comes_to_counts_where_each_line_stood() {
    let mut shop = Shop::open();
    let mut input = booking(line(Source::Location(WAREHOUSE), CUP, 2), CourierId(0));
    input.lines.push(line(Source::Location(STORE), TEA, 3));
    let order = shop.book(input);
    let before = query::day_report(&shop.state, "", shop.now_ms).unwrap();
    shop.pay(&order, order.payable_minor, 0);
    shop.sell(&[order.order_id], ShiftId(0));
    let report = query::day_report(&shop.state, "", shop.now_ms).unwrap();
    let of = |dimension, key: &str, metric| {
        let totals = totals_of(&report, dimension, key).into_iter().find(|(found, _, _)| *found == metric);
        totals.map(|(_, count, amount)| (count, amount))
    };
    let (cups, teas) = (&order.lines[0], &order.lines[1]);
    let all = |metric| of(Dimension::All, "", metric);
    assert_eq!(all(Metric::UnitsSold), Some((5, None)));
    assert_eq!(all(Metric::OrderSales), Some((1, Some(order.totals.total_minor))));
    let at = |place: LocationId, metric| of(Dimension::Location, &place.to_string(), metric);
    assert_eq!(at(WAREHOUSE, Metric::UnitsSold), Some((2, None)));
    assert_eq!(at(STORE, Metric::UnitsSold), Some((3, None)));
    assert_eq!(at(WAREHOUSE, Metric::OrderSales), Some((1, Some(cups.total_minor + 900_000))));
    assert_eq!(at(STORE, Metric::OrderSales), Some((0, Some(teas.total_minor))));
    assert_eq!(at(WAREHOUSE, Metric::Shipping), Some((1, Some(900_000))));
    assert_eq!(at(STORE, Metric::Shipping), None);
    // The order counts where its first line is.
    let booked = totals_of(&before, Dimension::Location, &WAREHOUSE.to_string());
    assert!(booked.contains(&(Metric::OrdersBooked, 1, Some(order.payable_minor))));
    assert_eq!(at(STORE, Metric::OrdersBooked), None);
    assert_eq!(kasir_core::verify(&shop.state).unwrap().violations, Vec::<String>::new());
}

#[test]
fn what_was_paid_is_what_was_sold_and_its_unique_codes() {
    let mut shop = Shop::open();
    let order = shop.book_item(CUP, 2);
    shop.pay(&order, order.payable_minor, 0);
    shop.sell(&[order.order_id], ShiftId(0));
    let report = query::day_report(&shop.state, "", shop.now_ms).unwrap();
    let all = totals_of(&report, Dimension::All, "");
    let amount = |metric| all.iter().find(|total| total.0 == metric).unwrap().2.unwrap();
    assert_eq!(amount(Metric::Payments), amount(Metric::OrderSales) + amount(Metric::UniqueCodes));
    assert!(amount(Metric::UniqueCodes) > 0);
}

#[test]
fn a_tills_day_is_told_by_tender_and_drawer() {
    let mut shop = Shop::open();
    let shift_id = shop.open_shift();
    let paid = vec![tender(1, 5_000), tender(2, 20_000), tender(1, 10_000)];
    shop.sell_tea(shift_id, 1, paid);
    for amount in [50_000, -30_000, -10_000] {
        let (amount, reason) = (rupiah(amount), "modal".to_string());
        shop.run(Command::RecordCashMovement { shift_id, amount, reason });
    }
    let lines = vec![StockLine { item_id: TEA, quantity: 3 }];
    shop.run(Command::TransferStock { from_location_id: WAREHOUSE, to_location_id: STORE, lines });
    let report = query::day_report(&shop.state, "", shop.now_ms).unwrap();
    let at_store = totals_of(&report, Dimension::Location, &STORE.to_string());
    let tea = 2_109_000; // PB1 on 20,000 less 1,000
    for total in [
        (Metric::TendersCash, 2, Some(tea - 2_000_000)),
        (Metric::TendersCard, 1, Some(2_000_000)),
        (Metric::CashIn, 1, Some(5_000_000)),
        (Metric::CashOut, 2, Some(4_000_000)),
    ] {
        assert!(at_store.contains(&total), "{total:?} of {at_store:?}");
    }
    let at_warehouse = totals_of(&report, Dimension::Location, &WAREHOUSE.to_string());
    assert!(at_warehouse.contains(&(Metric::UnitsTransferred, 43, None)), "{at_warehouse:?}");
    assert_eq!(kasir_core::verify(&shop.state).unwrap().violations, Vec::<String>::new());
}

#[test]
fn report_groups_stand_in_order_and_zeros_are_left_out() {
    let mut state = Memory::default();
    let (idr, usd) = (Currency::IDR, Currency::parse("USD").unwrap());
    let mut put = |dimension, key: &str, currency, metric, row: [i64; 2]| {
        let key = total_key(20_261_130, dimension, key, currency, metric);
        state.put(Table::Totals, key.as_slice(), &fixed(row)).unwrap();
    };
    put(Dimension::Channel, "CHAT", idr, Metric::OrdersBooked, [1, 5]);
    put(Dimension::Location, "10", idr, Metric::OrdersBooked, [1, 5]);
    put(Dimension::Location, "9", idr, Metric::OrdersBooked, [1, 5]);
    put(Dimension::Location, "8", idr, Metric::UnitsSold, [0, 0]);
    put(Dimension::Cashier, "ani", idr, Metric::CashDifference, [1, 0]);
    put(Dimension::All, "", usd, Metric::OrdersBooked, [2, 7]);
    put(Dimension::All, "", idr, Metric::OrdersBooked, [1, 5]);
    put(Dimension::All, "", idr, Metric::UnitsSold, [3, 0]);
    let report = query::day_report(&state, "2026-11-30", 0).unwrap();
    let groups: Vec<_> =
        report.groups.iter().map(|g| (g.dimension, g.key.as_str(), g.currency.code())).collect();
    let expected = [
        (Dimension::All, "", "IDR"),
        (Dimension::All, "", "USD"),
        (Dimension::Location, "9", "IDR"),
        (Dimension::Location, "10", "IDR"),
        (Dimension::Cashier, "ani", "IDR"),
        (Dimension::Channel, "CHAT", "IDR"),
    ];
    assert_eq!(groups, expected);
    let of_all = [(Metric::OrdersBooked, 1, Some(5)), (Metric::UnitsSold, 3, None)];
    assert_eq!(totals_of(&report, Dimension::All, ""), of_all);
    assert_eq!(totals_of(&report, Dimension::Cashier, "ani"), [(Metric::CashDifference, 1, Some(0))]);
}

#[test]
fn a_report_too_large_to_send_is_refused_not_cut() {
    let mut state = Memory::default();
    for cashier in 0..5_001 {
        let key = total_key(
            20_261_130,
            Dimension::Cashier,
            &cashier.to_string(),
            Currency::IDR,
            Metric::OrdersPaid,
        );
        state.put(Table::Totals, key.as_slice(), &fixed([1, 1])).unwrap();
    }
    assert_refused(query::day_report(&state, "2026-11-30", 0), Reason::TooManyElements, None);
    assert_refused(query::month_report(&state, "2026-11", 0), Reason::TooManyElements, None);
    assert_eq!(query::month_report(&state, "2026-12", 0).unwrap().groups, []);
}
