//! Locations, stock, holds, Drop Orders.

use kasir_core::records::{DropOrder, Hold, Location};
use kasir_core::stock::StockLevel;
use kasir_core::{Fault, Reply};

use super::{all, each, number, responses, time};
use crate::contract as pb;

responses! {
    CreateLocationResponse = Reply::Location(location) => Self { location: Some(location.into()) };
    ReceiveStockResponse = Reply::Stocks(stocks) => Self { stocks: all(stocks) };
    AdjustStockResponse = Reply::Stocks(stocks) => Self { stocks: all(stocks) };
    TransferStockResponse = Reply::Stocks(stocks) => Self { stocks: all(stocks) };
    CreateHoldResponse = Reply::Hold(hold) => Self { hold: Some(hold.into()) };
    BatchCreateHoldsResponse = Reply::Holds(results) => {
        let results = results.into_iter().map(|result| {
            let (hold, error) = each(result);
            pb::BatchCreateHoldsResult { hold, error }
        });
        Self { results: results.collect() }
    };
    ReleaseHoldResponse = Reply::Stocks(stocks) => Self { stock: Some(the_one(stocks)?) };

    RequestDropOrderResponse = Reply::DropOrder(drop_order) => Self { drop_order: Some(drop_order.into()) };
    HandOverDropOrderResponse = Reply::DropOrder(drop_order) => Self { drop_order: Some(drop_order.into()) };
    RejectDropOrderResponse = Reply::DropOrder(drop_order) => Self { drop_order: Some(drop_order.into()) };
    CancelDropOrderResponse = Reply::DropOrder(drop_order) => Self { drop_order: Some(drop_order.into()) };
    ReleaseDropOrderResponse = Reply::DropOrder(drop_order) => Self { drop_order: Some(drop_order.into()) };
    ReturnDropOrderResponse = Reply::DropOrder(drop_order) => Self { drop_order: Some(drop_order.into()) };
}

/// A hold stands at one location: its release changes one stock.
fn the_one(stocks: Vec<StockLevel>) -> Result<pb::Stock, Fault> {
    match <[StockLevel; 1]>::try_from(stocks) {
        Ok([stock]) => Ok(stock.into()),
        Err(stocks) => Err(Fault::Corrupt(format!("the release of a hold changed {} stocks", stocks.len()))),
    }
}

impl From<Location> for pb::Location {
    fn from(location: Location) -> Self {
        Self {
            location_id: location.location_id.0,
            code: location.code,
            name: location.name,
            kind: number(location.kind.number()),
        }
    }
}

impl From<StockLevel> for pb::Stock {
    fn from(stock: StockLevel) -> Self {
        Self {
            item_id: stock.item_id.0,
            location_id: stock.location_id.0,
            on_hand: stock.on_hand,
            held: stock.held,
            available: stock.available(),
        }
    }
}

impl From<Hold> for pb::Hold {
    fn from(hold: Hold) -> Self {
        Self {
            hold_id: hold.hold_id.0,
            item_id: hold.item_id.0,
            location_id: hold.location_id.0,
            quantity: hold.quantity,
            owner: hold.owner,
            expire_time: time(hold.expire_ms),
            create_time: time(hold.create_ms),
            replaced_hold_id: 0,
        }
    }
}

impl From<DropOrder> for pb::DropOrder {
    fn from(drop_order: DropOrder) -> Self {
        Self {
            drop_order_id: drop_order.drop_order_id.0,
            item_id: drop_order.item_id.0,
            quantity: drop_order.quantity,
            from_location_id: drop_order.from_location_id.0,
            to_location_id: drop_order.to_location_id.0,
            state: number(drop_order.state.number()),
            order_id: drop_order.order_id.0,
            requested_by: drop_order.requested_by,
            reject_reason: drop_order.reject_reason,
            note: drop_order.note,
            expire_time: time(drop_order.expire_ms),
            create_time: time(drop_order.create_ms),
            update_time: time(drop_order.update_ms),
        }
    }
}
