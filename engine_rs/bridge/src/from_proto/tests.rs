//! Requests arrive as commands with every field in its place; what no command can hold is refused by name.

#![expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
#![expect(clippy::needless_pass_by_value, reason = "requests are written where they are sent")]

use kasir_core::command::{BookingInput, LineInput, SettingsInput, Source};
use kasir_core::ids::{
    BankAccountId, CourierId, CustomerId, DropOrderId, HoldId, ItemId, LocationId, MutationId, OrderId,
    ParcelId, ShiftId, TaxClassId,
};

use super::*;

const ID: &str = "0b2f6a1e-7c53-4f0e-9a57-6a0a4a0c1d2e";

fn command<R: CommandRequest>(request: R) -> Command {
    super::request::<R>(&request.encode_to_vec()).expect("the request is sound").command
}

fn refused<R: CommandRequest>(request: R) -> (Reason, String) {
    let refusal = super::request::<R>(&request.encode_to_vec()).expect_err("the request is not sound");
    let field = refusal.details.iter().find(|(name, _)| *name == "field").expect("the field is named");
    (refusal.reason, field.1.clone())
}

fn rupiah(minor_units: i64) -> Option<pb::Money> {
    Some(pb::Money { currency_code: "IDR".into(), minor_units })
}

fn input(minor_units: i64) -> Option<MoneyInput> {
    Some(MoneyInput { currency_code: "IDR".into(), minor_units })
}

fn id() -> String {
    ID.to_owned()
}

#[test]
fn a_uuid_is_read_in_every_way_it_is_written() {
    let expected = 0x0b2f_6a1e_7c53_4f0e_9a57_6a0a_4a0c_1d2e_u128.to_be_bytes();
    for text in [ID, &ID.to_uppercase(), &ID.replace('-', "")] {
        assert_eq!(request_id(text), Ok(expected), "{text}");
    }
    let wrong =
        ["x", &ID[1..], "0b2f6a1e-7c53-4f0e-9a57-6a0a4a0c1d2g", "0b2f6a1e-7c534-f0e-9a57-6a0a4a0c1d2e", "é"];
    for text in
        wrong.into_iter().chain(["0b2f6a1e7c534f0e9a576a0a4a0c1d2é", "{0b2f6a1e7c534f0e9a576a0a4a0c1d2e}"])
    {
        assert_eq!(request_id(text).map_err(|refusal| refusal.reason), Err(Reason::FieldMalformed), "{text}");
    }
    assert_eq!(request_id("").map_err(|refusal| refusal.reason), Err(Reason::FieldRequired));
}

#[test]
fn a_time_is_cut_to_milliseconds_and_bounded_by_the_calendar() {
    let read = |seconds, nanos| instant(Some(Timestamp { seconds, nanos }), format_args!("t"));
    assert_eq!(instant(None, format_args!("t")), Ok(None));
    assert_eq!(read(0, 0), Ok(Some(0)));
    assert_eq!(read(1, 1_999_999), Ok(Some(1_001)));
    assert_eq!(read(-1, 999_000_000), Ok(Some(-1)));
    assert_eq!(read(253_402_300_799, 999_999_999), Ok(Some(253_402_300_799_999)));
    assert_eq!(read(-62_135_596_800, 0), Ok(Some(-62_135_596_800_000)));
    for (seconds, nanos) in [
        (253_402_300_800, 0),
        (-62_135_596_801, 0),
        (i64::MAX, 0),
        (i64::MIN, 0),
        (0, -1),
        (0, 1_000_000_000),
    ] {
        let refusal = read(seconds, nanos).expect_err("no such time");
        assert_eq!(refusal.reason, Reason::FieldMalformed);
        assert_eq!(refusal.details, [("field", "t".to_owned())]);
    }
}

