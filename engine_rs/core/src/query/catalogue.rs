//! Reading items: by code, by words, and what to offer instead.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{Filling, Page, Paged, ascending, last_id, oldest, size};
use crate::codes::{CODE_MAX, CodeKind, code_key, find_code, find_scanned};
use crate::ids::{ItemId, LocationId};
use crate::kv::{Fault, Key, View, u64_at};
use crate::records::{Item, Location, TaxClass, decode, find, id_key, must, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::scan;
use crate::states::LocationKind;
use crate::stock::{StockLevel, levels};
use crate::tables::Table;
use crate::text;

/// Longest search, in characters.
const QUERY_MAX: usize = 100;
/// Most index entries read for one part of a search; a part with more is too common to lead the search.
const ENTRIES_MAX: usize = 10_000;
/// So few items are looked at without asking for a rarer part.
const RARE: usize = 200;
/// Parts whose entries may all be read before the search makes do with the rarest so far.
const PARTS_READ: usize = 5;
/// Most items of a category that are considered as alternatives.
const ALTERNATIVES_CONSIDERED: usize = 2_000;
/// Alternatives when the caller does not say, and at most.
const ALTERNATIVES: (usize, usize) = (5, 50);
/// Bytes of one stock level in a reply, roughly.
const LEVEL_BYTES: usize = 40;

/// An item with what is where of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemAvailability {
    /// The item.
    pub item: Item,
    /// Stock at every location that ever had it, by location id.
    pub stocks: Vec<StockLevel>,
    /// Units that can be promised now, over all locations one may book from: CS desks are not among them.
    pub available_total: i64,
}

/// Which locations are CS desks, remembered over the rows of one reply.
#[derive(Default)]
struct Desks(BTreeMap<LocationId, bool>);

impl Desks {
    fn is_desk(&mut self, view: &dyn View, location_id: LocationId) -> Result<bool, Fault> {
        if let Some(known) = self.0.get(&location_id) {
            return Ok(*known);
        }
        let is_desk = must::<Location>(view, location_id.0)?.kind == LocationKind::CsDesk;
        self.0.insert(location_id, is_desk);
        Ok(is_desk)
    }

    /// Stock of an item everywhere, and what of it can be booked.
    fn stocks(&mut self, view: &dyn View, item_id: ItemId) -> Result<(Vec<StockLevel>, i64), Fault> {
        let stocks = levels(view, item_id)?;
        let mut available_total = 0;
        for stock in &stocks {
            if !self.is_desk(view, stock.location_id)? {
                available_total += stock.available();
            }
        }
        Ok((stocks, available_total))
    }

    fn availability(&mut self, view: &dyn View, item: Item) -> Result<ItemAvailability, Fault> {
        let (stocks, available_total) = self.stocks(view, item.item_id)?;
        Ok(ItemAvailability { item, stocks, available_total })
    }
}

/// An item by id, with its stock.
pub fn item_by_id(view: &dyn View, item_id: ItemId) -> Outcome<ItemAvailability> {
    Ok(Desks::default().availability(view, need(view, item_id.0).named("item_id")?)?)
}

/// An item by the shop's own code, with its stock.
pub fn item_by_sku(view: &dyn View, sku: &str) -> Outcome<ItemAvailability> {
    match find_code(view, CodeKind::Sku, sku)? {
        Some(id) => Ok(Desks::default().availability(view, must(view, id)?)?),
        None => {
            Err(Refusal::not_found(Reason::ItemNotFound, "item with SKU", sku).with("field", "sku").into())
        }
    }
}

/// An item by what a scanner read, with its stock.
pub fn item_by_barcode(view: &dyn View, scanned: &str) -> Outcome<ItemAvailability> {
    match find_scanned(view, scanned)? {
        Some(id) => Ok(Desks::default().availability(view, must(view, id)?)?),
        None => Err(Refusal::not_found(Reason::BarcodeUnknown, "item with barcode", scan::shown(scanned))
            .with("field", "barcode")
            .into()),
    }
}

/// All items by id. With `to_reorder_only` those of which less is available than
/// their reorder point.
pub fn list_items(view: &dyn View, to_reorder_only: bool, page: &Page) -> Outcome<Paged<Item>> {
    if !to_reorder_only {
        return Ok(oldest(view, page)?);
    }
    let mut desks = Desks::default();
    let mut filling = Filling::new(page);
    let (from, to) = ascending(Key::new(), page.after);
    view.scan(Table::Items, from.as_slice(), to.as_slice(), &mut |key, value| {
        filling.offer(last_id(key)?, || {
            let item: Item = decode(value)?;
            if item.reorder_point == 0 || item.inactive {
                return Ok(None);
            }
            let (_, available) = desks.stocks(view, item.item_id)?;
            Ok((available < item.reorder_point).then_some((item, value.len())))
        })
    })?;
    Ok(filling.done())
}

