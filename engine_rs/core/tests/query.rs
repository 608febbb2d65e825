//! Goal: what is read is what stands there, found by every name it has, in order, in pages, with bounded work.
//!
//! Method: a shop in which everything happened is read through every query and compared with its records; large tables
//! are written row by row, to see a search go on where its bound stopped it.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod shop;

use kasir_core::codes::{CodeKind, code_key};
use kasir_core::command::{
    BankAccountInput, CustomerInput, ItemInput, MutationInput, Source, StockLine, TillSaleInput,
};
use kasir_core::ids::{
    BankAccountId, CustomerId, DropOrderId, HoldId, ItemId, LocationId, ManifestId, MutationId, OrderId,
    ParcelId, PrintJobId, SaleId, ShiftId,
};
use kasir_core::kv::Key;
use kasir_core::query::{self, Document, Page, Paged};
use kasir_core::records::{
    DropOrder, HOUR_MS, Hold, Item, Order, PrintJob, Record, Settings, decode, id_key, save,
};
use kasir_core::refusal::Outcome;
use kasir_core::states::{DocumentKind, DropOrderState, LocationKind};
use kasir_core::{Command, Memory, Reason, Reply, State, Stop, Table, text};
use shop::{
    ACCOUNT, BY_HAND, COFFEE, COFFEE_EAN, CUP, CUSTOMER, DESK, STORE, Shop, TEA, WAREHOUSE, booking,
    busy_day, item, line, minor,
};

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(outcome: Outcome<T>, reason: Reason, field: Option<&str>) {
    match outcome {
        Err(Stop::Refused(refusal)) => {
            assert_eq!(refusal.reason, reason, "{}", refusal.message);
            let named =
                refusal.details.iter().find(|(name, _)| *name == "field").map(|(_, field)| field.as_str());
            assert_eq!(named, field);
        }
        other => panic!("{other:?} instead of {reason:?}"),
    }
}

fn page(size: i32) -> Page {
    Page::list(size, "").unwrap()
}

/// Reads a list to its end in pages of `size`; also how many pages it took.
fn walk<T>(size: i32, list: impl Fn(&Page) -> Outcome<Paged<T>>) -> (Vec<T>, usize) {
    let (mut rows, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let found = list(&Page::list(size, &token).unwrap()).unwrap();
        assert!(found.rows.len() <= usize::try_from(size).unwrap());
        token = found.token();
        rows.extend(found.rows);
        pages += 1;
        if token.is_empty() {
            return (rows, pages);
        }
        assert!(pages < 1_000, "the list has no end");
    }
}

/// Every record of a kind, by id.
fn all<R: Record>(state: &Memory) -> Vec<R> {
    let rows = state.entries().filter(|(table, _, _)| *table == R::TABLE);
    rows.map(|(_, _, value)| decode(value).unwrap()).collect()
}

/// The ids of all records that fit, newest first.
fn newest<R: Record>(state: &Memory, fits: impl Fn(&R) -> bool) -> Vec<u64> {
    all::<R>(state).iter().rev().filter(|record| fits(record)).map(Record::id).collect()
}

/// Asserts that a list gives these ids, however it is cut.
#[track_caller]
fn assert_list<R: Record>(ids: &[u64], list: impl Fn(&Page) -> Outcome<Paged<R>>) {
    assert!(!ids.is_empty(), "an empty list proves nothing");
    for size in [1, 2, 7, 1_000] {
        let (rows, pages) = walk(size, &list);
        assert_eq!(rows.iter().map(Record::id).collect::<Vec<_>>(), ids, "pages of {size}");
        assert_eq!(pages, ids.len().div_ceil(usize::try_from(size).unwrap()).max(1), "pages of {size}");
    }
}

