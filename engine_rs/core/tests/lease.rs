//! Goal: a till's stock lease. Its sales take from what it holds, a renewal lets nobody in between, and a sale made while
//! nobody could be asked is booked at what the customer paid.
//! Method: commands to the core on a state in memory; `sound` runs every invariant, `replays` compares bytes.

mod common;

use common::{MINUTE, STORE, Shop, WAREHOUSE, hold, idr};
use kasir_core::command::{
    ChargeInput, HoldInput, ItemInput, LineInput, PriceInput, TenderInput, TillSaleInput,
};
use kasir_core::ids::{HoldId, ItemId, ShiftId, TaxClassId, TillId};
use kasir_core::records::{Hold, PrintJob, Sale, find};
use kasir_core::{Command, Reason, Reply};

fn till() -> (Shop, ItemId) {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 150_000, true);
    shop.ok(Command::CreateTill { code: "KASIR-1".into(), location_id: STORE });
    shop.ok(Command::OpenShift { till_id: TillId(1), opening_cash: Some(idr(0)) });
    (shop, kopi)
}

fn cart(item_id: ItemId, quantity: i64, hold_ids: &[u64]) -> TillSaleInput {
    TillSaleInput {
        shift_id: ShiftId(1),
        lines: vec![LineInput { item_id, quantity, ..LineInput::default() }],
        hold_ids: hold_ids.iter().copied().map(HoldId).collect(),
        ..TillSaleInput::default()
    }
}

fn sell(sale: TillSaleInput) -> Command {
    let cash = TenderInput { kind: 1, amount: Some(idr(10_000_000)), reference: String::new() };
    Command::CreateTillSale { sale, tenders: vec![cash] }
}

fn sold(shop: &mut Shop, sale: TillSaleInput) -> Sale {
    match shop.ok(sell(sale)) {
        Reply::Sale(sale) => sale,
        other => panic!("{other:?}"),
    }
}

fn held(shop: &Shop, hold_id: u64) -> Option<i64> {
    find::<Hold>(&shop.state, hold_id).expect("memory is readable").map(|hold| hold.quantity)
}

fn renewed(item_id: ItemId, quantity: i64, replaced: u64) -> Command {
    Command::CreateHold(HoldInput {
        item_id,
        location_id: STORE,
        quantity,
        replaced_hold_id: HoldId(replaced),
        ..HoldInput::default()
    })
}

#[test]
fn a_sale_takes_from_the_lease_first_and_the_rest_from_what_is_available() {
    let (mut shop, kopi) = till();
    shop.receive(kopi, STORE, 5);
    shop.ok(hold(kopi, STORE, 2));
    shop.ok(hold(kopi, STORE, 2));
    assert_eq!(shop.refused(sell(cart(kopi, 2, &[]))), Reason::OutOfStock, "others get what is not leased");

    sold(&mut shop, cart(kopi, 1, &[2, 1]));
    assert_eq!((held(&shop, 1), held(&shop, 2)), (Some(2), Some(1)), "in the order in which they are named");
    assert_eq!(shop.stock(kopi, STORE), (4, 3));
    shop.sound();

    sold(&mut shop, cart(kopi, 4, &[1, 2, 1]));
    assert_eq!((held(&shop, 1), held(&shop, 2)), (None, None), "with the last unit a hold ends");
    assert_eq!(shop.stock(kopi, STORE), (0, 0));
    assert_eq!(shop.refused(sell(cart(kopi, 1, &[1, 2]))), Reason::OutOfStock);
    shop.wait(24 * 60 * MINUTE);
    shop.sound();
    shop.replays();
}

#[test]
fn two_lines_of_one_item_never_take_a_unit_twice() {
    let (mut shop, kopi) = till();
    shop.receive(kopi, STORE, 3);
    shop.ok(hold(kopi, STORE, 2));
    let twice = |quantity| {
        let mut sale = cart(kopi, 2, &[1]);
        sale.lines.push(LineInput { item_id: kopi, quantity, ..LineInput::default() });
        sale
    };
    assert_eq!(shop.refused(sell(twice(2))), Reason::OutOfStock);
    sold(&mut shop, twice(1));
    assert_eq!(shop.stock(kopi, STORE), (0, 0));
    shop.sound();
}

