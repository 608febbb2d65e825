//! Tax classes, items, availability.

use kasir_core::Reply;
use kasir_core::query::ItemAvailability;
use kasir_core::records::{Item, Price, TaxClass};

use super::{all, each, number, responses, time};
use crate::contract as pb;

responses! {
    CreateTaxClassResponse = Reply::TaxClass(tax_class) => Self { tax_class: Some(tax_class.into()) };
    CreateItemResponse = Reply::Item(item) => Self { item: Some(item.into()) };
    UpdateItemResponse = Reply::Item(item) => Self { item: Some(item.into()) };
    BatchCreateItemsResponse = Reply::Items(results) => {
        let results = results.into_iter().map(|result| {
            let (item, error) = each(result);
            pb::BatchCreateItemsResult { item, error }
        });
        Self { results: results.collect() }
    };
}

impl From<TaxClass> for pb::TaxClass {
    fn from(tax_class: TaxClass) -> Self {
        Self {
            tax_class_id: tax_class.tax_class_id.0,
            code: tax_class.code,
            name: tax_class.name,
            rate_basis_points: tax_class.rate_basis_points,
            mode: number(tax_class.mode.number()),
        }
    }
}

impl From<Price> for pb::Price {
    fn from(price: Price) -> Self {
        Self {
            price_list: price.price_list,
            min_quantity: price.min_quantity,
            amount: Some(price.amount.into()),
        }
    }
}

impl From<Item> for pb::Item {
    fn from(item: Item) -> Self {
        Self {
            item_id: item.item_id.0,
            sku: item.sku,
            name: item.name,
            category: item.category,
            barcodes: item.barcodes,
            prices: all(item.prices),
            tax_class_id: item.tax_class_id.0,
            weight_grams: item.weight_grams,
            inactive: item.inactive,
            reorder_point: item.reorder_point,
            version: item.version,
            create_time: time(item.create_ms),
        }
    }
}

impl From<ItemAvailability> for pb::ItemAvailability {
    fn from(item: ItemAvailability) -> Self {
        Self { item: Some(item.item.into()), stocks: all(item.stocks), available_total: item.available_total }
    }
}