#[test]
fn pages_have_bounds_and_tokens() {
    assert_eq!(Page::list(0, "").unwrap(), Page { size: 100, after: None });
    assert_eq!(Page::list(5_000, "").unwrap().size, 1_000);
    assert_eq!(Page::find(0, "").unwrap().size, 20);
    assert_eq!(Page::find(201, "").unwrap().size, 200);
    assert_refused(Page::list(-1, ""), Reason::FieldOutOfRange, Some("page_size"));
    let next = Paged::<u8> { rows: vec![], next: Some(u64::MAX) };
    assert_eq!(Page::list(1, &next.token()).unwrap().after, Some(u64::MAX));
    for wrong in ["1", "000000000000000g", "+00000000000000a", "00000000000000001", "ééééééé "] {
        assert_refused(Page::list(1, wrong), Reason::FieldMalformed, Some("page_token"));
    }
    let shop = Shop::open();
    let last = Page { size: 10, after: Some(u64::MAX) };
    assert!(query::list_items(&shop.state, false, &last).unwrap().rows.is_empty());
    let first = Page { size: 10, after: Some(0) };
    assert!(query::list_shifts(&shop.state, &first).unwrap().rows.is_empty());
}

#[test]
fn items_are_found_by_every_code() {
    let shop = Shop::open();
    let view = &shop.state;
    for scan in
        [COFFEE_EAN, &format!("]E0{COFFEE_EAN}"), &format!("(01)0{COFFEE_EAN}(10)LOT"), "0036000291452"]
    {
        assert_eq!(query::item_by_barcode(view, scan).unwrap().item.item_id, COFFEE, "{scan}");
    }
    assert_eq!(query::item_by_barcode(view, "TEH-MELATI").unwrap().item.item_id, TEA);
    assert_eq!(query::item_by_sku(view, "CANGKIR").unwrap().item.item_id, CUP);
    assert_refused(query::item_by_barcode(view, "4006381333931"), Reason::BarcodeUnknown, Some("barcode"));
    assert_refused(query::item_by_sku(view, &"x".repeat(10_000)), Reason::ItemNotFound, Some("sku"));
    assert_refused(query::item_by_id(view, ItemId(99)), Reason::ItemNotFound, Some("item_id"));
    assert_eq!(query::name_missing().reason, Reason::FieldRequired);
}

#[test]
fn what_stands_on_the_desk_cannot_be_booked_straight() {
    let mut shop = Shop::open();
    shop.hand_over_drop();
    shop.hold(COFFEE, 5);
    let found = query::item_by_id(&shop.state, COFFEE).unwrap();
    let at: Vec<_> =
        found.stocks.iter().map(|stock| (stock.location_id, stock.on_hand, stock.available())).collect();
    assert_eq!(at, [(WAREHOUSE, 78, 73), (DESK, 2, 0), (STORE, 20, 20)]);
    assert_eq!(found.available_total, 93);
    assert_eq!(query::stocks_of_item(&shop.state, COFFEE).unwrap(), found.stocks);
    assert_refused(query::stocks_of_item(&shop.state, ItemId(9)), Reason::ItemNotFound, Some("item_id"));
    let (there, _) = walk(1, |page| query::list_stocks(&shop.state, STORE, page));
    assert_eq!(there.iter().map(|stock| stock.item_id).collect::<Vec<_>>(), [COFFEE, TEA]);
    assert_refused(
        query::list_stocks(&shop.state, LocationId(9), &page(1)),
        Reason::LocationNotFound,
        Some("location_id"),
    );
}

fn found(shop: &Shop, query: &str) -> Vec<u64> {
    let found = query::find_items(&shop.state, query, false, &Page::find(0, "").unwrap()).unwrap();
    found.rows.iter().map(|row| row.item.item_id.0).collect()
}