#[test]
fn a_hold_that_ended_or_lies_elsewhere_adds_nothing() {
    let (mut shop, kopi) = till();
    let teh = shop.item("B1", 50_000, false);
    shop.receive(kopi, STORE, 1);
    shop.receive(teh, STORE, 1);
    shop.receive(kopi, WAREHOUSE, 1);
    shop.ok(hold(kopi, WAREHOUSE, 1));
    shop.ok(hold(teh, STORE, 1));
    sold(&mut shop, cart(kopi, 1, &[1, 2, 77]));
    assert_eq!((held(&shop, 1), held(&shop, 2)), (Some(1), Some(1)));
    assert_eq!(shop.refused(sell(cart(kopi, 1, &[1, 2, 77]))), Reason::OutOfStock);
    let too_many: Vec<u64> = (1..=201).collect();
    assert_eq!(shop.refused(sell(cart(kopi, 1, &too_many))), Reason::TooManyElements);
    shop.sound();
}

#[test]
fn a_renewal_leaves_no_moment_for_others() {
    let (mut shop, kopi) = till();
    let teh = shop.item("B1", 50_000, false);
    shop.receive(kopi, STORE, 3);
    shop.receive(teh, STORE, 3);
    shop.ok(hold(kopi, STORE, 3));
    assert_eq!(shop.refused(renewed(kopi, 4, 1)), Reason::OutOfStock);
    assert_eq!(shop.refused(renewed(teh, 1, 1)), Reason::ItemMismatch);
    assert_eq!(held(&shop, 1), Some(3), "a refused renewal leaves what there was");
    shop.ok(renewed(kopi, 2, 1));
    assert_eq!((held(&shop, 1), held(&shop, 2)), (None, Some(2)));
    assert_eq!(shop.stock(kopi, STORE), (3, 2));
    shop.ok(renewed(kopi, 1, 1));
    assert_eq!(shop.stock(kopi, STORE), (3, 3), "one that ended already frees nothing");
    shop.wait(24 * 60 * MINUTE);
    assert_eq!(shop.stock(kopi, STORE), (3, 0));
    shop.sound();
    shop.replays();
}

#[test]
fn an_offline_sale_is_booked_at_what_was_charged_and_says_what_it_differs_by() {
    let (mut shop, kopi) = till();
    shop.receive(kopi, STORE, 9);
    let charged = |unit_price, tax_class| {
        let mut sale = cart(kopi, 2, &[]);
        let charge = ChargeInput { unit_price: Some(idr(unit_price)), tax_class_id: TaxClassId(tax_class) };
        sale.lines[0].charge = Some(charge);
        sale.receipt = "KASIR-1-AB-7".into();
        sale.sold_ms = Some(1);
        sale.receipt_given = true;
        sale
    };
    let same = sold(&mut shop, charged(150_000, 1));
    assert_eq!((same.totals.total_minor, same.charged_difference_minor), (300_000, 0));
    assert_eq!((same.receipt.as_str(), same.sold_ms), ("KASIR-1-AB-7", 1));
    assert!(find::<PrintJob>(&shop.state, 1).expect("memory is readable").is_none(), "it is printed already");

    let cheaper = sold(&mut shop, charged(140_000, 0));
    assert_eq!((cheaper.totals.total_minor, cheaper.totals.tax_minor), (280_000, 0));
    assert_eq!(cheaper.charged_difference_minor, -20_000);

    let mut later = charged(150_000, 1);
    later.sold_ms = Some(shop.now_ms + 1);
    assert_eq!(sold(&mut shop, later).sold_ms, 0, "a till's clock may be ahead");

    let gone = ItemInput {
        item_id: kopi,
        version: 1,
        sku: "A1".into(),
        name: "Kopi A1".into(),
        prices: vec![PriceInput { price_list: "retail".into(), min_quantity: 1, amount: Some(idr(1)) }],
        inactive: true,
        ..ItemInput::default()
    };
    shop.ok(Command::UpdateItem(gone));
    assert_eq!(shop.refused(sell(cart(kopi, 1, &[]))), Reason::ItemInactive);
    let inactive = sold(&mut shop, charged(150_000, 1));
    assert_eq!(inactive.charged_difference_minor, 300_000, "a line without a price counts whole");
    assert_eq!(shop.refused(sell(charged(-1, 1))), Reason::AmountOutOfRange);
    assert_eq!(shop.refused(sell(charged(1, 9))), Reason::TaxClassNotFound);
    shop.sound();
    shop.replays();
}