#[test]
fn a_span_keeps_its_sign() {
    let read = |seconds, nanos| span_ms(Some(Duration { seconds, nanos }), format_args!("s"));
    assert_eq!(span_ms(None, format_args!("s")), Ok(0));
    assert_eq!(read(25_200, 0), Ok(25_200_000));
    assert_eq!(read(-1, -500_000_000), Ok(-1_500));
    assert_eq!(read(0, -1_000_000), Ok(-1));
    for (seconds, nanos) in
        [(1, -1), (-1, 1), (0, 1_000_000_000), (315_576_000_001, 0), (i64::MIN, 0), (0, i32::MIN)]
    {
        assert_eq!(read(seconds, nanos).expect_err("no such span").reason, Reason::FieldMalformed);
    }
}

#[test]
fn unset_messages_are_empty_inputs_that_the_core_refuses_by_name() {
    let request = pb::CreateBookingRequest { request_id: id(), booking: None };
    let Command::CreateBooking(booking) = command(request) else { panic!("another command") };
    assert!(booking.lines.is_empty() && booking.address.is_none() && booking.expire_ms.is_none());
    let request = pb::UpdateSettingsRequest { request_id: id(), settings: None };
    let Command::UpdateSettings(SettingsInput { currency_code, booking_duration_ms, .. }) = command(request)
    else {
        panic!("another command")
    };
    assert_eq!((currency_code.as_str(), booking_duration_ms), ("", 0));
}

fn booking() -> pb::BookingInput {
    use pb::order_line_input::Source as S;
    let line = |source, item_id| pb::OrderLineInput { source, item_id, quantity: 2, discount: None };
    pb::BookingInput {
        customer_id: 1,
        customer_name: "Sari".into(),
        customer_phone: "0812".into(),
        customer_email: "sari@example.com".into(),
        address: Some(pb::Address { recipient: "Sari".into(), city: "Solo".into(), ..Default::default() }),
        lines: vec![
            pb::OrderLineInput { discount: rupiah(50), ..line(Some(S::LocationId(2)), 3) },
            line(Some(S::DropOrderId(4)), 5),
            line(Some(S::HoldId(6)), 7),
            line(None, 8),
        ],
        channel: pb::Channel::Phone as i32,
        price_list: "wholesale".into(),
        shipping: rupiah(900),
        courier_id: 9,
        courier_service: "REG".into(),
        bank_account_id: 10,
        expire_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 500_000_000 }),
        note: "wrap it".into(),
    }
}

fn expect_booking(booking: &BookingInput) {
    assert_eq!(booking.customer_id, CustomerId(1));
    assert_eq!((booking.customer_name.as_str(), booking.customer_phone.as_str()), ("Sari", "0812"));
    assert_eq!(booking.customer_email, "sari@example.com");
    assert_eq!(
        booking.address.as_ref().map(|a| (a.recipient.as_str(), a.city.as_str())),
        Some(("Sari", "Solo"))
    );
    let sources: Vec<_> = booking.lines.iter().map(|line| (line.source, line.item_id)).collect();
    let expected = [
        (Source::Location(LocationId(2)), ItemId(3)),
        (Source::DropOrder(DropOrderId(4)), ItemId(5)),
        (Source::Hold(HoldId(6)), ItemId(7)),
        (Source::Missing, ItemId(8)),
    ];
    assert_eq!(sources, expected);
    let LineInput { quantity, discount, .. } = &booking.lines[0];
    assert_eq!((*quantity, discount), (2, &input(50)));
    assert_eq!((booking.channel, booking.price_list.as_str()), (2, "wholesale"));
    assert_eq!((booking.shipping.clone(), booking.courier_id), (input(900), CourierId(9)));
    assert_eq!((booking.courier_service.as_str(), booking.bank_account_id), ("REG", BankAccountId(10)));
    assert_eq!((booking.expire_ms, booking.note.as_str()), (Some(1_700_000_000_500), "wrap it"));
}