#[test]
fn searches_take_the_beginnings_of_words_skus_and_barcodes() {
    let shop = Shop::open();
    for query in ["kopi", "KOP", "  kopi  "] {
        assert_eq!(found(&shop, query), [COFFEE.0, CUP.0], "{query}");
    }
    for query in [
        "kopi gayo",
        "gay kop 200",
        "kopi-2",
        "KOPI-200",
        "kopi kopi-2",
        COFFEE_EAN,
        "0360002",
        "036",
        "gayo 8991",
    ] {
        assert_eq!(found(&shop, query), [COFFEE.0], "{query}");
    }
    assert_eq!(found(&shop, &format!("(01)0{COFFEE_EAN}")), [COFFEE.0]);
    assert_eq!(found(&shop, "melati"), [TEA.0]);
    for query in ["opi", "gayo melati", "kopi 9", "!!!", "zzz"] {
        assert_eq!(found(&shop, query), [0_u64; 0], "{query}");
    }
    let find = |query: &str| query::find_items(&shop.state, query, false, &page(1));
    assert_refused(find("  "), Reason::FieldRequired, Some("query"));
    assert_refused(find(&"x".repeat(101)), Reason::FieldTooLong, Some("query"));
    assert_eq!(find(&"\u{1F600}".repeat(100)).unwrap().rows, []);
}

#[test]
fn searches_leave_out_what_cannot_be_booked_when_asked() {
    let mut shop = Shop::open();
    shop.hold(CUP, 100);
    let find = |in_stock_only| {
        let found = query::find_items(&shop.state, "kopi", in_stock_only, &page(10)).unwrap();
        found.rows.iter().map(|row| (row.item.item_id, row.available_total)).collect::<Vec<_>>()
    };
    assert_eq!(find(false), [(COFFEE, 100), (CUP, 0)]);
    assert_eq!(find(true), [(COFFEE, 100)]);
}

/// Writes so many items without going through commands.
fn many_items(count: u64) -> Memory {
    let mut state = Memory::default();
    let template: Item = all::<Item>(&Shop::open().state).remove(0);
    for id in 1..=count {
        let item = Item {
            item_id: ItemId(id),
            sku: format!("SKU-{id}"),
            name: format!("Kopi nomor{id}"),
            barcodes: vec![],
            ..template.clone()
        };
        for word in text::words(&item.name) {
            state.put(Table::ItemWords, Key::new().text(&word).u64(id).as_slice(), &[]).unwrap();
        }
        state.put(Table::ItemsByCategory, Key::new().text(&item.category).u64(id).as_slice(), &[]).unwrap();
        state.put(Table::Codes, code_key(CodeKind::Sku, &item.sku).as_slice(), &id.to_be_bytes()).unwrap();
        save(&mut state, &item).unwrap();
    }
    state
}

#[test]
fn common_words_do_not_make_a_search_long_or_lose_items() {
    let state = many_items(12_000);
    let find = |query: &str, page: &Page| query::find_items(&state, query, false, page);
    let ids = |paged: &Paged<query::ItemAvailability>| {
        paged.rows.iter().map(|row| row.item.item_id.0).collect::<Vec<_>>()
    };
    // Everything begins with "kopi": items come by id, page after page.
    let first = find("kopi", &page(3)).unwrap();
    assert_eq!(ids(&first), [1, 2, 3]);
    let second = find("kopi", &Page::list(3, &first.token()).unwrap()).unwrap();
    assert_eq!(ids(&second), [4, 5, 6]);
    // A rare word leads, wherever it stands.
    assert_eq!(ids(&find("kopi nomor11999", &page(10)).unwrap()), [11_999]);
    assert_eq!(ids(&find("sku-11998 kopi", &page(10)).unwrap()), [11_998]);
    // Two common words that few items share: each page looks at a bounded number of rows, and the walk finds all.
    let (rows, pages) = walk(1_000, |page| query::find_items(&state, "nomor kopi", true, page));
    assert_eq!((rows.len(), pages), (0, 3), "nothing is in stock");
    let (rows, _) = walk(1_000, |page| find("k ko kop kopi n no nom nomo nomor1", page));
    let expected: Vec<u64> = (1..=12_000).filter(|id| id.to_string().starts_with('1')).collect();
    assert_eq!(rows.iter().map(|row| row.item.item_id.0).collect::<Vec<_>>(), expected);
}

