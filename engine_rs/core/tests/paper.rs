//! Goal: no paper comes twice unasked, and no two papers of one thing say the same number.
//! Method: agents and people report on jobs of a shop in memory; `sound` adds up the numbers anew, `replays` compares bytes.

mod common;

use common::{STORE, Shop, from};
use kasir_core::command::PrintReportInput;
use kasir_core::ids::{CourierId, ParcelId, PrintJobId, ShiftId};
use kasir_core::records::PrintJob;
use kasir_core::{Command, Context, Reason, Reply, Stop, execute};

const PRINTED: i32 = 3;
const FAILED: i32 = 4;
const UNKNOWN: i32 = 5;

fn report(job: u64, state: i32) -> Command {
    let print_job_id = PrintJobId(job);
    Command::ReportPrintJob(PrintReportInput { print_job_id, state, detail: "printer 1".into() })
}

fn reprint(shop: &mut Shop, job: u64) -> PrintJob {
    match shop.ok(Command::ReprintDocument { print_job_id: PrintJobId(job), reason: "hilang".into() }) {
        Reply::PrintJob(copy) => copy,
        other => panic!("{other:?}"),
    }
}

fn settled_again(shop: &mut Shop, job: u64) -> u64 {
    match shop.ok(Command::SettlePrintJob { print_job_id: PrintJobId(job), printed: false }) {
        Reply::Settled { new_print_job_id, .. } => new_print_job_id.0,
        other => panic!("{other:?}"),
    }
}

fn number(shop: &Shop, job: u64) -> i32 {
    let job: Option<PrintJob> = kasir_core::records::find(&shop.state, job).expect("memory is readable");
    job.expect("the job is there").copy_number
}

#[test]
fn a_print_job_is_taken_once() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, true);
    shop.receive(kopi, STORE, 1);
    shop.booked(vec![from(STORE, kopi, 1)]);
    let sent = |agent: &str| {
        Command::ReportPrintJob(PrintReportInput {
            print_job_id: PrintJobId(1),
            state: 2,
            detail: agent.into(),
        })
    };
    shop.ok(sent("printer 1"));
    shop.ok(sent(" printer 1 ")); // it was stopped, and says so again
    assert_eq!(shop.refused(sent("printer 2")), Reason::WrongState);
    let Reply::PrintJobs { accepted, refused } = shop.ok(Command::BatchReportPrintJobs(vec![
        PrintReportInput { print_job_id: PrintJobId(1), state: 2, detail: "printer 2".into() },
        PrintReportInput { print_job_id: PrintJobId(1), state: 3, detail: "printer 1".into() },
    ])) else {
        panic!("reports")
    };
    assert_eq!((accepted, refused), (1, vec![PrintJobId(1)]));
    // The same words of another user are another agent's.
    shop.receive(kopi, STORE, 1);
    shop.booked(vec![from(STORE, kopi, 1)]);
    let report = PrintReportInput { print_job_id: PrintJobId(2), state: 2, detail: "printer 1".into() };
    shop.ok(Command::ReportPrintJob(report.clone()));
    let context = Context { now_ms: shop.now_ms, actor: "budi" };
    let command = Command::ReportPrintJob(report);
    assert!(matches!(
        execute(&mut shop.state, &command, &context),
        Err(Stop::Refused(refusal)) if refusal.reason == Reason::WrongState
    ));
    shop.sound();
    shop.replays();
}

#[test]
fn copies_are_numbered_on_whichever_paper_was_copied() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, true);
    shop.receive(kopi, STORE, 1);
    shop.booked(vec![from(STORE, kopi, 1)]);
    shop.ok(report(1, PRINTED));
    let (first, second) = (reprint(&mut shop, 1), reprint(&mut shop, 1));
    assert_eq!((first.copy_number, second.copy_number), (1, 2), "asked for before the other was printed");
    shop.ok(report(first.print_job_id.0, PRINTED));
    let third = reprint(&mut shop, first.print_job_id.0);
    assert_eq!(third.copy_number, 3, "a copy of a copy");
    shop.ok(report(second.print_job_id.0, UNKNOWN));
    let fourth = settled_again(&mut shop, second.print_job_id.0);
    assert_eq!(number(&shop, fourth), 4);
    shop.sound();
    shop.replays();
}