#[test]
fn a_booking_arrives_with_every_field() {
    let one = command(pb::CreateBookingRequest { request_id: id(), booking: Some(booking()) });
    let Command::CreateBooking(one) = one else { panic!("another command") };
    expect_booking(&one);

    let many =
        command(pb::BatchCreateBookingsRequest { request_id: id(), bookings: vec![booking(), booking()] });
    let Command::BatchCreateBookings(many) = many else { panic!("another command") };
    assert_eq!(many.len(), 2);
    many.iter().for_each(expect_booking);
}

#[test]
fn a_time_that_is_none_is_refused_where_it_stands() {
    let never = Some(Timestamp { seconds: i64::MAX, nanos: 0 });
    let wrong = pb::BookingInput { expire_time: never, ..booking() };
    let hold = pb::Hold { expire_time: never, ..Default::default() };
    let expected = |field: &str| (Reason::FieldMalformed, field.to_owned());
    assert_eq!(
        refused(pb::CreateBookingRequest { request_id: id(), booking: Some(wrong.clone()) }),
        expected("booking.expire_time")
    );
    assert_eq!(
        refused(pb::BatchCreateBookingsRequest { request_id: id(), bookings: vec![booking(), wrong] }),
        expected("bookings[1].expire_time")
    );
    assert_eq!(
        refused(pb::CreateHoldRequest { request_id: id(), hold: Some(hold.clone()) }),
        expected("hold.expire_time")
    );
    assert_eq!(
        refused(pb::BatchCreateHoldsRequest { request_id: id(), holds: vec![hold] }),
        expected("holds[0].expire_time")
    );
    assert_eq!(
        refused(pb::RequestDropOrderRequest { request_id: id(), expire_time: never, ..Default::default() }),
        expected("expire_time")
    );
    let settings =
        pb::Settings { utc_offset: Some(Duration { seconds: i64::MAX, nanos: 0 }), ..Default::default() };
    assert_eq!(
        refused(pb::UpdateSettingsRequest { request_id: id(), settings: Some(settings) }),
        expected("settings.utc_offset")
    );
}

#[test]
fn an_item_arrives_with_every_field() {
    let item = pb::Item {
        item_id: 1,
        sku: "TAS-1".into(),
        name: "Tas".into(),
        category: "tas".into(),
        barcodes: vec!["8991234567892".into()],
        prices: vec![pb::Price { price_list: "retail".into(), min_quantity: 3, amount: rupiah(100) }],
        tax_class_id: 2,
        weight_grams: 300,
        inactive: true,
        reorder_point: 4,
        version: 5,
        create_time: None,
    };
    let Command::UpdateItem(read) = command(pb::UpdateItemRequest { request_id: id(), item: Some(item) })
    else {
        panic!("another command")
    };
    assert_eq!((read.item_id, read.tax_class_id), (ItemId(1), TaxClassId(2)));
    assert_eq!((read.sku.as_str(), read.name.as_str(), read.category.as_str()), ("TAS-1", "Tas", "tas"));
    assert_eq!(read.barcodes, ["8991234567892"]);
    let price = &read.prices[0];
    assert_eq!((price.price_list.as_str(), price.min_quantity, &price.amount), ("retail", 3, &input(100)));
    assert_eq!((read.weight_grams, read.inactive, read.reorder_point, read.version), (300, true, 4, 5));
}

#[test]
fn what_is_given_back_comes_in_as_it_was_asked() {
    let refund = pb::RefundInput {
        shift_id: 1,
        sale_id: 2,
        lines: vec![pb::RefundLineInput { line: 3, quantity: 4, damaged: true }],
        kind: 5,
        reference: "RF".into(),
        reason: "torn".into(),
        approved_by: "budi".into(),
    };
    let request = pb::RefundSaleRequest { request_id: id(), refund: Some(refund) };
    let Command::RefundSale(input) = command(request) else { panic!("another command") };
    assert_eq!((input.shift_id.0, input.sale_id.0, input.kind), (1, 2, 5));
    assert_eq!((input.reference.as_str(), input.reason.as_str()), ("RF", "torn"));
    assert_eq!(input.approved_by, "budi");
    let line = &input.lines[0];
    assert_eq!((line.line, line.quantity, line.damaged), (3, 4, true));
}

