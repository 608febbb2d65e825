//! Sales from orders, tills, shifts, till sales.

use kasir_core::Refusal;
use kasir_core::command::{
    ChargeInput, Command, LineInput, RefundInput, RefundLineInput, Source, TenderInput, TillSaleInput,
};
use kasir_core::ids::{CustomerId, HoldId, ItemId, LocationId, OrderId, SaleId, ShiftId, TaxClassId, TillId};

use super::{all, commands, ids, instant};
use crate::contract as pb;

commands! {
    CreateSalesRequest => |request| Command::CreateSales {
        order_ids: ids(request.order_ids, OrderId),
        all_paid: request.all_paid,
        shift_id: ShiftId(request.shift_id),
    };
    CreateTillRequest => |request| {
        let till = request.till.unwrap_or_default();
        Command::CreateTill { code: till.code, location_id: LocationId(till.location_id) }
    };
    OpenShiftRequest => |request| Command::OpenShift {
        till_id: TillId(request.till_id),
        opening_cash: request.opening_cash.map(Into::into),
    };
    CreateTillSaleRequest => |request| Command::CreateTillSale {
        sale: till_sale_input(request.sale.unwrap_or_default())?,
        tenders: all(request.tenders),
    };
    RefundSaleRequest => |request| Command::RefundSale(request.refund.unwrap_or_default().into());
    RecordCashMovementRequest => |request| Command::RecordCashMovement {
        shift_id: ShiftId(request.shift_id),
        amount: request.amount.map(Into::into),
        reason: request.reason,
    };
    CloseShiftRequest => |request| Command::CloseShift {
        shift_id: ShiftId(request.shift_id),
        counted_cash: request.counted_cash.map(Into::into),
    };
}

/// A cart.
pub(crate) fn till_sale_input(sale: pb::TillSaleInput) -> Result<TillSaleInput, Refusal> {
    Ok(TillSaleInput {
        shift_id: ShiftId(sale.shift_id),
        lines: all(sale.lines),
        customer_id: CustomerId(sale.customer_id),
        price_list: sale.price_list,
        hold_ids: ids(sale.hold_ids, HoldId),
        receipt: sale.receipt,
        sold_ms: instant(sale.sold_time, format_args!("sale.sold_time"))?,
        receipt_given: sale.receipt_given,
    })
}

impl From<pb::TillLineInput> for LineInput {
    fn from(line: pb::TillLineInput) -> Self {
        Self {
            source: Source::Missing,
            item_id: ItemId(line.item_id),
            quantity: line.quantity,
            discount: line.discount.map(Into::into),
            charge: line.charge.map(Into::into),
        }
    }
}

impl From<pb::TillCharge> for ChargeInput {
    fn from(charge: pb::TillCharge) -> Self {
        Self { unit_price: charge.unit_price.map(Into::into), tax_class_id: TaxClassId(charge.tax_class_id) }
    }
}

impl From<pb::Tender> for TenderInput {
    fn from(tender: pb::Tender) -> Self {
        Self { kind: tender.kind, amount: tender.amount.map(Into::into), reference: tender.reference }
    }
}

impl From<pb::RefundInput> for RefundInput {
    fn from(refund: pb::RefundInput) -> Self {
        Self {
            shift_id: ShiftId(refund.shift_id),
            sale_id: SaleId(refund.sale_id),
            lines: all(refund.lines),
            kind: refund.kind,
            reference: refund.reference,
            reason: refund.reason,
            approved_by: refund.approved_by,
        }
    }
}

impl From<pb::RefundLineInput> for RefundLineInput {
    fn from(line: pb::RefundLineInput) -> Self {
        Self { line: line.line, quantity: line.quantity, damaged: line.damaged }
    }
}
