//! Records leave as messages with every field in its place and every amount in its currency.

#![expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]

use kasir_core::ids::{
    BankAccountId, CourierId, CustomerId, DropOrderId, HoldId, ItemId, LocationId, ManifestId, MessageId,
    MutationId, OrderId, ParcelId, SaleId, ShiftId, TillId,
};
use kasir_core::records::{
    Allocation, Customer, Line, Manifest, ManifestLine, MatchCandidate, Mutation, MutationAllocation, Order,
    Proposal, ProposedAllocation, Settings, Shift, TenderTotal, Totals,
};
use kasir_core::reply::{Confirmed, Sold};
use kasir_core::states::{
    Channel, MatchDecision, MessageKind, MessageState, MutationState, OrderState, TenderKind,
};
use kasir_core::{Event, Memory, Reason};
use kasir_store::{JournalRecord, Kinds};

use super::*;

fn dollars(minor_units: i64) -> Option<pb::Money> {
    Some(pb::Money { currency_code: "USD".into(), minor_units })
}

fn usd() -> Currency {
    Currency::parse("USD").expect("listed")
}

fn at(ms: i64) -> Option<Timestamp> {
    time(ms)
}

fn order() -> Order {
    Order {
        order_id: OrderId(1),
        state: OrderState::PartlyPaid,
        version: 2,
        customer_id: CustomerId(3),
        customer_name: "Sari".into(),
        customer_phone: "+62812".into(),
        customer_email: "sari@example.com".into(),
        address: Some(Address { recipient: "Sari".into(), country_code: "ID".into(), ..Address::default() }),
        currency: usd(),
        lines: vec![Line {
            item_id: ItemId(4),
            sku: "TAS-1".into(),
            name: "Tas".into(),
            quantity: 5,
            unit_price_minor: 10,
            discount_minor: 11,
            tax_minor: 12,
            tax_included: true,
            total_minor: 39,
            location_id: LocationId(6),
            drop_order_id: DropOrderId(7),
            hold_id: HoldId(8),
            tax_code: "PPN11".into(),
        }],
        totals: Totals {
            goods_minor: 50,
            discount_minor: 11,
            tax_minor: 12,
            tax_added_minor: 13,
            shipping_minor: 14,
            total_minor: 66,
        },
        unique_code: 15,
        payable_minor: 1_566,
        paid_minor: 16,
        written_off_minor: 27,
        allocations: vec![Allocation {
            mutation_id: MutationId(17),
            method: "marketplace".into(),
            reference: "R1".into(),
            amount_minor: 16,
            write_off_minor: 27,
            create_ms: 18_000,
        }],
        channel: Channel::Web,
        bank_account_id: BankAccountId(19),
        courier_id: CourierId(20),
        courier_service: "REG".into(),
        expire_ms: 21_000,
        remind_ms: 0,
        payable_release_ms: 0,
        payable_shared_with: OrderId(0),
        sale_id: SaleId(22),
        parcel_id: ParcelId(23),
        booked_by: "dewi".into(),
        note: "wrap it".into(),
        cancel_reason: "changed".into(),
        cancelled: false,
        times_expired: 0,
        refund_reference: "B2".into(),
        create_ms: 24_000,
        update_ms: 25_001,
    }
}

