//! Goal: goods of a till's sale come back against its receipt, never more of them or of their money than the sale still has.
//! Method: commands to the core on a state in memory; `sound` runs every invariant, `replays` compares bytes. Random sales
//! are given back part by part, which must come to the sale exactly.

mod common;

use common::{STORE, Shop, from, idr};
use kasir_core::command::{
    CustomerInput, ItemInput, LineInput, LocationInput, PriceInput, RefundInput, RefundLineInput,
    SettingsInput, TaxClassInput, TenderInput, TillSaleInput,
};
use kasir_core::ids::{
    CustomerId, ItemId, LocationId, PrintJobId, RefundId, SaleId, ShiftId, TaxClassId, TillId,
};
use kasir_core::query::{self, Document, Page};
use kasir_core::records::{Customer, HOUR_MS, Item, Refund, Sale, Shift, find};
use kasir_core::states::{DocumentKind, TenderKind};
use kasir_core::totals::{Dimension, Metric};
use kasir_core::{Command, Reason, Reply, Stop};
use proptest::prelude::*;

const SHIFT: ShiftId = ShiftId(1);
const CASH: i32 = 1;
const CARD: i32 = 2;
const POINTS: i32 = 5;
const CREDIT: i32 = 6;

/// A till with its drawer open, coffee of 150,000 sen with PPN in it, and a customer. A point is earned per Rp 1,000 and
/// is worth Rp 100.
fn till() -> (Shop, ItemId) {
    let mut shop = Shop::new();
    shop.ok(Command::UpdateSettings(SettingsInput {
        shop_name: "Toko".into(),
        currency_code: "IDR".into(),
        utc_offset_ms: 7 * HOUR_MS,
        booking_duration_ms: HOUR_MS,
        hold_duration_ms: HOUR_MS,
        payable_cooldown_ms: HOUR_MS,
        points_per_minor: 100_000,
        point_value_minor: 10_000,
        ..SettingsInput::default()
    }));
    let kopi = shop.item("A1", 150_000, true);
    shop.receive(kopi, STORE, 100);
    shop.ok(Command::CreateTill { code: "KASIR-1".into(), location_id: STORE });
    shop.ok(Command::OpenShift { till_id: TillId(1), opening_cash: Some(idr(1_000_000)) });
    shop.ok(Command::CreateCustomer(CustomerInput {
        name: "Siti".into(),
        phone: "081234567890".into(),
        ..CustomerInput::default()
    }));
    (shop, kopi)
}

fn cart(item_id: ItemId, quantity: i64) -> LineInput {
    LineInput { item_id, quantity, ..LineInput::default() }
}

fn tender(kind: i32, minor_units: i64) -> TenderInput {
    TenderInput { kind, amount: Some(idr(minor_units)), reference: "A1".into() }
}

fn sold(shop: &mut Shop, customer: u64, lines: Vec<LineInput>, tenders: Vec<TenderInput>) -> Sale {
    let sale = TillSaleInput {
        shift_id: SHIFT,
        lines,
        customer_id: CustomerId(customer),
        receipt: "KASIR-1-7QXM-42".into(),
        ..TillSaleInput::default()
    };
    match shop.ok(Command::CreateTillSale { sale, tenders }) {
        Reply::Sale(sale) => sale,
        other => panic!("{other:?}"),
    }
}

fn asked(lines: &[(i32, i64)], kind: i32) -> RefundInput {
    RefundInput {
        shift_id: SHIFT,
        sale_id: SaleId(1),
        lines: lines
            .iter()
            .map(|&(line, quantity)| RefundLineInput { line, quantity, damaged: false })
            .collect(),
        kind,
        reference: "R-77".into(),
        reason: "salah ukuran".into(),
        approved_by: "Budi".into(),
    }
}

fn refunded(shop: &mut Shop, input: RefundInput) -> Refund {
    let quoted = query::quote_refund(&shop.state, &input).expect("what can be given back can be quoted");
    let refund = match shop.ok(Command::RefundSale(input)) {
        Reply::Refund(refund) => refund,
        other => panic!("{other:?}"),
    };
    assert_eq!((&quoted.lines, quoted.totals), (&refund.lines, refund.totals), "it is what was quoted");
    refund
}