#[test]
fn alternatives_are_of_the_category_and_in_stock() {
    let mut shop = Shop::open();
    for (sku, barcode, quantity) in
        [("MOKA", "MOKA-1", 5), ("LUWAK", "LUWAK-1", 300), ("ROBUSTA", "ROB-1", 0)]
    {
        let Reply::Item(new) = shop.run(Command::CreateItem(item(sku, sku, "kopi", &[barcode], 1_000)))
        else {
            panic!("no item");
        };
        if quantity > 0 {
            let lines = vec![StockLine { item_id: new.item_id, quantity }];
            shop.run(Command::ReceiveStock { location_id: WAREHOUSE, lines, reference: String::new() });
        }
    }
    let offered = |shop: &Shop, size| {
        let offered = query::alternatives(&shop.state, COFFEE, size).unwrap();
        offered.iter().map(|row| row.item.sku.clone()).collect::<Vec<_>>()
    };
    assert_eq!(offered(&shop, 0), ["LUWAK", "CANGKIR", "MOKA"]);
    assert_eq!(offered(&shop, 2), ["LUWAK", "CANGKIR"]);
    let luwak = query::item_by_sku(&shop.state, "LUWAK").unwrap().item;
    shop.run(Command::UpdateItem(ItemInput {
        item_id: luwak.item_id,
        version: luwak.version,
        inactive: true,
        ..item("LUWAK", "LUWAK", "kopi", &["LUWAK-1"], 1_000)
    }));
    assert_eq!(offered(&shop, 0), ["CANGKIR", "MOKA"]);
    assert_refused(query::alternatives(&shop.state, COFFEE, -1), Reason::FieldOutOfRange, Some("page_size"));
    assert_refused(query::alternatives(&shop.state, ItemId(99), 0), Reason::ItemNotFound, Some("item_id"));
    let Reply::Item(alone) = shop.run(Command::CreateItem(item("X", "X", "", &[], 1))) else {
        panic!("no item")
    };
    assert_eq!(query::alternatives(&shop.state, alone.item_id, 0).unwrap(), []);
    let few = query::alternatives(&many_items(3_000), ItemId(1), 50).unwrap();
    assert_eq!(few, [], "nothing is in stock");
}

#[test]
fn a_hold_past_its_deadline_is_gone() {
    let mut shop = Shop::open();
    let hold_id = shop.hold(CUP, 1);
    let end_ms = shop.now_ms + HOUR_MS;
    assert_eq!(query::hold(&shop.state, hold_id, end_ms - 1).unwrap().quantity, 1);
    assert_refused(query::hold(&shop.state, hold_id, end_ms), Reason::HoldNotFound, Some("hold_id"));
    assert_refused(query::hold(&shop.state, HoldId(9), 0), Reason::HoldNotFound, Some("hold_id"));
}

