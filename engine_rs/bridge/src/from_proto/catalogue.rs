//! Tax classes and items.

use kasir_core::command::{Command, ItemInput, PriceInput, TaxClassInput};
use kasir_core::ids::{ItemId, TaxClassId};

use super::{all, commands};
use crate::contract as pb;

commands! {
    CreateTaxClassRequest => |request| Command::CreateTaxClass(request.tax_class.unwrap_or_default().into());
    CreateItemRequest => |request| Command::CreateItem(request.item.unwrap_or_default().into());
    BatchCreateItemsRequest => |request| Command::BatchCreateItems(all(request.items));
    UpdateItemRequest => |request| Command::UpdateItem(request.item.unwrap_or_default().into());
}

impl From<pb::TaxClass> for TaxClassInput {
    fn from(tax_class: pb::TaxClass) -> Self {
        Self {
            code: tax_class.code,
            name: tax_class.name,
            rate_basis_points: tax_class.rate_basis_points,
            mode: tax_class.mode,
        }
    }
}

impl From<pb::Price> for PriceInput {
    fn from(price: pb::Price) -> Self {
        Self {
            price_list: price.price_list,
            min_quantity: price.min_quantity,
            amount: price.amount.map(Into::into),
        }
    }
}

impl From<pb::Item> for ItemInput {
    fn from(item: pb::Item) -> Self {
        Self {
            item_id: ItemId(item.item_id),
            sku: item.sku,
            name: item.name,
            category: item.category,
            barcodes: item.barcodes,
            prices: all(item.prices),
            tax_class_id: TaxClassId(item.tax_class_id),
            weight_grams: item.weight_grams,
            inactive: item.inactive,
            reorder_point: item.reorder_point,
            version: item.version,
        }
    }
}