/// All tax classes by id.
pub fn list_tax_classes(view: &dyn View, page: &Page) -> Outcome<Paged<TaxClass>> {
    Ok(oldest(view, page)?)
}

/// Items that every part of `query` (parts stand between blanks) finds, by id: as the beginning of words of the name, of the
/// SKU, or of a barcode. With `in_stock_only` those that can be booked now.
///
/// The rarest part leads: its items are looked at and the other parts checked on them. When every part is common,
/// items are looked at by id instead, a bounded number a page.
pub fn find_items(
    view: &dyn View,
    query: &str,
    in_stock_only: bool,
    page: &Page,
) -> Outcome<Paged<ItemAvailability>> {
    if query.chars().count() > QUERY_MAX {
        let message = format!("A search takes at most {QUERY_MAX} characters.");
        return Err(Refusal::field(Reason::FieldTooLong, "query", message).into());
    }
    let parts: Vec<Part> = query.split_whitespace().map(Part::new).collect();
    if parts.is_empty() {
        return Err(Refusal::field(Reason::FieldRequired, "query", "Say what to look for.").into());
    }
    let mut search =
        Search { view, parts: &parts, in_stock_only, desks: Desks::default(), filling: Filling::new(page) };
    let rarest = rarest(view, &parts)?;
    match rarest {
        Some(items) => search.among(&items, page)?,
        None => search.everywhere(page)?,
    }
    Ok(search.filling.done())
}

/// The items of the rarest part; `None` when all are common.
fn rarest(view: &dyn View, parts: &[Part]) -> Result<Option<BTreeSet<u64>>, Fault> {
    let mut rarest: Option<BTreeSet<u64>> = None;
    let mut read = 0;
    for part in parts {
        let found = part.entries(view)?;
        read += found.read;
        let rarer = rarest.as_ref().is_none_or(|rarest| found.items.len() < rarest.len());
        if found.read <= ENTRIES_MAX && rarer {
            rarest = Some(found.items);
        }
        // Looking on would cost more than it saves.
        if rarest.as_ref().is_some_and(|rarest| rarest.len() <= RARE) || read > PARTS_READ * ENTRIES_MAX {
            break;
        }
    }
    Ok(rarest)
}

/// One part of a search: what stands between blanks.
struct Part {
    /// Beginnings of a SKU: as typed, in capitals, in small letters.
    skus: BTreeSet<String>,
    /// Beginnings of a barcode in its canonical form: as typed, as scanned, and with the zero that makes a UPC an EAN.
    barcodes: BTreeSet<String>,
    /// Beginnings of words of the name; all of them.
    words: Vec<String>,
}

impl Part {
    fn new(typed: &str) -> Self {
        let skus = [typed.to_string(), typed.to_uppercase(), typed.to_lowercase()];
        let mut barcodes: BTreeSet<String> = scan::readings(typed).into_iter().collect();
        barcodes.insert(typed.to_string());
        if typed.bytes().all(|byte| byte.is_ascii_digit()) {
            barcodes.insert(format!("0{typed}"));
        }
        let fits = |code: &String| !code.is_empty() && code.len() <= CODE_MAX;
        Self {
            skus: skus.into_iter().filter(fits).collect(),
            barcodes: barcodes.into_iter().filter(fits).collect(),
            words: text::words(typed),
        }
    }

    /// Index entries of items this part may find: all that it does find are among them, unless it is too common.
    fn entries(&self, view: &dyn View) -> Result<Entries, Fault> {
        let mut found = Entries::default();
        for sku in &self.skus {
            found.codes(view, CodeKind::Sku, sku)?;
        }
        for barcode in &self.barcodes {
            found.codes(view, CodeKind::Barcode, barcode)?;
        }
        if let Some(longest) = self.words.iter().max_by_key(|word| word.len()) {
            found.words(view, longest)?;
        }
        Ok(found)
    }

    /// Whether it finds this item, whose name has these words.
    fn finds(&self, item: &Item, name: &[String]) -> bool {
        let named = |word: &String| name.iter().any(|of_name| of_name.starts_with(word.as_str()));
        let begins =
            |code: &str, beginnings: &BTreeSet<String>| beginnings.iter().any(|part| code.starts_with(part));
        (!self.words.is_empty() && self.words.iter().all(named))
            || begins(&item.sku, &self.skus)
            || item.barcodes.iter().any(|code| begins(&text::canonical_barcode(code), &self.barcodes))
    }
}