#[test]
fn lists_of_the_day_are_whole_and_newest_first() {
    let shop = busy_day();
    let view = &shop.state;
    for state in DropOrderState::ALL {
        let ids = newest(view, |d: &DropOrder| d.state == *state);
        let number = i32::from(state.number());
        assert_list(&ids, |page| query::list_drop_orders(view, number, LocationId(0), page));
        assert_list(&ids, |page| query::list_drop_orders(view, number, WAREHOUSE, page));
        assert_eq!(walk(7, |page| query::list_drop_orders(view, number, STORE, page)).0, []);
    }
    assert_list(&newest(view, |_: &DropOrder| true), |page| {
        query::list_drop_orders(view, 0, LocationId(0), page)
    });
    for number in 1..=10 {
        let ids = newest(view, |order: &Order| i32::from(order.state.number()) == number);
        assert_list(&ids, |page| query::list_bookings(view, number, CustomerId(0), page));
    }
    let orders = newest(view, |_: &Order| true);
    assert_list(&orders, |page| query::list_bookings(view, 0, CustomerId(0), page));
    assert_list(&orders, |page| query::list_bookings(view, 0, CUSTOMER, page));
    assert_list::<kasir_core::records::Message>(
        &newest(view, |_: &kasir_core::records::Message| true),
        |page| query::list_messages(view, 0, page),
    );
    assert_list(&newest(view, |_: &PrintJob| true), |page| query::list_print_jobs(view, 0, page));
    for number in [1, 3, 4, 5] {
        let ids = newest(view, |job: &PrintJob| i32::from(job.state.number()) == number);
        assert_list(&ids, |page| query::list_print_jobs(view, number, page));
    }
    assert_list(&[2, 1], |page| query::list_shifts(view, page));
    assert_list(&newest(view, |_: &kasir_core::records::Sale| true), |page| {
        query::list_sales(view, ShiftId(0), page)
    });
    let counted = newest(view, |sale: &kasir_core::records::Sale| sale.shift_id == ShiftId(1));
    assert_eq!(counted.len(), 2);
    assert_list(&counted, |page| query::list_sales(view, ShiftId(1), page));
    assert_refused(query::list_sales(view, ShiftId(9), &page(1)), Reason::ShiftNotFound, Some("shift_id"));
    assert_list(&newest(view, |_: &kasir_core::records::Parcel| true), |page| {
        query::list_parcels(view, 0, 0, page)
    });
    assert_list(&[1, 2], |page| query::list_customers(view, page));
    assert_list(&[1, 2, 3], |page| query::list_items(view, false, page));
}

#[test]
fn filters_that_say_nothing_or_too_much_are_refused() {
    let shop = Shop::open();
    let (view, one) = (&shop.state, &page(1));
    assert_refused(query::list_bookings(view, 1, CUSTOMER, one), Reason::FieldMalformed, Some("customer_id"));
    assert_refused(
        query::list_bookings(view, 0, CustomerId(9), one),
        Reason::CustomerNotFound,
        Some("customer_id"),
    );
    let both = query::list_parcels(view, 1, 1, one);
    assert_refused(both, Reason::FieldMalformed, Some("airway_bill_state"));
    for unknown in [-1, 99] {
        let (out, state) = (Reason::FieldOutOfRange, Some("state"));
        assert_refused(query::list_drop_orders(view, unknown, WAREHOUSE, one), out, state);
        assert_refused(query::list_bookings(view, unknown, CustomerId(0), one), out, state);
        assert_refused(query::list_messages(view, unknown, one), out, state);
        assert_refused(query::list_mutations(view, ACCOUNT, unknown, one), out, state);
        assert_refused(query::list_print_jobs(view, unknown, one), out, state);
        assert_refused(query::list_parcels(view, unknown, 0, one), out, Some("label_state"));
        assert_refused(query::list_parcels(view, 0, unknown, one), out, Some("airway_bill_state"));
    }
    assert_refused(query::drop_order(view, DropOrderId(9)), Reason::DropOrderNotFound, Some("drop_order_id"));
    assert_refused(query::booking(view, OrderId(9)), Reason::OrderNotFound, Some("order_id"));
    assert_refused(query::mutation(view, MutationId(9)), Reason::MutationNotFound, Some("mutation_id"));
    assert_refused(query::sale(view, SaleId(9)), Reason::SaleNotFound, Some("sale_id"));
    assert_refused(query::shift(view, ShiftId(9)), Reason::ShiftNotFound, Some("shift_id"));
}