#[test]
fn an_order_leaves_with_every_field() {
    let message = pb::Order::from(order());
    let line = pb::OrderLine {
        item_id: 4,
        sku: "TAS-1".into(),
        name: "Tas".into(),
        quantity: 5,
        unit_price: dollars(10),
        discount: dollars(11),
        tax: dollars(12),
        tax_included: true,
        total: dollars(39),
        location_id: 6,
        drop_order_id: 7,
        tax_code: "PPN11".into(),
    };
    assert_eq!(message.lines, [line]);
    let totals = pb::Totals {
        goods: dollars(50),
        discount: dollars(11),
        tax: dollars(12),
        tax_added: dollars(13),
        shipping: dollars(14),
        total: dollars(66),
    };
    assert_eq!(message.totals, Some(totals));
    let allocation = pb::Allocation {
        mutation_id: 17,
        method: "marketplace".into(),
        reference: "R1".into(),
        amount: dollars(16),
        create_time: at(18_000),
        write_off: dollars(27),
    };
    assert_eq!(message.written_off, dollars(27));
    assert_eq!(message.allocations, [allocation]);
    assert_eq!((message.order_id, message.version, message.customer_id), (1, 2, 3));
    assert_eq!((message.state(), message.channel()), (pb::OrderState::PartlyPaid, pb::Channel::Web));
    assert_eq!((message.customer_name.as_str(), message.customer_phone.as_str()), ("Sari", "+62812"));
    assert_eq!(message.customer_email, "sari@example.com");
    assert_eq!(message.address.map(|address| address.country_code), Some("ID".into()));
    assert_eq!((message.unique_code, message.payable, message.paid), (15, dollars(1_566), dollars(16)));
    assert_eq!((message.bank_account_id, message.courier_id), (19, 20));
    assert_eq!((message.courier_service.as_str(), message.booked_by.as_str()), ("REG", "dewi"));
    assert_eq!((message.sale_id, message.parcel_id), (22, 23));
    assert_eq!((message.note.as_str(), message.cancel_reason.as_str()), ("wrap it", "changed"));
    assert_eq!(message.refund_reference, "B2");
    assert_eq!((message.expire_time, message.create_time), (at(21_000), at(24_000)));
    assert_eq!(message.update_time, Some(Timestamp { seconds: 25, nanos: 1_000_000 }));
}

fn shift() -> Shift {
    Shift {
        shift_id: ShiftId(1),
        till_id: TillId(2),
        cashier: "budi".into(),
        currency: usd(),
        open_ms: 3_000,
        close_ms: 0,
        opening_cash_minor: 100,
        sale_count: 4,
        sale_total_minor: 5,
        tax_total_minor: 6,
        discount_total_minor: 7,
        tenders: vec![TenderTotal { kind: TenderKind::Cash, count: 8, amount_minor: 50 }],
        cash_in_minor: 20,
        cash_out_minor: 30,
        counted_cash_minor: None,
        refund_count: 2,
        refund_total_minor: 40,
        refund_tax_minor: 3,
        refund_tenders: vec![
            TenderTotal { kind: TenderKind::Cash, count: 1, amount_minor: 15 },
            TenderTotal { kind: TenderKind::Card, count: 1, amount_minor: 25 },
        ],
    }
}

#[test]
fn an_open_shift_has_no_count_and_a_closed_one_its_difference() {
    let x_report = pb::Shift::from(shift());
    assert_eq!((x_report.shift_id, x_report.till_id, x_report.cashier.as_str()), (1, 2, "budi"));
    assert_eq!((x_report.open_time, x_report.close_time), (at(3_000), None));
    assert_eq!((x_report.opening_cash, x_report.expected_cash), (dollars(100), dollars(125)));
    assert_eq!((x_report.counted_cash, x_report.difference), (None, None));
    assert_eq!((x_report.sale_count, x_report.sale_total), (4, dollars(5)));
    assert_eq!((x_report.tax_total, x_report.discount_total), (dollars(6), dollars(7)));
    assert_eq!((x_report.cash_in, x_report.cash_out), (dollars(20), dollars(30)));
    let cash = pb::TenderTotal { kind: pb::TenderKind::Cash as i32, count: 8, amount: dollars(50) };
    assert_eq!(x_report.tenders, [cash]);
    assert_eq!((x_report.refund_count, x_report.refund_total), (2, dollars(40)));
    assert_eq!(x_report.refund_tax_total, dollars(3));
    let given_back: Vec<_> = x_report.refund_tenders.iter().map(|each| (each.kind, each.count)).collect();
    assert_eq!(given_back, [(pb::TenderKind::Cash as i32, 1), (pb::TenderKind::Card as i32, 1)]);

    let z_report = pb::Shift::from(Shift { close_ms: 9_000, counted_cash_minor: Some(135), ..shift() });
    assert_eq!(z_report.close_time, at(9_000));
    assert_eq!((z_report.counted_cash, z_report.difference), (dollars(135), dollars(10)));
}