fn refused(shop: &mut Shop, input: RefundInput) -> (Reason, String) {
    let refusal = shop.ask(Command::RefundSale(input)).expect_err("it is refused");
    let field = refusal.details.iter().find(|(name, _)| *name == "field").map(|(_, field)| field.clone());
    (refusal.reason, field.unwrap_or_default())
}

fn record<R: kasir_core::records::Record>(shop: &Shop, id: u64) -> R {
    find(&shop.state, id).expect("memory is readable").expect("the record is there")
}

fn reported(shop: &Shop, metric: Metric) -> (i64, Option<i64>) {
    let report = query::day_report(&shop.state, "", shop.now_ms).expect("a day");
    let group = report.groups.iter().find(|group| group.dimension == Dimension::All).expect("all");
    let found = group.totals.iter().find(|total| total.metric == metric);
    found.map_or((0, None), |total| (total.count, total.amount_minor))
}

#[test]
fn goods_come_back_and_the_drawer_pays() {
    let (mut shop, kopi) = till();
    let sale = sold(&mut shop, 0, vec![cart(kopi, 3)], vec![tender(CASH, 500_000)]);
    assert_eq!(query::sale_by_receipt(&shop.state, " KASIR-1-7QXM-42 ").expect("it is found"), sale);
    let refund = refunded(&mut shop, asked(&[(0, 2)], CASH));
    assert_eq!((refund.refund_id, refund.receipt.as_str()), (RefundId(1), "KASIR-1-7QXM-42"));
    assert_eq!((refund.totals.total_minor, refund.totals.tax_minor), (300_000, 29_730));
    assert_eq!((refund.reason.as_str(), refund.approved_by.as_str()), ("salah ukuran", "Budi"));
    assert_eq!((refund.cashier.as_str(), refund.create_ms), ("siti", shop.now_ms));
    assert_eq!(shop.stock(kopi, STORE), (99, 0));

    let after: Sale = record(&shop, 1);
    assert_eq!((after.refunded[0].quantity, after.refunded[0].total_minor), (2, 300_000));
    assert_eq!((&after.lines, after.totals, &after.tenders), (&sale.lines, sale.totals, &sale.tenders));
    let shift: Shift = record(&shop, 1);
    assert_eq!(shift.expected_cash_minor(), 1_000_000 + 450_000 - 300_000);
    assert_eq!((shift.refund_count, shift.refund_total_minor, shift.refund_tax_minor), (1, 300_000, 29_730));
    assert_eq!((shift.sale_count, shift.sale_total_minor), (1, 450_000), "what was sold stays sold");
    assert_eq!(reported(&shop, Metric::SalesRefunded), (1, Some(300_000)));
    assert_eq!(reported(&shop, Metric::RefundsCash), (1, Some(300_000)));
    assert_eq!(reported(&shop, Metric::UnitsRefunded), (2, None));
    assert_eq!(reported(&shop, Metric::UnitsSold), (3, None));
    assert_eq!(reported(&shop, Metric::TillSales), (1, Some(450_000)));

    let (job, document) = query::print_job(&shop.state, PrintJobId(2)).expect("its receipt is queued");
    assert_eq!(
        (job.kind, job.location_id, document),
        (DocumentKind::RefundReceipt, STORE, Document::Refund(refund))
    );
    shop.ok(Command::CloseShift { shift_id: SHIFT, counted_cash: Some(idr(1_150_000)) });
    assert_eq!(reported(&shop, Metric::CashDifference), (1, None).max((1, Some(0))));
    shop.sound();
    shop.replays();
}