/// A filter without an index looks at a bounded number of rows a page, and the pages go on.
#[test]
fn a_filter_that_finds_little_gives_short_pages_not_long_waits() {
    let mut shop = Shop::open();
    shop.request_drop();
    let template = all::<DropOrder>(&shop.state).remove(0);
    for id in 2..=11_000 {
        let from_location_id = if id == 9_000 { STORE } else { WAREHOUSE };
        let drop_order = DropOrder { drop_order_id: DropOrderId(id), from_location_id, ..template.clone() };
        save(&mut shop.state, &drop_order).unwrap();
    }
    let list = |page: &Page| query::list_drop_orders(&shop.state, 0, STORE, page);
    let first = list(&page(1_000)).unwrap();
    assert_eq!(first.rows.iter().map(Record::id).collect::<Vec<_>>(), [9_000]);
    assert_eq!(first.next, Some(6_001), "5,000 rows were looked at");
    let (rows, pages) = walk(1_000, list);
    assert_eq!((rows.len(), pages), (1, 3));
}

#[test]
fn a_page_of_large_records_is_cut_before_it_is_too_large_to_send() {
    let mut shop = Shop::open();
    let mut order = shop.book_item(CUP, 1);
    order.note = "x".repeat(100_000);
    for id in 1..=50 {
        save(&mut shop.state, &Order { order_id: OrderId(id), ..order.clone() }).unwrap();
    }
    let list = |page: &Page| query::list_bookings(&shop.state, 0, CustomerId(0), page);
    assert_eq!(list(&page(1_000)).unwrap().rows.len(), 21);
    let (rows, pages) = walk(1_000, list);
    assert_eq!((rows.len(), pages), (50, 3));
}

#[test]
fn customers_are_found_however_the_phone_is_written() {
    let shop = Shop::open();
    for phone in ["0812000111", "+62 812-000-111", "62812000111"] {
        assert_eq!(query::customer_by_phone(&shop.state, phone).unwrap().customer_id, CUSTOMER, "{phone}");
    }
    assert_refused(
        query::customer_by_phone(&shop.state, "0812000112"),
        Reason::CustomerNotFound,
        Some("phone"),
    );
    assert_refused(query::customer_by_phone(&shop.state, "call me"), Reason::FieldMalformed, Some("phone"));
    assert_refused(
        query::customer_by_id(&shop.state, CustomerId(9)),
        Reason::CustomerNotFound,
        Some("customer_id"),
    );
    assert_eq!(query::customer_by_id(&shop.state, CUSTOMER).unwrap().name, "Siti");
}

#[test]
fn mutations_of_several_accounts_and_states_come_in_one_order() {
    let mut shop = busy_day();
    let other = BankAccountId(2);
    shop.run(Command::CreateBankAccount(BankAccountInput {
        bank: "BNI".into(),
        number: "22".into(),
        holder: "Toko".into(),
        currency_code: "IDR".into(),
        ..BankAccountInput::default()
    }));
    for turn in 0..4 {
        let row = MutationInput {
            date: "2026-11-23".into(),
            amount: minor(1_000 + turn),
            description: "X".into(),
            ..MutationInput::default()
        };
        let import = |bank_account_id| Command::ImportMutations {
            bank_account_id,
            file_hash: String::new(),
            file_ends: false,
            mutations: vec![row.clone()],
        };
        shop.run(import(other));
        shop.run(import(ACCOUNT));
    }
    let view = &shop.state;
    for account in [BankAccountId(0), ACCOUNT, other] {
        for state in 0..=5 {
            let ids = newest(view, |mutation: &kasir_core::records::Mutation| {
                (!account.is_some() || mutation.bank_account_id == account)
                    && (state == 0 || i32::from(mutation.state.number()) == state)
            });
            let list = |page: &Page| query::list_mutations(view, account, state, page);
            if ids.is_empty() {
                assert_eq!(walk(3, list).0, []);
            } else {
                assert_list(&ids, list);
            }
        }
    }
    assert_refused(
        query::list_mutations(view, BankAccountId(9), 0, &page(1)),
        Reason::BankAccountNotFound,
        Some("bank_account_id"),
    );
    assert_eq!(query::list_bank_accounts(view, &Page::small_list(0, "").unwrap()).unwrap().rows.len(), 2);
}