#[test]
fn what_went_is_named_in_its_order() {
    let request = pb::CreateManifestRequest { request_id: id(), parcel_ids: vec![3, 1] };
    let Command::CreateManifest { parcel_ids } = command(request) else { panic!("another command") };
    assert_eq!(parcel_ids, [ParcelId(3), ParcelId(1)]);
}

#[test]
fn a_customers_address_comes_in() {
    let customer =
        pb::Customer { name: "Sari".into(), email: "sari@example.com".into(), ..Default::default() };
    let request = pb::CreateCustomerRequest { request_id: id(), customer: Some(customer) };
    let Command::CreateCustomer(input) = command(request) else { panic!("another command") };
    assert_eq!(input.email, "sari@example.com");
}

#[test]
fn two_ids_of_one_request_are_not_swapped() {
    let line = pb::StockLine { item_id: 3, quantity: -4 };
    let request = pb::TransferStockRequest {
        request_id: id(),
        from_location_id: 1,
        to_location_id: 2,
        lines: vec![line],
    };
    let Command::TransferStock { from_location_id, to_location_id, lines } = command(request) else {
        panic!("another command")
    };
    assert_eq!((from_location_id, to_location_id), (LocationId(1), LocationId(2)));
    assert_eq!((lines[0].item_id, lines[0].quantity), (ItemId(3), -4));

    let request = pb::AssignAirwayBillRequest {
        request_id: id(),
        parcel_id: 1,
        airway_bill: "JP1".into(),
        courier_id: 2,
    };
    let Command::AssignAirwayBill { parcel_id, airway_bill, courier_id } = command(request) else {
        panic!("another command")
    };
    assert_eq!((parcel_id, airway_bill.as_str(), courier_id), (ParcelId(1), "JP1", CourierId(2)));
}

#[test]
fn money_matching_arrives_with_every_field() {
    let allocation = pb::MutationAllocation { order_id: 2, amount: rupiah(7), write_off: rupiah(8) };
    let request = pb::MatchMutationRequest {
        request_id: id(),
        mutation_id: 1,
        allocations: vec![allocation],
        credit_remainder: true,
        credit_customer_id: 3,
    };
    let Command::MatchMutation { mutation_id, allocations, credit_remainder, credit_customer_id } =
        command(request)
    else {
        panic!("another command")
    };
    assert_eq!((mutation_id, credit_remainder, credit_customer_id), (MutationId(1), true, CustomerId(3)));
    assert_eq!((allocations[0].order_id, &allocations[0].amount), (OrderId(2), &input(7)));
    assert_eq!(allocations[0].write_off, input(8));
    let request = pb::JoinMutationsRequest {
        request_id: id(),
        mutation_ids: vec![4, 5],
        order_id: 6,
        write_off: rupiah(9),
        credit_remainder: true,
    };
    let Command::JoinMutations { mutation_ids, order_id, write_off, credit_remainder } = command(request)
    else {
        panic!("another command")
    };
    assert_eq!((mutation_ids, order_id), (vec![MutationId(4), MutationId(5)], OrderId(6)));
    assert_eq!((write_off, credit_remainder), (input(9), true));

    let row = pb::MutationInput {
        date: "2025-01-31".into(),
        amount: rupiah(5),
        balance: rupiah(6),
        description: "TRSF".into(),
        bank_reference: "R1".into(),
        pending: true,
        occurrence: 2,
        value_date: "2025-02-01".into(),
        counterparty: "SARI".into(),
        reference_is_unique: true,
        entry: Some(pb::StatementEntry { reference: "E1".into(), amount: rupiah(7), occurrence: 3 }),
    };
    let request = pb::ImportMutationsRequest {
        request_id: id(),
        bank_account_id: 1,
        file_hash: "abc".into(),
        mutations: vec![row],
        file_ends: true,
    };
    let Command::ImportMutations { bank_account_id, file_hash, mutations, file_ends } = command(request)
    else {
        panic!("another command")
    };
    assert_eq!((bank_account_id, file_hash.as_str(), file_ends), (BankAccountId(1), "abc", true));
    let row = &mutations[0];
    assert_eq!((row.date.as_str(), &row.amount, &row.balance), ("2025-01-31", &input(5), &input(6)));
    assert_eq!((row.description.as_str(), row.bank_reference.as_str()), ("TRSF", "R1"));
    assert_eq!((row.pending, row.occurrence, row.reference_is_unique), (true, 2, true));
    assert_eq!((row.value_date.as_str(), row.counterparty.as_str()), ("2025-02-01", "SARI"));
    let entry = row.entry.as_ref().expect("it is a part of one");
    assert_eq!((entry.reference.as_str(), &entry.amount, entry.occurrence), ("E1", &input(7), 3));

    let rules =
        pb::MatchingRules { write_off_max: rupiah(7), propose_by_itself: true, confirm_by_itself: true };
    let request =
        pb::SetMatchingRulesRequest { request_id: id(), bank_account_id: 1, matching_rules: Some(rules) };
    let Command::SetMatchingRules { bank_account_id, rules } = command(request) else {
        panic!("another command")
    };
    assert_eq!((bank_account_id, rules.write_off_max), (BankAccountId(1), input(7)));
    assert!(rules.propose_by_itself && rules.confirm_by_itself);
}