#[test]
fn never_more_than_the_sale_still_has() {
    let (mut shop, kopi) = till();
    sold(&mut shop, 0, vec![cart(kopi, 3), cart(kopi, 1)], vec![tender(CASH, 600_000)]);
    let too_much = |field: &str| (Reason::RefundTooMuch, field.to_string());
    assert_eq!(refused(&mut shop, asked(&[(0, 4)], CASH)), too_much("refund.lines[0].quantity"));
    assert_eq!(
        refused(&mut shop, asked(&[(1, 1), (0, 2), (0, 2)], CASH)),
        too_much("refund.lines[2].quantity")
    );
    refunded(&mut shop, asked(&[(0, 2)], CASH));
    assert_eq!(refused(&mut shop, asked(&[(0, 2)], CASH)), too_much("refund.lines[0].quantity"));
    let refusal = shop.ask(Command::RefundSale(asked(&[(0, 2)], CASH))).expect_err("it is too much");
    assert!(refusal.details.contains(&("left", "1".into())), "{refusal:?}");
    refunded(&mut shop, asked(&[(0, 1), (1, 1)], CASH));
    assert_eq!(refused(&mut shop, asked(&[(0, 1)], CASH)), too_much("refund.lines[0].quantity"));
    assert_eq!(record::<Sale>(&shop, 1).refunded_minor(), 600_000);
    let all = Page::list(0, "").expect("a page");
    let listed = query::list_refunds(&shop.state, SaleId(1), &all).expect("they are listed").rows;
    assert_eq!(listed.iter().map(|refund| refund.refund_id.0).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(query::list_refunds(&shop.state, SaleId(0), &all).expect("all").rows, listed);
    assert_eq!(query::refund(&shop.state, RefundId(2)).expect("it is there"), listed[0]);
    shop.sound();
    shop.replays();
}

#[test]
fn damaged_goods_come_in_and_are_written_off() {
    let (mut shop, kopi) = till();
    sold(&mut shop, 0, vec![cart(kopi, 3)], vec![tender(CASH, 450_000)]);
    let mut input = asked(&[(0, 1), (0, 2)], CASH);
    input.lines[1].damaged = true;
    refunded(&mut shop, input);
    assert_eq!(shop.stock(kopi, STORE), (98, 0), "one can be sold again");
    assert_eq!(reported(&shop, Metric::UnitsRefunded), (3, None));
    assert_eq!(reported(&shop, Metric::UnitsAdjusted), (-2, None));
    shop.sound();
    shop.replays();
}

#[test]
fn what_cannot_be_given_back_is_said() {
    let (mut shop, kopi) = till();
    sold(&mut shop, 0, vec![cart(kopi, 10)], vec![tender(CARD, 1_500_000)]);
    let field = |name: &str| format!("refund.{name}");
    let with = |change: &dyn Fn(&mut RefundInput)| {
        let mut input = asked(&[(0, 1)], CASH);
        change(&mut input);
        input
    };
    for (input, reason, name) in [
        (with(&|input| input.shift_id = ShiftId(0)), Reason::FieldRequired, "shift_id"),
        (with(&|input| input.shift_id = ShiftId(9)), Reason::ShiftNotFound, "shift_id"),
        (with(&|input| input.sale_id = SaleId(0)), Reason::FieldRequired, "sale_id"),
        (with(&|input| input.sale_id = SaleId(9)), Reason::SaleNotFound, "sale_id"),
        (with(&|input| input.lines.clear()), Reason::FieldRequired, "lines"),
        (with(&|input| input.lines[0].line = 1), Reason::FieldOutOfRange, "lines[0].line"),
        (with(&|input| input.lines[0].line = -1), Reason::FieldOutOfRange, "lines[0].line"),
        (with(&|input| input.lines[0].quantity = 0), Reason::FieldOutOfRange, "lines[0].quantity"),
        (with(&|input| input.kind = 0), Reason::FieldRequired, "kind"),
        (with(&|input| input.kind = POINTS), Reason::FieldOutOfRange, "kind"),
        (with(&|input| input.kind = CREDIT), Reason::FieldOutOfRange, "kind"),
        (with(&|input| input.lines[0].quantity = 7), Reason::DrawerTooLow, "kind"),
        (with(&|input| input.reason = " ".into()), Reason::FieldRequired, "reason"),
        (with(&|input| input.approved_by = String::new()), Reason::FieldRequired, "approved_by"),
        (
            with(&|input| input.reference = "4111 1111 1111 1111".into()),
            Reason::CardNumberRefused,
            "reference",
        ),
    ] {
        assert_eq!(refused(&mut shop, input), (reason, field(name)));
    }
    let by_card = |reference: &str| {
        with(&|input| {
            input.kind = CARD;
            input.reference = reference.into();
        })
    };
    assert_eq!(refused(&mut shop, by_card("")), (Reason::FieldRequired, field("reference")));
    let refund = refunded(&mut shop, by_card("RF-1"));
    assert_eq!((refund.tenders[0].kind, refund.tenders[0].reference.as_str()), (TenderKind::Card, "RF-1"));
    assert_eq!(record::<Shift>(&shop, 1).expected_cash_minor(), 1_000_000, "the drawer keeps its cash");
    shop.ok(Command::CloseShift { shift_id: SHIFT, counted_cash: Some(idr(1_000_000)) });
    assert_eq!(refused(&mut shop, asked(&[(0, 1)], CASH)).0, Reason::ShiftClosed);
    for (receipt, view) in
        [("", &shop.state), ("KASIR-1-7QXM-4", &shop.state), (&"K".repeat(500), &shop.state)]
    {
        let Err(Stop::Refused(refusal)) = query::sale_by_receipt(view, receipt) else { panic!("{receipt}") };
        assert_eq!(refusal.reason, Reason::SaleNotFound);
    }
    shop.sound();
}

#[test]
fn a_sale_of_an_order_and_a_desks_till_give_nothing_back() {
    let (mut shop, kopi) = till();
    let order = shop.booked(vec![from(STORE, kopi, 1)]);
    shop.ok(Command::RecordPayment {
        order_id: order.order_id,
        amount: Some(idr(order.payable_minor)),
        method: "marketplace".into(),
        reference: String::new(),
    });
    shop.ok(Command::CreateSales { order_ids: vec![order.order_id], all_paid: false, shift_id: ShiftId(0) });
    assert_eq!(refused(&mut shop, asked(&[(0, 1)], CASH)), (Reason::SaleOfOrder, "refund.sale_id".into()));
    sold(&mut shop, 0, vec![cart(kopi, 1)], vec![tender(CASH, 150_000)]);
    shop.ok(Command::CreateTill { code: "CS-1".into(), location_id: common::DESK });
    shop.ok(Command::OpenShift { till_id: TillId(2), opening_cash: Some(idr(900_000)) });
    let at_desk = RefundInput { shift_id: ShiftId(2), sale_id: SaleId(2), ..asked(&[(0, 1)], CASH) };
    assert_eq!(refused(&mut shop, at_desk), (Reason::DropOrderRequired, "refund.shift_id".into()));
}

#[test]
fn another_till_takes_the_goods_and_pays() {
    let (mut shop, kopi) = till();
    sold(&mut shop, 0, vec![cart(kopi, 2)], vec![tender(CASH, 300_000)]);
    let branch = LocationInput { code: "TOKO-2".into(), name: "Toko 2".into(), kind: 3 };
    shop.ok(Command::CreateLocation(branch));
    shop.ok(Command::CreateTill { code: "KASIR-2".into(), location_id: LocationId(4) });
    shop.ok(Command::OpenShift { till_id: TillId(2), opening_cash: Some(idr(150_000)) });
    let refund = refunded(&mut shop, RefundInput { shift_id: ShiftId(2), ..asked(&[(0, 1)], CASH) });
    assert_eq!((refund.till_id, refund.location_id), (TillId(2), LocationId(4)));
    assert_eq!((shop.stock(kopi, STORE).0, shop.stock(kopi, LocationId(4)).0), (98, 1));
    assert_eq!(record::<Shift>(&shop, 1).expected_cash_minor(), 1_300_000);
    assert_eq!(record::<Shift>(&shop, 2).expected_cash_minor(), 0);
    shop.sound();
    shop.replays();
}

#[test]
fn points_come_back_before_money_and_earned_ones_go() {
    let (mut shop, kopi) = till();
    sold(&mut shop, 1, vec![cart(kopi, 20)], vec![tender(CARD, 3_000_000)]);
    assert_eq!(record::<Customer>(&shop, 1).points, 30);
    // 20 points pay Rp 2,000 of Rp 3,000; the sale earns 3.
    let second =
        sold(&mut shop, 1, vec![cart(kopi, 2)], vec![tender(POINTS, 200_000), tender(CASH, 100_000)]);
    assert_eq!((second.points_redeemed, second.points_earned), (20, 3));
    let of_second = |units, kind| RefundInput { sale_id: SaleId(2), ..asked(&[(0, units)], kind) };
    let first = refunded(&mut shop, of_second(1, CASH));
    let paid: Vec<_> = first.tenders.iter().map(|tender| (tender.kind, tender.amount_minor)).collect();
    assert_eq!(paid, [(TenderKind::Points, 150_000)], "no money goes out for what points paid");
    assert_eq!((first.points_returned, first.points_taken, first.points_lacking), (15, 2, 0));
    let rest = refunded(&mut shop, of_second(1, CREDIT));
    let paid: Vec<_> = rest.tenders.iter().map(|tender| (tender.kind, tender.amount_minor)).collect();
    assert_eq!(paid, [(TenderKind::Points, 50_000), (TenderKind::Credit, 100_000)]);
    assert_eq!((rest.points_returned, rest.points_taken), (5, 1));
    let customer: Customer = record(&shop, 1);
    assert_eq!((customer.points, customer.credit_minor), (30, 100_000));
    shop.sound();
    shop.replays();
}

#[test]
fn parts_of_a_point_are_no_money() {
    let (mut shop, kopi) = till();
    sold(&mut shop, 1, vec![cart(kopi, 20)], vec![tender(CARD, 3_000_000)]);
    let permen = shop.item("P1", 4_000, true);
    shop.receive(permen, STORE, 10);
    // Four points of 10,000 pay all of it.
    sold(&mut shop, 1, vec![cart(permen, 10)], vec![tender(POINTS, 40_000)]);
    let returned = (0..10).map(|_| {
        let refund = refunded(&mut shop, RefundInput { sale_id: SaleId(2), ..asked(&[(0, 1)], CASH) });
        let paid: Vec<_> = refund.tenders.iter().map(|tender| (tender.kind, tender.amount_minor)).collect();
        assert_eq!(paid, [(TenderKind::Points, 4_000)]);
        refund.points_returned
    });
    assert_eq!(returned.collect::<Vec<_>>(), [0, 0, 1, 0, 1, 0, 0, 1, 0, 1], "as soon as it is a whole one");
    shop.sound();
    shop.replays();
}

#[test]
fn points_that_were_spent_are_said_to_lack() {
    let (mut shop, kopi) = till();
    sold(&mut shop, 1, vec![cart(kopi, 20)], vec![tender(CARD, 3_000_000)]);
    sold(&mut shop, 1, vec![cart(kopi, 2)], vec![tender(POINTS, 280_000), tender(CASH, 20_000)]);
    assert_eq!(record::<Customer>(&shop, 1).points, 5);
    let refund = refunded(&mut shop, asked(&[(0, 20)], CARD));
    assert_eq!((refund.points_taken, refund.points_lacking), (5, 25));
    assert_eq!(record::<Customer>(&shop, 1).points, 0);
    shop.sound();
}

#[test]
fn an_item_that_is_not_sold_any_more_still_comes_back() {
    let (mut shop, kopi) = till();
    sold(&mut shop, 0, vec![cart(kopi, 1)], vec![tender(CASH, 150_000)]);
    let item: Item = record(&shop, kopi.0);
    let prices = item.prices.iter().map(|price| PriceInput {
        price_list: price.price_list.clone(),
        min_quantity: price.min_quantity,
        amount: Some(idr(price.amount.minor * 2)),
    });
    shop.ok(Command::UpdateItem(ItemInput {
        item_id: kopi,
        sku: item.sku.clone(),
        name: item.name.clone(),
        category: item.category.clone(),
        barcodes: item.barcodes.clone(),
        prices: prices.collect(),
        tax_class_id: item.tax_class_id,
        weight_grams: item.weight_grams,
        inactive: true,
        version: item.version,
        ..ItemInput::default()
    }));
    let refund = refunded(&mut shop, asked(&[(0, 1)], CASH));
    assert_eq!(refund.totals.total_minor, 150_000, "at what was paid");
    shop.sound();
}

/// A line with whatever price, discount and tax.
fn any_line() -> impl Strategy<Value = (i64, i64, i64, u64)> {
    let price = prop_oneof![0..=300_000i64, (0..=3_000i64).prop_map(|rupiah| rupiah * 100)];
    (price, 1..=7i64, 0..=100i64, 0..=2u64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// No more money goes out than money came in, whatever points paid of it, and the points come back to the last one.
    #[test]
    fn points_are_no_way_to_money(
        (price, units) in (0..=300i64, 1..=40i64),
        points in 0..=20i64,
        parts in prop::collection::vec((1..=4i64, prop_oneof![Just(CASH), Just(CARD), Just(CREDIT)]), 1..40),
    ) {
        let (mut shop, kopi) = till();
        sold(&mut shop, 1, vec![cart(kopi, 20)], vec![tender(CARD, 3_000_000)]);
        let permen = shop.item("P1", price * 100, true);
        shop.receive(permen, STORE, units);
        let total = price * 100 * units;
        let by_points = (points * 10_000).min(total / 10_000 * 10_000);
        let money_in = total - by_points;
        let paid = [tender(POINTS, by_points), tender(CASH, money_in)];
        let paid = paid.into_iter().filter(|paid| paid.amount.as_ref().is_some_and(|amount| amount.minor_units > 0));
        let sale = sold(&mut shop, 1, vec![cart(permen, units)], paid.collect());
        let (mut left, mut money_out, mut points_out) = (units, 0, 0);
        for (part, kind) in parts.into_iter().chain([(40, CASH)]) {
            if left == 0 {
                break;
            }
            let part = part.min(left);
            left -= part;
            let refund = refunded(&mut shop, RefundInput { sale_id: SaleId(2), ..asked(&[(0, part)], kind) });
            points_out += refund.points_returned;
            money_out += refund.totals.total_minor - refund.by_minor(TenderKind::Points);
            prop_assert!(money_out <= money_in, "{money_out} went out of {money_in}");
            prop_assert!(money_out == 0 || points_out == sale.points_redeemed, "points come first");
        }
        prop_assert_eq!((money_out, points_out), (money_in, sale.points_redeemed));
        shop.sound();
    }

    /// The parts of a sale are the sale: every sum, to the last sen, whatever the parts and their order; none is below zero.
    #[test]
    fn parts_come_to_the_sale(sold_lines in prop::collection::vec(any_line(), 1..4), order in any::<u64>()) {
        let (mut shop, _) = till();
        let added = TaxClassInput { code: "PB1".into(), name: "PB1".into(), rate_basis_points: 1_030, mode: 2 };
        shop.ok(Command::CreateTaxClass(added));
        let mut lines = Vec::new();
        for (index, (price, quantity, off, class)) in sold_lines.iter().enumerate() {
            let reply = shop.ok(Command::CreateItem(ItemInput {
                sku: format!("B{index}"),
                name: format!("Barang {index}"),
                prices: vec![PriceInput { price_list: "retail".into(), min_quantity: 1, amount: Some(idr(*price)) }],
                tax_class_id: TaxClassId(*class),
                ..ItemInput::default()
            }));
            let Reply::Item(item) = reply else { panic!("{reply:?}") };
            shop.receive(item.item_id, STORE, *quantity);
            let gross = price * quantity;
            // Nothing off, all of it, whole rupiah of it, or any part.
            let discount = match off % 4 { 0 => 0, 1 => gross, 2 => gross * off / 10_000 * 100, _ => gross * off / 100 };
            lines.push(LineInput { discount: Some(idr(discount)), ..cart(item.item_id, *quantity) });
        }
        let quoted = query::quote_till_sale(&shop.state, &TillSaleInput {
            shift_id: SHIFT, lines: lines.clone(), ..TillSaleInput::default()
        }).expect("a price");
        let tenders = if quoted.totals.total_minor > 0 { vec![tender(CASH, quoted.totals.total_minor)] } else { vec![] };
        let sale = sold(&mut shop, 0, lines, tenders);
        let mut left: Vec<i64> = sale.lines.iter().map(|line| line.quantity).collect();
        let (mut seed, mut sums) = (order, [0i64; 4]);
        while left.iter().any(|units| *units > 0) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let line = usize::try_from(seed >> 33).unwrap_or(0) % left.len();
            if left[line] == 0 {
                continue;
            }
            let units = 1 + i64::try_from(seed >> 40).unwrap_or(0) % left[line];
            left[line] -= units;
            let place = i32::try_from(line).expect("few lines");
            let refund = refunded(&mut shop, asked(&[(place, units)], CASH));
            let totals = refund.totals;
            let part = [totals.goods_minor, totals.discount_minor, totals.tax_minor, totals.total_minor];
            prop_assert!(part.iter().all(|amount| *amount >= 0), "{part:?}");
            let sold = &sale.lines[line];
            let added = if sold.tax_included { 0 } else { sold.tax_minor };
            if [sold.unit_price_minor, sold.discount_minor, added].iter().all(|amount| amount % 100 == 0) {
                prop_assert_eq!(totals.total_minor % 100, 0, "whole rupiah");
            }
            sums = std::array::from_fn(|index| sums[index] + part[index]);
        }
        let all = sale.totals;
        prop_assert_eq!(sums, [all.goods_minor, all.discount_minor, all.tax_minor, all.total_minor]);
        shop.sound();
        shop.replays();
    }
}
