//! Index rows: each record has all of its own, and no row stands without its record.

use super::{Audit, hex};
use crate::codes::{CODE_MAX, CodeKind, account_code_in, airway_bill_code, code_key, column_mapping_code};
use crate::deadlines::{Deadline, DeadlineKind};
use crate::decide::row_key::{entry_key, pending_prefix, pending_row_key, row_key};
use crate::evolve::erasure::erasure_key;
use crate::ids::{
    BankAccountId, ColumnMappingId, CourierId, CustomerId, DropOrderId, HoldId, ItemId, LocationId,
    ManifestId, MessageId, MutationId, OrderId, ParcelId, PrintJobId, RefundId, SaleId, ShiftId, TaxClassId,
    TillId,
};
use crate::kv::{Fault, KEY_MAX, Key, u64_at};
use crate::records::{
    BankAccount, ColumnMapping, Courier, Customer, DropOrder, Hold, Item, Location, Manifest, Message,
    Mutation, Order, Parcel, PrintJob, Proposal, Record, Refund, Sale, Shift, TaxClass, Till,
};
use crate::states::{LabelState, OrderState};
use crate::tables::{Codec, Table};
use crate::text::{canonical_barcode, words};

/// A row of an index, codes or deadlines that a record has.
pub(super) struct Row {
    pub(super) table: Table,
    pub(super) key: Key,
    /// The id it leads to; `None` when the key says it all.
    id: Option<u64>,
    /// Whether its absence is a violation: another record may have the row instead.
    pub(super) needed: bool,
}

impl Row {
    fn new(table: Table, key: Key) -> Self {
        Self { table, key, id: None, needed: true }
    }

    fn to(table: Table, key: Key, id: u64) -> Self {
        Self { id: Some(id), ..Self::new(table, key) }
    }

    /// Whether a stored value is this row's.
    pub(super) fn says(&self, value: &[u8]) -> bool {
        match self.id {
            Some(id) => value == id.to_be_bytes(),
            None => value.is_empty(),
        }
    }
}

/// A record with a counter and the rows it must have elsewhere.
pub(super) trait Indexed: Record {
    /// The key of its counter.
    const COUNTER: u8;
    /// Whether it stays for good, so that every id given has its record.
    const KEPT: bool = true;

    /// Its rows in other tables.
    fn rows(&self) -> Vec<Row>;
}

/// The row of a code; an empty code has none, one too long for a key cannot have been stored.
fn code(kind: CodeKind, text: &str, id: u64) -> Option<Row> {
    let fits = !text.is_empty() && text.len() <= CODE_MAX;
    fits.then(|| Row::to(Table::Codes, code_key(kind, text), id))
}

fn state(table: Table, state: u8, id: u64) -> Row {
    Row::new(table, Key::new().u8(state).u64(id))
}

fn deadline(due_ms: i64, kind: DeadlineKind, id: u64) -> Row {
    Row::new(Table::Deadlines, Key::new().i64(due_ms).u8(kind as u8).u64(id))
}

impl Indexed for TaxClass {
    const COUNTER: u8 = TaxClassId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        code(CodeKind::TaxClass, &self.code, self.id()).into_iter().collect()
    }
}

impl Indexed for Item {
    const COUNTER: u8 = ItemId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        let id = self.id();
        let mut rows: Vec<Row> = code(CodeKind::Sku, &self.sku, id).into_iter().collect();
        rows.extend(
            self.barcodes.iter().filter_map(|text| code(CodeKind::Barcode, &canonical_barcode(text), id)),
        );
        rows.extend(
            words(&self.name).iter().map(|word| Row::new(Table::ItemWords, Key::new().text(word).u64(id))),
        );
        // One zero byte and the id follow the text in a key.
        if self.category.len() + 10 <= KEY_MAX {
            rows.push(Row::new(Table::ItemsByCategory, Key::new().text(&self.category).u64(id)));
        }
        rows
    }
}

impl Indexed for Location {
    const COUNTER: u8 = LocationId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        code(CodeKind::Location, &self.code, self.id()).into_iter().collect()
    }
}

impl Indexed for Hold {
    const COUNTER: u8 = HoldId::COUNTER;
    const KEPT: bool = false;

    fn rows(&self) -> Vec<Row> {
        vec![deadline(self.expire_ms, DeadlineKind::Hold, self.id())]
    }
}