#[test]
fn a_manifest_leaves_with_what_is_collected_and_nothing_where_that_is_nothing() {
    let line = |parcel, collect_minor| ManifestLine {
        parcel_id: ParcelId(parcel),
        order_id: OrderId(parcel + 10),
        airway_bill: "JP1".into(),
        recipient: "Sari".into(),
        city: "Solo".into(),
        weight_grams: 250,
        currency: usd(),
        collect_minor,
    };
    let message = pb::Manifest::from(Manifest {
        manifest_id: ManifestId(1),
        courier_id: CourierId(2),
        lines: vec![line(3, 500), line(4, 0)],
        handed_over_by: "budi".into(),
        hand_over_ms: 3_000,
        create_ms: 4_000,
    });
    assert_eq!((message.manifest_id, message.courier_id, message.handed_over_by.as_str()), (1, 2, "budi"));
    assert_eq!((message.hand_over_time, message.create_time), (at(3_000), at(4_000)));
    let lines: Vec<_> =
        message.lines.iter().map(|line| (line.parcel_id, line.order_id, line.collect.clone())).collect();
    assert_eq!(lines, [(3, 13, dollars(500)), (4, 14, None)]);
    let first = &message.lines[0];
    assert_eq!(
        (first.airway_bill.as_str(), first.recipient.as_str(), first.city.as_str()),
        ("JP1", "Sari", "Solo")
    );
    assert_eq!(first.weight_grams, 250);
}

#[test]
fn an_address_leaves_with_its_customer_and_its_message() {
    let sari = Customer {
        customer_id: CustomerId(1),
        name: "Sari".into(),
        phone: "62812".into(),
        email: "sari@example.com".into(),
        address: None,
        points: 0,
        credit_minor: 0,
        version: 1,
        create_ms: 1,
        erase_ms: 0,
    };
    assert_eq!(customer(sari, usd()).email, "sari@example.com");
    let message = kasir_core::records::Message {
        message_id: MessageId(1),
        kind: MessageKind::AirwayBill,
        state: MessageState::Queued,
        order_id: OrderId(2),
        customer_id: CustomerId(1),
        phone: "62812".into(),
        email: "sari@example.com".into(),
        facts: Vec::new(),
        detail: String::new(),
        create_ms: 1,
    };
    let told = pb::Message::from(message);
    assert_eq!((told.phone.as_str(), told.email.as_str()), ("62812", "sari@example.com"));
}

#[test]
fn a_mutation_leaves_with_its_proposal() {
    let mutation = Mutation {
        mutation_id: MutationId(1),
        bank_account_id: BankAccountId(2),
        date: "2025-01-31".into(),
        currency: usd(),
        amount_minor: -3,
        balance_minor: None,
        description: "TRSF".into(),
        bank_reference: "R1".into(),
        value_date: "2025-02-01".into(),
        counterparty: "SARI".into(),
        learnt_payer: String::new(),
        state: MutationState::Proposed,
        proposal: Some(Proposal {
            decision: MatchDecision::Ambiguous,
            allocations: vec![ProposedAllocation {
                order_id: OrderId(4),
                amount_minor: 5,
                order_version: 6,
                write_off_minor: 15,
            }],
            score_millinats: 7,
            margin_millinats: 8,
            reasons: vec!["the amount is right".into()],
            candidates: vec![MatchCandidate { order_ids: vec![OrderId(4)], score_millinats: 16 }],
            joined: vec![MutationId(17)],
        }),
        allocations: vec![MutationAllocation { order_id: OrderId(9), amount_minor: 10, write_off_minor: 18 }],
        credited_minor: 11,
        credited_customer_id: CustomerId(12),
        ignore_reason: "salary".into(),
        occurrence: 13,
        pending_occurrence: 0,
        pending_text: None,
        reference_by_day: true,
        entry: None,
        ignored_pending: false,
        undone: true,
        file_hash: "abc".into(),
        create_ms: 14_000,
    };
    let message = pb::Mutation::from(mutation);
    assert_eq!((message.mutation_id, message.bank_account_id, message.date.as_str()), (1, 2, "2025-01-31"));
    assert_eq!((message.amount.clone(), message.balance.clone()), (dollars(-3), None));
    assert_eq!((message.state(), message.credited.clone()), (pb::MutationState::Proposed, dollars(11)));
    let proposal = message.proposal.expect("there is one");
    assert_eq!(proposal.decision(), pb::MatchDecision::Ambiguous);
    assert_eq!((proposal.score_millinats, proposal.margin_millinats), (7, 8));
    let proposed =
        pb::ProposedAllocation { order_id: 4, amount: dollars(5), order_version: 6, write_off: dollars(15) };
    let candidate = pb::MatchCandidate { order_ids: vec![4], score_millinats: 16 };
    assert_eq!((proposal.candidates, proposal.joined_mutation_ids), (vec![candidate], vec![17]));
    assert_eq!(
        (proposal.allocations, proposal.reasons),
        (vec![proposed], vec!["the amount is right".to_owned()])
    );
    assert_eq!(
        message.allocations,
        [pb::MutationAllocation { order_id: 9, amount: dollars(10), write_off: dollars(18) }]
    );
    assert_eq!((message.ignore_reason.as_str(), message.occurrence), ("salary", 13));
    assert_eq!((message.value_date.as_str(), message.counterparty.as_str()), ("2025-02-01", "SARI"));
}

