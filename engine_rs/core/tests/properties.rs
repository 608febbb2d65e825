//! Goal: no sequence of commands breaks an invariant, and the journal alone gives the same bytes.
//! Method: random commands with small ids, so that they meet; clock jumps between them; `verify` after every few steps; replay
//! at the end. A failing sequence is shrunk and printed by proptest: keep it as an example in `flow.rs`.

mod common;

use common::{
    BCA, DESK, MINUTE, STORE, Shop, WAREHOUSE, booking, dropped, from, hold, idr, paid_in, request,
};
use kasir_core::Command;
use kasir_core::command::{
    AllocationInput, ChargeInput, HoldInput, LineInput, MutationInput, PrintReportInput, RefundInput,
    RefundLineInput, SettingsInput, Source, StockLine, TenderInput, TillSaleInput,
};
use kasir_core::ids::{
    CourierId, DropOrderId, HoldId, ItemId, LocationId, MutationId, OrderId, ParcelId, PrintJobId, SaleId,
    ShiftId, TaxClassId, TillId,
};
use kasir_core::records::{DropOrder, HOUR_MS, Order, find};
use kasir_core::states::OrderState;
use proptest::prelude::*;

#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a few hundred live at once")]
enum Step {
    Ask(Command),
    Wait(i64),
    /// Money for an order: its payable plus this.
    Money(u64, i64),
    /// The same row before the bank has posted it.
    Pending(u64),
    Reconcile,
    /// The warehouse does what the Drop Order asks, the desk books what it got, the item comes back: the right item each time.
    HandOver(u64),
    BookDrop(u64),
    GiveBack(u64),
    Extend(u64, i64),
    Propose,
    /// Pays back the first order whose refund is due.
    Refund,
}

fn place() -> impl Strategy<Value = LocationId> {
    prop_oneof![4 => Just(WAREHOUSE), 1 => Just(DESK), 3 => Just(STORE)]
}

fn line() -> impl Strategy<Value = LineInput> {
    let straight =
        (place(), 1..=2u64, 1..=3i64).prop_map(|(at, item, quantity)| from(at, ItemId(item), quantity));
    let drop = (1..=6u64, 1..=2u64, 1..=2i64)
        .prop_map(|(id, item, quantity)| dropped(DropOrderId(id), ItemId(item), quantity));
    let held = (1..=4u64, 1..=2u64, 1..=2i64).prop_map(|(id, item, quantity)| LineInput {
        source: Source::Hold(HoldId(id)),
        item_id: ItemId(item),
        quantity,
        discount: Some(idr(1_000)),
        charge: None,
    });
    prop_oneof![8 => straight, 1 => drop, 2 => held]
}

fn desk_command() -> impl Strategy<Value = Command> {
    let id = 1..=6u64;
    prop_oneof![
        4 => (1..=2u64, 1..=2i64).prop_map(|(item, quantity)| request(ItemId(item), quantity)),
        4 => (id.clone(), 1..=2u64).prop_map(|(id, item)| Command::HandOverDropOrder { drop_order_id: DropOrderId(id), barcode: format!("BC-A{item}") }),
        1 => id.clone().prop_map(|id| Command::RejectDropOrder { drop_order_id: DropOrderId(id), reason: "rusak".into() }),
        1 => id.clone().prop_map(|id| Command::CancelDropOrder { drop_order_id: DropOrderId(id) }),
        1 => id.clone().prop_map(|id| Command::ReleaseDropOrder { drop_order_id: DropOrderId(id) }),
        2 => (id.clone(), 1..=2u64).prop_map(|(id, item)| Command::ReturnDropOrder { drop_order_id: DropOrderId(id), barcode: format!("BC-A{item}") }),
        8 => (prop::collection::vec(line(), 1..3), any::<bool>(), any::<bool>()).prop_map(|(lines, by_bank, sent)| {
            let mut input = booking(lines);
            input.courier_id = CourierId(1);
            if !by_bank {
                input.bank_account_id = kasir_core::ids::BankAccountId(0);
            }
            if !sent {
                input.address = None;
            }
            Command::CreateBooking(input)
        }),
        2 => id.clone().prop_map(|id| Command::CancelBooking { order_id: OrderId(id), reason: "batal".into() }),
        2 => (place(), 1..=2u64, 1..=3i64).prop_map(|(at, item, quantity)| hold(ItemId(item), at, quantity)),
        1 => (place(), 1..=2u64, 1..=3i64, 1..=4u64).prop_map(|(location_id, item, quantity, old)| Command::CreateHold(HoldInput {
            item_id: ItemId(item),
            location_id,
            quantity,
            replaced_hold_id: HoldId(old),
            ..HoldInput::default()
        })),
        1 => (1..=4u64).prop_map(|id| Command::ReleaseHold { hold_id: HoldId(id) }),
        1 => (place(), 1..=2u64, -3..=3i64).prop_map(|(location_id, item, quantity)| Command::AdjustStock {
            location_id,
            lines: vec![StockLine { item_id: ItemId(item), quantity }],
            reason: "hitung".into(),
        }),
        1 => (1..=2u64, 1..=3i64).prop_map(|(item, quantity)| Command::TransferStock {
            from_location_id: WAREHOUSE,
            to_location_id: STORE,
            lines: vec![StockLine { item_id: ItemId(item), quantity }],
        }),
    ]
}

