//! Locations, movements, holds, Drop Orders.

use kasir_core::Refusal;
use kasir_core::command::{Command, HoldInput, LocationInput, StockLine};
use kasir_core::ids::{DropOrderId, HoldId, ItemId, LocationId};

use super::{all, commands, instant};
use crate::contract as pb;

commands! {
    CreateLocationRequest => |request| Command::CreateLocation(request.location.unwrap_or_default().into());
    ReceiveStockRequest => |request| Command::ReceiveStock {
        location_id: LocationId(request.location_id),
        lines: all(request.lines),
        reference: request.reference,
    };
    AdjustStockRequest => |request| Command::AdjustStock {
        location_id: LocationId(request.location_id),
        lines: all(request.lines),
        reason: request.reason,
    };
    TransferStockRequest => |request| Command::TransferStock {
        from_location_id: LocationId(request.from_location_id),
        to_location_id: LocationId(request.to_location_id),
        lines: all(request.lines),
    };
    CreateHoldRequest => |request| {
        Command::CreateHold(hold_input(request.hold.unwrap_or_default(), format_args!("hold"))?)
    };
    BatchCreateHoldsRequest => |request| {
        let holds = request.holds.into_iter().enumerate();
        let holds = holds.map(|(index, hold)| hold_input(hold, format_args!("holds[{index}]")));
        Command::BatchCreateHolds(holds.collect::<Result<_, _>>()?)
    };
    ReleaseHoldRequest => |request| Command::ReleaseHold { hold_id: HoldId(request.hold_id) };

    RequestDropOrderRequest => |request| Command::RequestDropOrder {
        item_id: ItemId(request.item_id),
        quantity: request.quantity,
        from_location_id: LocationId(request.from_location_id),
        to_location_id: LocationId(request.to_location_id),
        note: request.note,
        expire_ms: instant(request.expire_time, format_args!("expire_time"))?,
    };
    HandOverDropOrderRequest => |request| Command::HandOverDropOrder {
        drop_order_id: DropOrderId(request.drop_order_id),
        barcode: request.barcode,
    };
    RejectDropOrderRequest => |request| Command::RejectDropOrder {
        drop_order_id: DropOrderId(request.drop_order_id),
        reason: request.reason,
    };
    CancelDropOrderRequest => |request| {
        Command::CancelDropOrder { drop_order_id: DropOrderId(request.drop_order_id) }
    };
    ReleaseDropOrderRequest => |request| {
        Command::ReleaseDropOrder { drop_order_id: DropOrderId(request.drop_order_id) }
    };
    ReturnDropOrderRequest => |request| Command::ReturnDropOrder {
        drop_order_id: DropOrderId(request.drop_order_id),
        barcode: request.barcode,
    };
}

impl From<pb::Location> for LocationInput {
    fn from(location: pb::Location) -> Self {
        Self { code: location.code, name: location.name, kind: location.kind }
    }
}

impl From<pb::StockLine> for StockLine {
    fn from(line: pb::StockLine) -> Self {
        Self { item_id: ItemId(line.item_id), quantity: line.quantity }
    }
}

fn hold_input(hold: pb::Hold, path: std::fmt::Arguments<'_>) -> Result<HoldInput, Refusal> {
    Ok(HoldInput {
        item_id: ItemId(hold.item_id),
        location_id: LocationId(hold.location_id),
        quantity: hold.quantity,
        owner: hold.owner,
        expire_ms: instant(hold.expire_time, format_args!("{path}.expire_time"))?,
        replaced_hold_id: HoldId(hold.replaced_hold_id),
    })
}