#[test]
fn a_batch_tells_each_outcome_in_its_place() {
    let refusal = Refusal::new(Reason::OutOfStock, "None is left.").with("item_id", 7).with("available", 0);
    let error = pb::BatchError {
        code: 9,
        reason: "OUT_OF_STOCK".into(),
        message: "None is left.".into(),
        details: [("item_id", "7"), ("available", "0")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    };
    let reply = Reply::Orders(vec![Ok(order()), Err(refusal.clone())]);
    let response = pb::BatchCreateBookingsResponse::from_reply(reply, &Memory::default()).unwrap();
    let [made, refused] = &response.results[..] else { panic!("two were asked") };
    assert_eq!((made.order.as_ref().map(|order| order.order_id), &made.error), (Some(1), &None));
    assert_eq!((&refused.order, &refused.error), (&None, &Some(error.clone())));

    let sold = Sold { order_id: OrderId(5), result: Err(refusal.clone()) };
    let expected = pb::CreateSalesResult { order_id: 5, error: Some(error.clone()), ..Default::default() };
    assert_eq!(pb::CreateSalesResult::from(sold), expected);

    let confirmed = |result| pb::ConfirmMatchesResult::from(Confirmed { mutation_id: MutationId(6), result });
    let expected = pb::ConfirmMatchesResult { mutation_id: 6, error: Some(error), ..Default::default() };
    assert_eq!(confirmed(Err(refusal)), expected);
    let expected = pb::ConfirmMatchesResult {
        mutation_id: 6,
        order_ids: vec![7, 8],
        order_state: 3,
        ..Default::default()
    };
    assert_eq!(confirmed(Ok((vec![OrderId(7), OrderId(8)], OrderState::Paid))), expected);
}

#[test]
fn settings_leave_as_spans_of_time() {
    let settings = Settings { utc_offset_ms: -12_600_000, payable_cooldown_ms: 1_500, ..Settings::default() };
    let message = pb::Settings::from(settings);
    assert_eq!(message.utc_offset, Some(Duration { seconds: -12_600, nanos: 0 }));
    assert_eq!(message.payable_cooldown, Some(Duration { seconds: 1, nanos: 500_000_000 }));
    assert_eq!(message.currency_code, "IDR");
    assert_eq!(span(-1_500), Some(Duration { seconds: -1, nanos: -500_000_000 }));
}

#[test]
fn times_before_1970_have_positive_nanos() {
    assert_eq!(time(-1), Some(Timestamp { seconds: -1, nanos: 999_000_000 }));
    assert_eq!(time_if(0), None);
}

#[test]
fn the_numbers_of_states_are_those_of_the_contract() {
    // Names differ in prefix and case only: BOOKED of the contract is Booked of the core.
    fn check<S: std::fmt::Debug>(
        states: &[S],
        number: impl Fn(&S) -> u8,
        name: impl Fn(i32) -> Option<String>,
    ) {
        for state in states {
            let contract = name(super::number(number(state))).expect("the contract knows it");
            let contract =
                contract.rsplit_once("__").map_or(contract.as_str(), |(_, name)| name).replace('_', "");
            assert_eq!(contract, format!("{state:?}").to_uppercase());
        }
    }
    macro_rules! same {
        ($($state:ident $prefix:literal,)*) => {$(
            check(kasir_core::states::$state::ALL, |state| state.number(), |number| {
                let name = pb::$state::try_from(number).ok()?.as_str_name();
                Some(name.strip_prefix($prefix).expect("the prefix is the enum's name").to_owned())
            });
            let known = kasir_core::states::$state::ALL.len();
            let next = i32::try_from(known).unwrap() + 1;
            assert!(pb::$state::try_from(next).is_err(), "the contract has more of {}", stringify!($state));
        )*};
    }
    same! {
        DropOrderState "DROP_ORDER_STATE_",
        OrderState "ORDER_STATE_",
        MutationState "MUTATION_STATE_",
        MatchDecision "MATCH_DECISION_",
        LabelState "LABEL_STATE_",
        AirwayBillState "AIRWAY_BILL_STATE_",
        PrintJobState "PRINT_JOB_STATE_",
        MessageState "MESSAGE_STATE_",
        MessageKind "MESSAGE_KIND_",
        DocumentKind "DOCUMENT_KIND_",
        LocationKind "LOCATION_KIND_",
        TaxMode "TAX_MODE_",
        Channel "CHANNEL_",
        TenderKind "TENDER_KIND_",
    }
}

fn record(revision: u64, events: Vec<Event>) -> JournalRecord {
    JournalRecord {
        revision,
        time_ms: 1_000,
        actor: "sari".into(),
        method: "/kasir.v1.BookingService/CreateBooking".into(),
        request_id: (0..16).collect(),
        events,
        sealed: Vec::new(),
    }
}

fn expired(order_id: u64) -> Event {
    Event::OrderExpired { order_id: OrderId(order_id), items: vec![ItemId(9)] }
}

#[test]
fn the_journal_is_told_with_its_changes() {
    let mut page = JournalPage::new(2, Kinds::default());
    assert!(page.take(record(1, vec![expired(7)])));
    assert!(
        !page.take(JournalRecord { request_id: Vec::new(), ..record(2, Vec::new()) }),
        "the page is full"
    );
    let (bytes, count) = page.finish(2);
    let response = pb::WatchResponse::decode(&bytes[..]).unwrap();
    assert_eq!((count, response.revision), (2, 2));
    let change = |resource, id| pb::Change { resource, id, event: "OrderExpired".into() };
    let first = pb::JournalRecord {
        revision: 1,
        time: at(1_000),
        actor: "sari".into(),
        method: "/kasir.v1.BookingService/CreateBooking".into(),
        request_id: "00010203-0405-0607-0809-0a0b0c0d0e0f".into(),
        changes: vec![change(pb::Resource::Order as i32, 7), change(pb::Resource::Stock as i32, 9)],
    };
    assert_eq!(response.records[0], first);
    assert_eq!((response.records[1].request_id.as_str(), response.records[1].changes.len()), ("", 0));
}

#[test]
fn a_filter_passes_over_records_but_not_over_their_revision() {
    let mut page = JournalPage::new(5, asked_kinds(&[pb::Resource::Sale as i32]).unwrap());
    assert!(page.take(record(1, vec![expired(7)])));
    let (bytes, count) = page.finish(1);
    assert_eq!(
        pb::WatchResponse::decode(&bytes[..]),
        Ok(pb::WatchResponse { records: Vec::new(), revision: 1 })
    );
    assert_eq!(count, 0);

    let mut page =
        JournalPage::new(5, asked_kinds(&[pb::Resource::Stock as i32, pb::Resource::Sale as i32]).unwrap());
    page.take(record(1, vec![expired(7)]));
    assert_eq!(page.finish(1).1, 1);

    for wrong in [0, -1, 14, i32::MAX] {
        let refusal = asked_kinds(&[1, wrong]).expect_err("no such resource");
        assert_eq!(refusal.details, [("field", "resources".to_owned())]);
    }
}

#[test]
fn a_page_of_the_journal_is_bounded_in_bytes() {
    let mut page = JournalPage::new(1_000_000, Kinds::default());
    let large = || record(1, (0..1_000).map(expired).collect());
    let taken = (1..10_000).find(|_| !page.take(large())).expect("it fills up");
    assert!((2..200).contains(&taken), "{taken}");
}