fn money_command() -> impl Strategy<Value = Command> {
    let id = 1..=6u64;
    prop_oneof![
        3 => (id.clone(), 1..=3u64, 1..=200_000i64, any::<bool>()).prop_map(|(mutation, order, amount, credit_remainder)| Command::MatchMutation {
            mutation_id: MutationId(mutation),
            allocations: (order..order + 2)
                .map(|order| AllocationInput { order_id: OrderId(order), amount: Some(idr(amount)), write_off: None })
                .take(usize::from(amount % 5 != 0) + usize::from(amount % 2 == 0))
                .collect(),
            credit_remainder,
            credit_customer_id: kasir_core::ids::CustomerId(u64::from(amount % 3 == 0)),
        }),
        5 => id.clone().prop_map(|id| Command::UndoMatch { mutation_id: MutationId(id) }),
        1 => id.clone().prop_map(|id| Command::IgnoreMutation { mutation_id: MutationId(id), reason: "salah".into() }),
        2 => (id.clone(), 1..=150_000i64).prop_map(|(id, amount)| Command::RecordPayment {
            order_id: OrderId(id),
            amount: Some(idr(amount)),
            method: "marketplace".into(),
            reference: String::new(),
        }),
        5 => id.clone().prop_map(|id| Command::RefundOrder { order_id: OrderId(id), reference: "R1".into() }),
        3 => any::<bool>().prop_map(|counted| Command::CreateSales {
            order_ids: vec![],
            all_paid: true,
            shift_id: ShiftId(u64::from(counted)),
        }),
        2 => (1..=2u64, 1..=2i64, 0..=300_000i64, 1..=2i32).prop_map(|(item, quantity, cash, kind)| Command::CreateTillSale {
            sale: TillSaleInput {
                shift_id: ShiftId(1),
                lines: vec![LineInput { item_id: ItemId(item), quantity, ..LineInput::default() }],
                ..TillSaleInput::default()
            },
            tenders: vec![TenderInput { kind, amount: Some(idr(cash)), reference: "A1".into() }],
        }),
        2 => (1..=2u64, 1..=3i64, 0..=200_000i64, 1..=4u64).prop_map(|(item, quantity, price, first)| Command::CreateTillSale {
            sale: TillSaleInput {
                shift_id: ShiftId(1),
                lines: vec![LineInput {
                    item_id: ItemId(item),
                    quantity,
                    charge: Some(ChargeInput { unit_price: Some(idr(price)), tax_class_id: TaxClassId(0) }),
                    ..LineInput::default()
                }],
                hold_ids: (first..first + 4).chain([first]).map(HoldId).collect(),
                receipt: "K1-1".into(),
                receipt_given: true,
                ..TillSaleInput::default()
            },
            tenders: vec![TenderInput { kind: 1, amount: Some(idr(600_000)), reference: String::new() }],
        }),
        1 => (1..=2u64).prop_map(|id| Command::OpenShift { till_id: TillId(id), opening_cash: Some(idr(1_000)) }),
        1 => (1..=2u64, -2_000..=2_000i64).prop_map(|(id, amount)| Command::RecordCashMovement {
            shift_id: ShiftId(id),
            amount: Some(idr(amount)),
            reason: "kas".into(),
        }),
        1 => (1..=2u64).prop_map(|id| Command::CloseShift { shift_id: ShiftId(id), counted_cash: Some(idr(5_000)) }),
    ]
}

fn refund_command() -> impl Strategy<Value = Command> {
    let line = (0..=1i32, 1..=2i64, any::<bool>());
    let line = line.prop_map(|(line, quantity, damaged)| RefundLineInput { line, quantity, damaged });
    (1..=3u64, 1..=4u64, prop::collection::vec(line, 1..3), 1..=6i32).prop_map(
        |(shift, sale, lines, kind)| {
            Command::RefundSale(RefundInput {
                shift_id: ShiftId(shift),
                sale_id: SaleId(sale),
                lines,
                kind,
                reference: "A1".into(),
                reason: "salah".into(),
                approved_by: "Budi".into(),
            })
        },
    )
}