impl Indexed for DropOrder {
    const COUNTER: u8 = DropOrderId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![state(Table::DropOrdersByState, self.state.number(), self.id())];
        if self.state.claims() {
            rows.push(deadline(self.expire_ms, DeadlineKind::DropOrder, self.id()));
        }
        rows
    }
}

impl Indexed for Order {
    const COUNTER: u8 = OrderId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        let id = self.id();
        let mut rows = vec![
            state(Table::OrdersByState, self.state.number(), id),
            Row::new(Table::OrdersByCustomer, Key::new().u64(self.customer_id.0).u64(id)),
        ];
        if self.state.is_open() {
            rows.push(deadline(self.expire_ms, DeadlineKind::Order, id));
        }
        if self.remind_ms > 0 {
            rows.push(deadline(self.remind_ms, DeadlineKind::Reminder, id));
        }
        let releases = self.payable_release_ms > 0;
        if releases {
            rows.push(deadline(self.payable_release_ms, DeadlineKind::Payable, id));
        }
        let needed = self.state.is_open() || releases;
        // A paid order keeps its payable, unless it was re-booked after another order got the amount.
        if self.bank_account_id.is_some() && (needed || self.state == OrderState::Paid) {
            let key = Key::new().u64(self.bank_account_id.0).i64(self.payable_minor);
            rows.push(Row { needed, ..Row::to(Table::Payables, key, id) });
        }
        rows
    }
}

impl Indexed for Customer {
    const COUNTER: u8 = CustomerId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = code(CodeKind::Phone, &self.phone, self.id()).into_iter().collect();
        if self.credit_minor > 0 {
            rows.push(Row::new(Table::Credits, Key::new().u64(self.id())));
        }
        if self.erase_ms > 0 {
            rows.push(Row::to(Table::Erasures, erasure_key(self), self.create_ms.cast_unsigned()));
        }
        rows
    }
}

impl Indexed for BankAccount {
    const COUNTER: u8 = BankAccountId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        // Which of them depends on the accounts before: see the check of accounts.
        let one_of = |text: &str| {
            let row = code(CodeKind::BankAccount, text, self.id())?;
            Some(Row { needed: false, ..row })
        };
        let in_currency = account_code_in(&self.number, self.currency);
        [one_of(&self.number), one_of(&in_currency)].into_iter().flatten().collect()
    }
}

impl Indexed for Mutation {
    const COUNTER: u8 = MutationId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        let id = self.id();
        let by_state = Key::new().u64(self.bank_account_id.0).u8(self.state.number()).u64(id);
        let key = row_key(self);
        let mut rows =
            vec![Row::new(Table::MutationsByState, by_state), Row::to(Table::MutationKeys, key, id)];
        if let Some(before) = pending_row_key(self).filter(|before| before.as_slice() != key.as_slice()) {
            rows.push(Row::to(Table::MutationKeys, before, id));
        }
        if let Some(entry) = entry_key(self).filter(|entry| entry.as_slice() != key.as_slice()) {
            // The first part of the entry has it.
            rows.push(Row { needed: false, ..Row::to(Table::MutationKeys, entry, id) });
        }
        if let Some(proposal) = &self.proposal {
            // Which of the two it has depends on its orders: see the check of mutations.
            let one_of = |changed| Row {
                needed: false,
                ..Row::new(Table::Proposals, proposal_key(self, proposal, changed))
            };
            rows.extend([one_of(false), one_of(true)]);
            let by_order = proposal.allocations.iter().map(|a| Key::new().u64(a.order_id.0).u64(id));
            rows.extend(by_order.map(|key| Row::new(Table::ProposalsByOrder, key)));
        }
        if self.is_unposted() {
            rows.push(Row::new(Table::PendingMutations, pending_prefix(self).u64(id)));
        }
        rows
    }
}

/// The key of a proposal, of which an order `changed` since or not.
pub(super) fn proposal_key(mutation: &Mutation, proposal: &Proposal, changed: bool) -> Key {
    let of_account = Key::new().u64(mutation.bank_account_id.0).u8(u8::from(changed));
    of_account.u8(proposal.decision.number()).u64(mutation.mutation_id.0)
}

impl Indexed for ColumnMapping {
    const COUNTER: u8 = ColumnMappingId::COUNTER;
    const KEPT: bool = false;

    fn rows(&self) -> Vec<Row> {
        let text = column_mapping_code(self.bank_account_id, &self.name);
        code(CodeKind::ColumnMapping, &text, self.id()).into_iter().collect()
    }
}