/// Index entries read for one part of a search.
#[derive(Default)]
struct Entries {
    read: usize,
    items: BTreeSet<u64>,
}

impl Entries {
    fn codes(&mut self, view: &dyn View, kind: CodeKind, beginning: &str) -> Result<(), Fault> {
        self.read(view, Table::Codes, code_key(kind, beginning), |_, value| u64_at(value, 0))
    }

    fn words(&mut self, view: &dyn View, beginning: &str) -> Result<(), Fault> {
        self.read(view, Table::ItemWords, Key::new().bytes(beginning.as_bytes()), |key, _| last_id(key))
    }

    fn read(
        &mut self,
        view: &dyn View,
        table: Table,
        prefix: Key,
        item: impl Fn(&[u8], &[u8]) -> Result<u64, Fault>,
    ) -> Result<(), Fault> {
        view.scan(table, prefix.as_slice(), prefix.end().as_slice(), &mut |key, value| {
            self.read += 1;
            self.items.insert(item(key, value)?);
            Ok(self.read <= ENTRIES_MAX)
        })
    }
}

/// A search under way.
struct Search<'a> {
    view: &'a dyn View,
    parts: &'a [Part],
    in_stock_only: bool,
    desks: Desks,
    filling: Filling<ItemAvailability>,
}

impl Search<'_> {
    fn among(&mut self, items: &BTreeSet<u64>, page: &Page) -> Result<(), Fault> {
        let first = page.after.map_or(0, |after| after.saturating_add(1));
        for id in items.range(first..) {
            let bytes = self.view.get(Table::Items, id_key(*id).as_slice())?;
            let bytes =
                bytes.ok_or_else(|| Fault::Corrupt(format!("item {id} is in an index but not there")))?;
            if !self.look_at(*id, &bytes)? {
                break;
            }
        }
        Ok(())
    }

    fn everywhere(&mut self, page: &Page) -> Result<(), Fault> {
        let (from, to) = ascending(Key::new(), page.after);
        let view = self.view;
        view.scan(Table::Items, from.as_slice(), to.as_slice(), &mut |key, value| {
            self.look_at(last_id(key)?, value)
        })
    }

    fn look_at(&mut self, id: u64, bytes: &[u8]) -> Result<bool, Fault> {
        let Self { view, parts, in_stock_only, desks, filling } = self;
        filling.offer(id, || {
            let item: Item = decode(bytes)?;
            let name = text::words(&item.name);
            if !parts.iter().all(|part| part.finds(&item, &name)) {
                return Ok(None);
            }
            let found = desks.availability(*view, item)?;
            let wanted = !*in_stock_only || found.available_total > 0;
            let size = bytes.len() + found.stocks.len() * LEVEL_BYTES;
            Ok(wanted.then_some((found, size)))
        })
    }
}

/// Items of the same category that can be booked now, the most available first: what to offer instead. An item without a
/// category has none. Of a large category the items first known are considered.
pub fn alternatives(view: &dyn View, item_id: ItemId, page_size: i32) -> Outcome<Vec<ItemAvailability>> {
    let (default, most) = ALTERNATIVES;
    let size = size("page_size", page_size, default, most)?;
    let wanted: Item = need(view, item_id.0).named("item_id")?;
    if wanted.category.is_empty() {
        return Ok(Vec::new());
    }
    let mut considered = Vec::new();
    let category = Key::new().text(&wanted.category);
    view.scan(Table::ItemsByCategory, category.as_slice(), category.end().as_slice(), &mut |key, _| {
        considered.push(ItemId(last_id(key)?));
        Ok(considered.len() < ALTERNATIVES_CONSIDERED)
    })?;
    let mut desks = Desks::default();
    let mut in_stock = Vec::new();
    for other in considered.into_iter().filter(|other| *other != item_id) {
        let (_, available) = desks.stocks(view, other)?;
        if available > 0 {
            in_stock.push((std::cmp::Reverse(available), other));
        }
    }
    in_stock.sort_unstable();
    let mut offered = Vec::new();
    for (_, other) in in_stock {
        if offered.len() == size {
            break;
        }
        match find::<Item>(view, other.0)? {
            Some(item) if !item.inactive => offered.push(desks.availability(view, item)?),
            Some(_) | None => {}
        }
    }
    Ok(offered)
}