fn paper_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => Just(Command::PrintLabels { parcel_ids: vec![], all_unprinted: true, reprint_reason: String::new() }),
        2 => prop::collection::vec(1..=3u64, 0..3).prop_map(|ids| Command::CreateManifest { parcel_ids: ids.into_iter().map(ParcelId).collect() }),
        1 => (1..=3u64).prop_map(|id| Command::PrintLabels { parcel_ids: vec![ParcelId(id)], all_unprinted: false, reprint_reason: "sobek".into() }),
        4 => (1..=20u64, 1..=5i32).prop_map(|(id, state)| Command::ReportPrintJob(PrintReportInput {
            print_job_id: PrintJobId(id),
            state,
            detail: String::new(),
        })),
        2 => (1..=20u64, any::<bool>()).prop_map(|(id, printed)| Command::SettlePrintJob { print_job_id: PrintJobId(id), printed }),
        1 => (1..=20u64).prop_map(|id| Command::ReprintDocument { print_job_id: PrintJobId(id), reason: "hilang".into() }),
        8 => (1..=3u64, 1..=5i32).prop_map(|(id, state)| Command::ReportAirwayBill {
            parcel_id: ParcelId(id),
            state,
            airway_bill: format!("JP{id}"),
            detail: String::new(),
        }),
        6 => (1..=3u64).prop_map(|id| Command::RequestAirwayBill { parcel_id: ParcelId(id), courier_id: CourierId(0) }),
        1 => (1..=3u64, 1..=3u64).prop_map(|(id, number)| Command::AssignAirwayBill { parcel_id: ParcelId(id), airway_bill: format!("JP{number}"), courier_id: CourierId(0) }),
        2 => (1..=3u64).prop_map(|id| Command::HandOverParcel { airway_bill: format!("JP{id}"), courier_id: CourierId(0) }),
        1 => (1..=3u64).prop_map(|id| Command::DeliverParcel { parcel_id: ParcelId(id) }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => desk_command().prop_map(Step::Ask),
        5 => money_command().prop_map(Step::Ask),
        2 => refund_command().prop_map(Step::Ask),
        6 => paper_command().prop_map(Step::Ask),
        2 => prop_oneof![12 => Just(MINUTE), 4 => Just(61 * MINUTE), 2 => Just(200 * MINUTE), 1 => Just(8 * 24 * 60 * MINUTE)]
            .prop_map(Step::Wait),
        6 => (1..=6u64, prop_oneof![6 => Just(0i64), 1 => -50_000..50_000i64]).prop_map(|(id, off)| Step::Money(id, off)),
        1 => (1..=6u64).prop_map(Step::Pending),
        5 => Just(Step::Reconcile),
        3 => Just(Step::Propose),
        1 => Just(Step::Refund),
        4 => (1..=6u64).prop_map(Step::HandOver),
        5 => (1..=6u64).prop_map(Step::BookDrop),
        2 => (1..=6u64).prop_map(Step::GiveBack),
        1 => (1..=6u64, 1..400i64).prop_map(|(id, ahead)| Step::Extend(id, ahead)),
    ]
}

fn open_shop() -> Shop {
    let mut shop = Shop::new();
    shop.ok(Command::UpdateSettings(SettingsInput {
        shop_name: "Toko".into(),
        currency_code: "IDR".into(),
        utc_offset_ms: 7 * HOUR_MS,
        booking_duration_ms: 3 * HOUR_MS,
        hold_duration_ms: HOUR_MS,
        payable_cooldown_ms: 7 * 24 * HOUR_MS,
        reminder_before_ms: HOUR_MS,
        ..SettingsInput::default()
    }));
    for (sku, price) in [("A1", 100_000), ("A2", 35_000)] {
        let item = shop.item(sku, price, sku == "A2");
        shop.receive(item, WAREHOUSE, 9);
        shop.receive(item, STORE, 8);
    }
    shop.ok(Command::CreateCourier { code: "JNE".into(), name: "JNE".into(), connected: true });
    for code in ["KASIR-1", "KASIR-2"] {
        shop.ok(Command::CreateTill { code: code.into(), location_id: STORE });
    }
    shop
}

fn known_drop(shop: &Shop, id: u64) -> Option<DropOrder> {
    find(&shop.state, id).expect("memory is readable")
}