#[test]
fn a_labels_copies_are_numbered_by_its_parcel() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, true);
    shop.receive(kopi, STORE, 1);
    let order = shop.booked(vec![from(STORE, kopi, 1)]);
    shop.import(vec![common::paid_in(order.payable_minor, "TRF")]);
    shop.reconcile();
    shop.ok(Command::CreateSales { order_ids: vec![], all_paid: true, shift_id: ShiftId(0) });
    let labels = |shop: &mut Shop, reason: &str| {
        let parcel_ids = vec![ParcelId(1)];
        match shop.ok(Command::PrintLabels {
            parcel_ids,
            all_unprinted: false,
            reprint_reason: reason.into(),
        }) {
            Reply::Labels(labels) => labels.print_job_ids[0].0,
            other => panic!("{other:?}"),
        }
    };
    let failed = labels(&mut shop, "");
    shop.ok(report(failed, FAILED));
    let first = labels(&mut shop, "");
    assert_eq!((number(&shop, failed), number(&shop, first)), (0, 0), "the failed one is on no paper");
    shop.ok(report(first, PRINTED));
    let (one, two) = (labels(&mut shop, "robek"), labels(&mut shop, "robek"));
    assert_eq!((number(&shop, one), number(&shop, two)), (1, 2));
    shop.ok(report(one, UNKNOWN));
    let three = settled_again(&mut shop, one);
    assert_eq!(number(&shop, three), 3);
    let four = reprint(&mut shop, first);
    assert_eq!(four.copy_number, 4);
    shop.sound();
    shop.replays();
}

#[test]
fn an_airway_bill_is_one_parcel_of_its_courier() {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, true);
    shop.receive(kopi, STORE, 4);
    for code in ["JNE", "POS"] {
        shop.ok(Command::CreateCourier { code: code.into(), name: code.into(), connected: false });
    }
    for _ in 0..3 {
        let order = shop.booked(vec![from(STORE, kopi, 1)]);
        shop.import(vec![common::paid_in(order.payable_minor, "TRF")]);
    }
    shop.reconcile();
    shop.ok(Command::CreateSales { order_ids: vec![], all_paid: true, shift_id: ShiftId(0) });
    let assign = |parcel: u64, courier: u64| Command::AssignAirwayBill {
        parcel_id: ParcelId(parcel),
        airway_bill: "0001".into(),
        courier_id: CourierId(courier),
    };
    shop.ok(assign(1, 1));
    assert_eq!(shop.refused(assign(2, 1)), Reason::AirwayBillTaken);
    shop.ok(assign(2, 2));
    assert_eq!(shop.refused(assign(3, 2)), Reason::AirwayBillTaken);
    let hand_over =
        |courier: u64| Command::HandOverParcel { airway_bill: "0001".into(), courier_id: CourierId(courier) };
    assert_eq!(shop.refused(hand_over(0)), Reason::FieldRequired);
    assert_eq!(shop.refused(hand_over(3)), Reason::FieldRequired);
    let handed_over = |shop: &mut Shop, courier| match shop.ok(hand_over(courier)) {
        Reply::Parcel(parcel) => parcel.parcel_id,
        other => panic!("{other:?}"),
    };
    assert_eq!(handed_over(&mut shop, 2), ParcelId(2));
    assert_eq!(handed_over(&mut shop, 0), ParcelId(1), "the one that still waits");
    assert_eq!(shop.refused(hand_over(0)), Reason::WrongState);
    shop.sound();
    shop.replays();
}