impl Indexed for Sale {
    const COUNTER: u8 = SaleId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        let by_shift = || Row::new(Table::SalesByShift, Key::new().u64(self.shift_id.0).u64(self.id()));
        let by_receipt = self.receipt_row().map(|key| Row::new(Table::SalesByReceipt, key));
        self.shift_id.is_some().then(by_shift).into_iter().chain(by_receipt).collect()
    }
}

impl Indexed for Refund {
    const COUNTER: u8 = RefundId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        vec![Row::new(Table::RefundsBySale, Key::new().u64(self.sale_id.0).u64(self.id()))]
    }
}

impl Indexed for Till {
    const COUNTER: u8 = TillId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        code(CodeKind::Till, &self.code, self.id()).into_iter().collect()
    }
}

impl Indexed for Shift {
    const COUNTER: u8 = ShiftId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        Vec::new()
    }
}

impl Indexed for Courier {
    const COUNTER: u8 = CourierId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        code(CodeKind::Courier, &self.code, self.id()).into_iter().collect()
    }
}

impl Indexed for Parcel {
    const COUNTER: u8 = ParcelId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        let id = self.id();
        let mut rows = vec![
            state(Table::ParcelsByLabel, self.label_state.number(), id),
            state(Table::ParcelsByAirwayBill, self.airway_bill_state.number(), id),
        ];
        if self.label_state == LabelState::Due {
            // Whether it waits depends on its courier: see the check of parcels.
            let one_of = |waits| Row { needed: false, ..state(Table::LabelsDue, u8::from(waits), id) };
            rows.extend([one_of(false), one_of(true)]);
        }
        if !self.airway_bill.is_empty() {
            let text = airway_bill_code(self.courier_id, &self.airway_bill);
            rows.extend(code(CodeKind::AirwayBill, &text, id));
        }
        rows
    }
}

impl Indexed for Manifest {
    const COUNTER: u8 = ManifestId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        Vec::new()
    }
}

impl Indexed for PrintJob {
    const COUNTER: u8 = PrintJobId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        vec![state(Table::PrintJobsByState, self.state.number(), self.id())]
    }
}

impl Indexed for Message {
    const COUNTER: u8 = MessageId::COUNTER;

    fn rows(&self) -> Vec<Row> {
        vec![state(Table::MessagesByState, self.state.number(), self.id())]
    }
}

/// Finds rows without a record. Every record's own rows were found and counted, so a table with as many rows has no other:
/// only one with more is searched.
pub(super) fn check_orphans(audit: &mut Audit<'_>) -> Result<(), Fault> {
    for table in Table::ALL.iter().copied().filter(|table| is_index(*table)) {
        let (view, all) = (audit.view, Key::new());
        let mut rows: u64 = 0;
        view.scan(table, all.as_slice(), all.end().as_slice(), &mut |_, _| {
            rows += 1;
            Ok(true)
        })?;
        if rows == audit.rows.get(&table).copied().unwrap_or(0) {
            continue;
        }
        view.scan(table, all.as_slice(), all.end().as_slice(), &mut |key, value| {
            match owner(audit, table, key, value) {
                Ok(None) => {}
                Ok(Some(owner)) => audit.broken(format!(
                    "{} has a row for {owner}, which has no such row (key {}).",
                    table.name(),
                    hex(key)
                )),
                Err(Fault::Corrupt(_)) => {
                    audit.broken(format!("{} has a row of a wrong form: {}.", table.name(), hex(key)));
                }
                Err(fault @ (Fault::Io(_) | Fault::Full)) => return Err(fault),
            }
            Ok(true)
        })?;
    }
    Ok(())
}

/// Tables whose rows follow from records.
fn is_index(table: Table) -> bool {
    match table.codec() {
        Codec::Empty => true,
        Codec::Fixed => matches!(table, Table::Codes | Table::Payables | Table::MutationKeys),
        Codec::Msgpack => false,
    }
}

