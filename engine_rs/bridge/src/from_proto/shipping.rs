//! Couriers, labels, airway bills, parcels.

use kasir_core::command::Command;
use kasir_core::ids::{CourierId, ParcelId};

use super::{commands, ids};

commands! {
    CreateCourierRequest => |request| {
        let courier = request.courier.unwrap_or_default();
        Command::CreateCourier { code: courier.code, name: courier.name, connected: courier.connected }
    };
    PrintLabelsRequest => |request| Command::PrintLabels {
        parcel_ids: ids(request.parcel_ids, ParcelId),
        all_unprinted: request.all_unprinted,
        reprint_reason: request.reprint_reason,
    };
    CreateManifestRequest => |request| Command::CreateManifest { parcel_ids: ids(request.parcel_ids, ParcelId) };
    RequestAirwayBillRequest => |request| Command::RequestAirwayBill {
        parcel_id: ParcelId(request.parcel_id),
        courier_id: CourierId(request.courier_id),
    };
    AssignAirwayBillRequest => |request| Command::AssignAirwayBill {
        parcel_id: ParcelId(request.parcel_id),
        airway_bill: request.airway_bill,
        courier_id: CourierId(request.courier_id),
    };
    ReportAirwayBillRequest => |request| Command::ReportAirwayBill {
        parcel_id: ParcelId(request.parcel_id),
        state: request.state,
        airway_bill: request.airway_bill,
        detail: request.detail,
    };
    HandOverParcelRequest => |request| Command::HandOverParcel {
        airway_bill: request.airway_bill,
        courier_id: CourierId(request.courier_id),
    };
    DeliverParcelRequest => |request| Command::DeliverParcel { parcel_id: ParcelId(request.parcel_id) };
}