#[test]
fn parcels_and_papers_are_found_by_every_name() {
    let shop = busy_day();
    let view = &shop.state;
    let parcel = query::parcel_by_airway_bill(view, " POS-6\n").unwrap();
    assert_eq!(query::parcel_by_id(view, parcel.parcel_id).unwrap(), parcel);
    assert_eq!(query::parcel_by_order(view, parcel.order_id).unwrap(), parcel);
    assert_refused(query::parcel_by_airway_bill(view, "POS-7"), Reason::ParcelNotFound, Some("airway_bill"));
    assert_refused(query::parcel_by_order(view, OrderId(1)), Reason::ParcelNotFound, Some("order_id"));
    assert_refused(query::parcel_by_order(view, OrderId(999)), Reason::ParcelNotFound, Some("order_id"));
    assert_refused(query::parcel_by_id(view, ParcelId(99)), Reason::ParcelNotFound, Some("parcel_id"));
    for state in 1..=3 {
        let ids = newest(view, |p: &kasir_core::records::Parcel| i32::from(p.label_state.number()) == state);
        assert_list(&ids, |page| query::list_parcels(view, state, 0, page));
    }
    for state in 1..=5 {
        let ids =
            newest(view, |p: &kasir_core::records::Parcel| i32::from(p.airway_bill_state.number()) == state);
        assert_list(&ids, |page| query::list_parcels(view, 0, state, page));
    }
    for job in all::<PrintJob>(view) {
        let (found, document) = query::print_job(view, job.print_job_id).unwrap();
        assert_eq!(found, job);
        let (kind, id) = match document {
            Document::Order(order) => (DocumentKind::OrderSlip, order.id()),
            Document::Sale(sale) => (DocumentKind::SalesReceipt, sale.id()),
            Document::Parcel(parcel) => (DocumentKind::AddressLabel, parcel.id()),
            Document::Shift(shift) => (DocumentKind::ShiftReport, shift.id()),
            Document::Manifest(manifest) => (DocumentKind::PickupManifest, manifest.id()),
            Document::Refund(refund) => (DocumentKind::RefundReceipt, refund.id()),
        };
        assert_eq!((kind, id), (job.kind, job.subject_id));
    }
    let listed = query::manifest(view, ManifestId(1)).unwrap();
    assert!(listed.lines.iter().all(|line| line.parcel_id.is_some()));
    assert_refused(query::manifest(view, ManifestId(9)), Reason::ManifestNotFound, Some("manifest_id"));
    assert_refused(query::print_job(view, PrintJobId(999)), Reason::PrintJobNotFound, Some("print_job_id"));
}

#[test]
fn small_tables_fit_a_page_and_can_be_paged() {
    let shop = busy_day();
    let view = &shop.state;
    let whole = Page::small_list(0, "").unwrap();
    assert_eq!(query::list_tax_classes(view, &whole).unwrap().rows.len(), 2);
    let places = query::list_locations(view, &whole).unwrap();
    let kinds: Vec<LocationKind> = places.rows.iter().map(|place| place.kind).collect();
    assert_eq!(kinds, [LocationKind::Warehouse, LocationKind::CsDesk, LocationKind::Shop]);
    assert_eq!(places.token(), "");
    assert_eq!(walk(2, |page: &Page| query::list_locations(view, page)).0, places.rows);
    assert_eq!(query::list_couriers(view, &whole).unwrap().rows.len(), 2);
    assert_eq!(query::list_tills(view, &whole).unwrap().rows[0].open_shift_id, ShiftId(2));
    assert_eq!(query::settings(view).unwrap().shop_name, "Toko");
    assert_eq!(query::settings(&Memory::default()).unwrap(), Settings::default());
}