#[test]
fn a_till_sale_has_no_source_and_keeps_its_tenders() {
    let sale = pb::TillSaleInput {
        shift_id: 1,
        lines: vec![pb::TillLineInput {
            item_id: 2,
            quantity: 3,
            discount: rupiah(4),
            charge: Some(pb::TillCharge { unit_price: rupiah(7), tax_class_id: 8 }),
        }],
        customer_id: 5,
        price_list: "retail".into(),
        hold_ids: vec![9],
        receipt: "K1-1".into(),
        sold_time: Some(Timestamp { seconds: 10, nanos: 0 }),
        receipt_given: true,
    };
    let tender = pb::Tender { kind: pb::TenderKind::Card as i32, amount: rupiah(6), reference: "A1".into() };
    let request = pb::CreateTillSaleRequest { request_id: id(), sale: Some(sale), tenders: vec![tender] };
    let Command::CreateTillSale { sale, tenders } = command(request) else { panic!("another command") };
    assert_eq!(
        (sale.shift_id, sale.customer_id, sale.price_list.as_str()),
        (ShiftId(1), CustomerId(5), "retail")
    );
    let line = &sale.lines[0];
    assert_eq!((line.source, line.item_id, line.quantity), (Source::Missing, ItemId(2), 3));
    assert_eq!(line.discount, input(4));
    let charge = line.charge.as_ref().expect("it says what was charged");
    assert_eq!((&charge.unit_price, charge.tax_class_id), (&input(7), TaxClassId(8)));
    assert_eq!((sale.hold_ids.as_slice(), sale.receipt.as_str()), ([HoldId(9)].as_slice(), "K1-1"));
    assert_eq!((sale.sold_ms, sale.receipt_given), (Some(10_000), true));
    assert_eq!((tenders[0].kind, &tenders[0].amount, tenders[0].reference.as_str()), (2, &input(6), "A1"));
}

#[test]
fn unknown_fields_of_a_newer_client_are_passed_over() {
    let mut body = pb::ReleaseHoldRequest { request_id: id(), hold_id: 7 }.encode_to_vec();
    body.extend_from_slice(b"\xba\x3e\x03new");
    let Command::ReleaseHold { hold_id } = request::<pb::ReleaseHoldRequest>(&body).unwrap().command else {
        panic!("another command")
    };
    assert_eq!(hold_id, HoldId(7));
}