fn take(shop: &mut Shop, step: &Step) {
    match step {
        Step::Extend(id, ahead) => {
            let order: Option<Order> = find(&shop.state, *id).expect("memory is readable");
            if let Some(order) = order {
                let expire_ms = Some(shop.now_ms + ahead * MINUTE);
                let _ = shop.ask(Command::ExtendBooking {
                    order_id: order.order_id,
                    version: order.version,
                    expire_ms,
                });
            }
        }
        Step::HandOver(id) => {
            if let Some(drop) = known_drop(shop, *id) {
                let barcode = format!("BC-A{}", drop.item_id);
                let _ = shop.ask(Command::HandOverDropOrder { drop_order_id: drop.drop_order_id, barcode });
            }
        }
        Step::BookDrop(id) => {
            if let Some(drop) = known_drop(shop, *id) {
                let line = dropped(drop.drop_order_id, drop.item_id, drop.quantity);
                let _ = shop.ask(Command::CreateBooking(booking(vec![line])));
            }
        }
        Step::GiveBack(id) => {
            if let Some(drop) = known_drop(shop, *id) {
                let barcode = format!("BC-A{}", drop.item_id);
                let _ = shop.ask(Command::ReturnDropOrder { drop_order_id: drop.drop_order_id, barcode });
            }
        }
        Step::Ask(command) => {
            let _ = shop.ask(command.clone());
        }
        Step::Wait(ms) => shop.wait(*ms),
        Step::Money(order_id, off) => {
            let order: Option<Order> = find(&shop.state, *order_id).expect("memory is readable");
            if let Some(order) = order {
                shop.import(vec![paid_in((order.payable_minor + off).max(1), &format!("TRSF {order_id}"))]);
            }
        }
        Step::Pending(order_id) => {
            let order: Option<Order> = find(&shop.state, *order_id).expect("memory is readable");
            if let Some(order) = order {
                let row = paid_in(order.payable_minor, &format!("TRSF {order_id}"));
                shop.import(vec![MutationInput { pending: true, ..row }]);
            }
        }
        Step::Refund => {
            let orders =
                (1..=20).filter_map(|id| find::<Order>(&shop.state, id).expect("memory is readable"));
            let due = orders.into_iter().find(|order| order.state == OrderState::RefundDue);
            if let Some(order) = due {
                shop.ok(Command::RefundOrder { order_id: order.order_id, reference: "R1".into() });
            }
        }
        Step::Propose => {
            shop.propose();
        }
        Step::Reconcile => {
            shop.propose();
            shop.ok(Command::ConfirmMatches { bank_account_id: BCA, mutation_ids: vec![], all_auto: true });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_commands_breaks_an_invariant(steps in prop::collection::vec(step(), 1..250)) {
        let mut shop = open_shop();
        for (index, step) in steps.iter().enumerate() {
            take(&mut shop, step);
            if index % 8 == 0 {
                shop.sound();
            }
        }
        shop.sound();
        shop.replays();
    }
}

/// The property above says something only if its commands get through: over fixed seeds, every event that they can lead to
/// does happen.
#[test]
fn the_random_commands_reach_every_event_of_the_flow() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let steps = prop::collection::vec(step(), 500..600);
    let mut seen: std::collections::BTreeMap<&str, u32> = std::collections::BTreeMap::new();
    for _ in 0..400 {
        let mut shop = open_shop();
        for step in steps.new_tree(&mut runner).expect("steps are made").current() {
            take(&mut shop, &step);
        }
        for event in shop.journal.iter().flat_map(|entry| &entry.events) {
            *seen.entry(event.name()).or_default() += 1;
        }
    }
    for name in [
        "StockAdjusted",
        "StockTransferred",
        "HoldCreated",
        "HoldReleased",
        "HoldExpired",
        "HoldDrawn",
        "HoldUsed",
        "DropOrderRequested",
        "DropOrderHandedOver",
        "DropOrderRejected",
        "DropOrderCancelled",
        "DropOrderExpired",
        "DropOrderBooked",
        "DropOrderUnbooked",
        "DropOrderConsumed",
        "DropOrderReleased",
        "DropOrderReturned",
        "OrderBooked",
        "OrderExtended",
        "OrderCancelled",
        "OrderExpired",
        "PaymentAllocated",
        "PaymentUndone",
        "OrderRefunded",
        "PayableReleased",
        "OrderReminded",
        "MutationImported",
        "MutationPosted",
        "MutationProposed",
        "MutationWithdrawn",
        "MutationConfirmed",
        "MutationUndone",
        "MutationIgnored",
        "SaleMade",
        "ParcelCreated",
        "ShiftOpened",
        "CashMoved",
        "ShiftClosed",
        "AirwayBillRequested",
        "AirwayBillAssigned",
        "AirwayBillFailed",
        "AirwayBillLost",
        "ParcelHandedOver",
        "ParcelDelivered",
        "PrintJobQueued",
        "PrintJobMoved",
        "MessageQueued",
    ] {
        assert!(seen.contains_key(name), "{name} never happened: {seen:?}");
    }
}