/// Who should have this row but has not: `None` when its owner has it.
fn owner(audit: &Audit<'_>, table: Table, key: &[u8], value: &[u8]) -> Result<Option<String>, Fault> {
    let last = u64_at(key, key.len().saturating_sub(8));
    match table {
        Table::Codes => code_owner(audit, key, value),
        Table::Deadlines => {
            let deadline = Deadline::from_key(key)?;
            match deadline.kind {
                DeadlineKind::Order | DeadlineKind::Payable | DeadlineKind::Reminder => {
                    owned::<Order>(audit, deadline.id, table, key, value)
                }
                DeadlineKind::Hold => owned::<Hold>(audit, deadline.id, table, key, value),
                DeadlineKind::DropOrder => owned::<DropOrder>(audit, deadline.id, table, key, value),
            }
        }
        Table::ItemWords | Table::ItemsByCategory => owned::<Item>(audit, last?, table, key, value),
        Table::StocksByLocation => {
            let stock = Key::new().u64(last?).u64(u64_at(key, 1)?);
            let stocked = audit.view.get(Table::Stocks, stock.as_slice())?.is_some();
            Ok((!stocked).then(|| "stock that was never there".to_string()))
        }
        Table::DropOrdersByState => owned::<DropOrder>(audit, last?, table, key, value),
        Table::OrdersByState | Table::OrdersByCustomer => owned::<Order>(audit, last?, table, key, value),
        Table::Payables => owned::<Order>(audit, u64_at(value, 0)?, table, key, value),
        Table::MutationsByState | Table::PendingMutations | Table::Proposals | Table::ProposalsByOrder => {
            owned::<Mutation>(audit, last?, table, key, value)
        }
        Table::Credits | Table::Erasures => owned::<Customer>(audit, last?, table, key, value),
        Table::MutationKeys => owned::<Mutation>(audit, u64_at(value, 0)?, table, key, value),
        Table::SalesByShift | Table::SalesByReceipt => owned::<Sale>(audit, last?, table, key, value),
        Table::RefundsBySale => owned::<Refund>(audit, last?, table, key, value),
        Table::ParcelsByLabel | Table::ParcelsByAirwayBill | Table::LabelsDue => {
            owned::<Parcel>(audit, last?, table, key, value)
        }
        Table::PrintJobsByState => owned::<PrintJob>(audit, last?, table, key, value),
        Table::MessagesByState => owned::<Message>(audit, last?, table, key, value),
        Table::Counters
        | Table::Settings
        | Table::TaxClasses
        | Table::Items
        | Table::Locations
        | Table::Stocks
        | Table::ItemFlows
        | Table::Holds
        | Table::DropOrders
        | Table::Orders
        | Table::Customers
        | Table::BankAccounts
        | Table::ColumnMappings
        | Table::Mutations
        | Table::Sales
        | Table::Refunds
        | Table::Tills
        | Table::Shifts
        | Table::Couriers
        | Table::Parcels
        | Table::Manifests
        | Table::PrintJobs
        | Table::Messages
        | Table::Payers
        | Table::Totals
        | Table::StatementFiles
        | Table::OpenMoney => Ok(None),
    }
}

fn code_owner(audit: &Audit<'_>, key: &[u8], value: &[u8]) -> Result<Option<String>, Fault> {
    let id = u64_at(value, 0)?;
    let table = Table::Codes;
    let is = |kind: CodeKind| key.get(1) == Some(&(kind as u8));
    if is(CodeKind::TaxClass) {
        owned::<TaxClass>(audit, id, table, key, value)
    } else if is(CodeKind::Location) {
        owned::<Location>(audit, id, table, key, value)
    } else if is(CodeKind::Till) {
        owned::<Till>(audit, id, table, key, value)
    } else if is(CodeKind::Courier) {
        owned::<Courier>(audit, id, table, key, value)
    } else if is(CodeKind::BankAccount) {
        owned::<BankAccount>(audit, id, table, key, value)
    } else if is(CodeKind::Sku) || is(CodeKind::Barcode) {
        owned::<Item>(audit, id, table, key, value)
    } else if is(CodeKind::Phone) {
        owned::<Customer>(audit, id, table, key, value)
    } else if is(CodeKind::AirwayBill) {
        owned::<Parcel>(audit, id, table, key, value)
    } else if is(CodeKind::ColumnMapping) {
        owned::<ColumnMapping>(audit, id, table, key, value)
    } else {
        Err(Fault::Corrupt("a code of no known kind".into()))
    }
}

fn owned<R: Indexed>(
    audit: &Audit<'_>,
    id: u64,
    table: Table,
    key: &[u8],
    value: &[u8],
) -> Result<Option<String>, Fault> {
    let rows = audit.look::<R>(id)?.map_or_else(Vec::new, |record| record.rows());
    let has = rows.iter().any(|row| row.table == table && row.key.as_slice() == key && row.says(value));
    Ok((!has).then(|| format!("{} {id}", R::ENTITY)))
}