#[test]
fn what_is_to_be_bought_is_listed() {
    let mut shop = Shop::open();
    for (sku, reorder_point) in [("GULA", 5), ("GARAM", 0)] {
        let input = ItemInput { reorder_point, ..item(sku, sku, "dapur", &[], 10_000) };
        shop.run(Command::CreateItem(input));
    }
    let to_reorder = |shop: &Shop| walk(1, |page| query::list_items(&shop.state, true, page)).0;
    let [sugar] = &to_reorder(&shop)[..] else {
        panic!("sugar alone has a reorder point, and none is there")
    };
    let lines = vec![StockLine { item_id: sugar.item_id, quantity: 5 }];
    let sugar = sugar.item_id;
    shop.run(Command::ReceiveStock { location_id: WAREHOUSE, lines, reference: String::new() });
    assert!(to_reorder(&shop).is_empty());
    shop.hold(sugar, 1);
    assert_eq!(to_reorder(&shop).len(), 1, "four are left to promise");
}

#[test]
fn holds_are_listed_while_they_claim() {
    let mut shop = Shop::open();
    let first = shop.hold(COFFEE, 1);
    let second = shop.hold(TEA, 1);
    let third = shop.hold(COFFEE, 2);
    let ids = |item_id: ItemId, now_ms: i64| -> Vec<u64> {
        let listed = query::list_holds(&shop.state, item_id, now_ms, &page(10)).unwrap();
        listed.rows.iter().map(|hold| hold.hold_id.0).collect()
    };
    let now_ms = shop.context().now_ms;
    assert_eq!(ids(ItemId(0), now_ms), [third.0, second.0, first.0]);
    assert_eq!(ids(COFFEE, now_ms), [third.0, first.0]);
    let expire_ms = all::<Hold>(&shop.state)[0].expire_ms;
    assert!(ids(COFFEE, expire_ms).is_empty(), "over at their deadline, before the clock's turn");
    assert_refused(
        query::list_holds(&shop.state, ItemId(999), now_ms, &page(1)),
        Reason::ItemNotFound,
        Some("item_id"),
    );
}

#[test]
fn a_quote_is_what_the_booking_comes_to() {
    let mut shop = Shop::open();
    let input = booking(line(Source::Location(WAREHOUSE), TEA, 3), BY_HAND);
    let quote = query::quote_booking(&shop.state, &input, shop.now_ms).unwrap();
    let before = shop.state.clone();
    let order = shop.book(input);
    assert_eq!((quote.lines, quote.totals, quote.currency), (order.lines, order.totals, order.currency));
    assert!(before != shop.state);
    let shift_id = shop.open_shift();
    let lines = vec![line(Source::Missing, CUP, 2)];
    let cart = TillSaleInput { shift_id, lines, ..TillSaleInput::default() };
    assert_eq!(query::quote_till_sale(&shop.state, &cart).unwrap().totals.total_minor, 7_000_000);
}

/// A broken index is the store's fault, not the caller's.
#[test]
fn an_index_that_leads_nowhere_is_a_fault() {
    let mut shop = Shop::open();
    shop.book_item(CUP, 1);
    shop.state.delete(Table::Orders, id_key(1).as_slice()).unwrap();
    assert!(matches!(query::list_bookings(&shop.state, 1, CustomerId(0), &page(1)), Err(Stop::Fault(_))));
    shop.state.delete(Table::Items, id_key(CUP.0).as_slice()).unwrap();
    assert!(matches!(query::item_by_sku(&shop.state, "CANGKIR"), Err(Stop::Fault(_))));
    assert!(matches!(query::find_items(&shop.state, "cangkir", false, &page(1)), Err(Stop::Fault(_))));
    let renamed =
        CustomerInput { name: "Ani".into(), phone: "0813000222".into(), ..CustomerInput::default() };
    shop.run(Command::CreateCustomer(renamed));
    shop.state.delete(Table::Customers, id_key(2).as_slice()).unwrap();
    assert!(matches!(query::customer_by_phone(&shop.state, "0813000222"), Err(Stop::Fault(_))));
}
