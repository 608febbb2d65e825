//! Goal: what went with a courier is listed as it went, once, and comes out of a printer as any other paper.
//!
//! Method: parcels of a shop in memory are handed over and listed; what did not go is refused.

#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]

mod common;

use common::{MINUTE, STORE, Shop, from, idr};
use kasir_core::command::PrintReportInput;
use kasir_core::ids::{CourierId, ManifestId, ParcelId, PrintJobId, ShiftId};
use kasir_core::query::{self, Document};
use kasir_core::records::{Manifest, PrintJob};
use kasir_core::states::{DocumentKind, PrintJobState};
use kasir_core::{Command, Reason, Reply};

/// A shop with so many sold parcels, the odd ones JNE's (1), the even ones POS's (2), all with an airway bill. The first is to be
/// paid at the door.
fn shop(parcels: u64) -> Shop {
    let mut shop = Shop::new();
    let kopi = shop.item("A1", 100_000, true);
    shop.receive(kopi, STORE, 100);
    for code in ["JNE", "POS"] {
        shop.ok(Command::CreateCourier { code: code.into(), name: code.into(), connected: false });
    }
    for number in 1..=parcels {
        let mut asked = common::booking(vec![from(STORE, kopi, 1)]);
        asked.courier_id = CourierId(2 - number % 2);
        let Reply::Order(order) = shop.ok(Command::CreateBooking(asked)) else { panic!("an order") };
        shop.ok(Command::RecordPayment {
            order_id: order.order_id,
            amount: Some(idr(order.payable_minor)),
            method: if number == 1 { "COD".into() } else { "cash".into() },
            reference: String::new(),
        });
        shop.ok(Command::CreateSales {
            order_ids: vec![order.order_id],
            all_paid: false,
            shift_id: ShiftId(0),
        });
        shop.ok(Command::AssignAirwayBill {
            parcel_id: ParcelId(number),
            airway_bill: bill(number),
            courier_id: CourierId(0),
        });
    }
    shop
}

fn bill(parcel: u64) -> String {
    format!("AWB-{parcel}")
}

fn hand_over(shop: &mut Shop, parcel: u64) {
    shop.now_ms += MINUTE;
    shop.ok(Command::HandOverParcel { airway_bill: bill(parcel), courier_id: CourierId(0) });
}

fn list(parcels: &[u64]) -> Command {
    Command::CreateManifest { parcel_ids: parcels.iter().copied().map(ParcelId).collect() }
}

fn listed(shop: &mut Shop, parcels: &[u64]) -> (Manifest, PrintJobId) {
    match shop.ok(list(parcels)) {
        Reply::Manifest { manifest, print_job_id } => (manifest, print_job_id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_went_is_listed_as_it_went_and_queued_once() {
    let mut shop = shop(3);
    hand_over(&mut shop, 3);
    hand_over(&mut shop, 1);
    let last_ms = shop.now_ms;
    shop.now_ms += MINUTE;
    let (manifest, print_job_id) = listed(&mut shop, &[3, 1]);
    let lines: Vec<_> =
        manifest.lines.iter().map(|line| (line.parcel_id.0, line.airway_bill.as_str())).collect();
    assert_eq!(lines, [(3, "AWB-3"), (1, "AWB-1")]);
    assert_eq!((manifest.courier_id, manifest.handed_over_by.as_str()), (CourierId(1), "siti"));
    assert_eq!((manifest.hand_over_ms, manifest.create_ms), (last_ms, last_ms + MINUTE));
    let order = shop.order(manifest.lines[1].order_id);
    assert_eq!((manifest.lines[0].collect_minor, manifest.lines[1].collect_minor), (0, order.payable_minor));
    let line = &manifest.lines[0];
    assert_eq!(
        (line.recipient.as_str(), line.city.as_str(), line.weight_grams),
        ("Pelanggan", "Bandung", 250)
    );
    let (job, document) = query::print_job(&shop.state, print_job_id).unwrap();
    assert_eq!(
        (job.kind, job.state, job.location_id),
        (DocumentKind::PickupManifest, PrintJobState::Queued, STORE)
    );
    assert_eq!(document, Document::Manifest(manifest.clone()));
    assert_eq!(query::manifest(&shop.state, ManifestId(1)).unwrap(), manifest);
    shop.sound();
    shop.replays();
}

#[test]
fn it_is_printed_and_copied_as_any_paper() {
    let mut shop = shop(1);
    hand_over(&mut shop, 1);
    let (manifest, print_job_id) = listed(&mut shop, &[1]);
    let report =
        |state| Command::ReportPrintJob(PrintReportInput { print_job_id, state, detail: "printer 1".into() });
    shop.ok(report(2));
    shop.ok(report(3));
    assert_eq!(shop.refused(report(2)), Reason::WrongState, "it is on paper");
    let reprint = Command::ReprintDocument { print_job_id, reason: "basah".into() };
    let Reply::PrintJob(PrintJob { print_job_id: copy, copy_number, .. }) = shop.ok(reprint) else {
        panic!("a copy")
    };
    assert_eq!(copy_number, 1);
    assert_eq!(query::print_job(&shop.state, copy).unwrap().1, Document::Manifest(manifest));
    shop.sound();
    shop.replays();
}

#[test]
fn what_did_not_go_together_is_not_listed_together() {
    let mut shop = shop(3);
    hand_over(&mut shop, 1);
    hand_over(&mut shop, 2);
    assert_eq!(shop.refused(list(&[])), Reason::FieldRequired);
    assert_eq!(shop.refused(list(&[1, 9])), Reason::ParcelNotFound);
    assert_eq!(shop.refused(list(&[1, 3])), Reason::WrongState, "it stands here still");
    assert_eq!(shop.refused(list(&[1, 1])), Reason::FieldMalformed);
    assert_eq!(shop.refused(list(&[1, 2])), Reason::FieldMalformed, "they went with two couriers");
    assert_eq!(shop.refused(list(&[1; 1_001])), Reason::TooManyElements);
    shop.sound();
}
