//! What happens, or why not: reads state and a command, writes nothing.
//!
//! One module per service of the contract. A module's functions return the events in the order in which they evolve the
//! state, and an [`Answer`] that names the records to tell the caller once they have.

pub(crate) mod booking;
pub(crate) mod catalogue;
pub(crate) mod check;
pub(crate) mod confirm;
pub(crate) mod customer;
pub(crate) mod drop_order;
pub(crate) mod due;
mod erasure;
pub(crate) mod import;
pub(crate) mod intent;
mod manifest;
pub(crate) mod matching;
mod payable;
pub(crate) mod payment;
pub(crate) mod pricing;
pub(crate) mod print;
pub(crate) mod refund;
pub(crate) mod row_key;
pub(crate) mod sale;
pub(crate) mod settings;
pub(crate) mod shipping;
pub(crate) mod statement;
pub(crate) mod stock;
mod subject;
pub(crate) mod till;

use crate::command::Command;
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{
    BankAccountId, CourierId, CustomerId, DropOrderId, ItemId, LocationId, MessageId, MutationId, OrderId,
    ParcelId, PrintJobId, SaleId, ShiftId, TaxClassId, TillId,
};
use crate::kv::{Fault, View};
use crate::records::{Settings, last_given, must};
use crate::refusal::{Named, Outcome};
use crate::reply::{Imported, LabelsQueued, Proposed, Reply};
use crate::stock::level;

/// Most elements of one batch.
pub(crate) const BATCH_MAX: usize = 1_000;

/// Most lines of all orders of one batch: nobody else's command waits long for it, and its reply stays below the 4 MiB that
/// a caller takes.
pub(crate) const BATCH_LINES_MAX: usize = 5_000;
/// Most barcodes and prices of all items of one batch.
pub(crate) const BATCH_CODES_MAX: usize = 10_000;

/// What a command leads to.
pub(crate) struct Decided {
    pub(crate) events: Vec<Event>,
    pub(crate) answer: Answer,
}

impl Decided {
    pub(crate) fn new(events: Vec<Event>, answer: Answer) -> Self {
        Self { events, answer }
    }

    pub(crate) fn one(event: Event, answer: Answer) -> Self {
        Self::new(vec![event], answer)
    }
}

/// Which records the caller is told, as they stand after the events.
pub(crate) enum Answer {
    /// The record as the decision made it: no need to read it back.
    Made(Box<Reply>),
    Settings,
    TaxClass(TaxClassId),
    Item(ItemId),
    Location(LocationId),
    Stocks(Vec<(ItemId, LocationId)>),
    DropOrder(DropOrderId),
    Order(OrderId),
    Customer(CustomerId),
    Message(MessageId),
    BankAccount(BankAccountId),
    Imported(Imported),
    Proposed(Proposed),
    Matched(MutationId, Vec<OrderId>),
    Joined(Vec<MutationId>, OrderId),
    Mutation(MutationId),
    Till(TillId),
    Shift(ShiftId),
    Sale(SaleId),
    Courier(CourierId),
    Labels(LabelsQueued),
    Parcel(ParcelId),
    PrintJob(PrintJobId),
    Settled(PrintJobId, PrintJobId),
}

impl Answer {
    /// The same for many of them: a reply has room for the largest record, and is not moved here.
    pub(crate) fn boxed(self, view: &dyn View) -> Result<Box<Reply>, Fault> {
        if let Self::Made(reply) = self { Ok(reply) } else { self.reply(view).map(Box::new) }
    }

    pub(crate) fn reply(self, view: &dyn View) -> Result<Reply, Fault> {
        Ok(match self {
            Self::Made(reply) => *reply,
            Self::Settings => Reply::Settings((*Settings::load(view)?).clone()),
            Self::TaxClass(id) => Reply::TaxClass(must(view, id.0)?),
            Self::Item(id) => Reply::Item(must(view, id.0)?),
            Self::Location(id) => Reply::Location(must(view, id.0)?),
            Self::Stocks(keys) => Reply::Stocks(
                keys.into_iter()
                    .map(|(item, location)| level(view, item, location))
                    .collect::<Result<_, _>>()?,
            ),
            Self::DropOrder(id) => Reply::DropOrder(must(view, id.0)?),
            Self::Order(id) => Reply::Order(must(view, id.0)?),
            Self::Customer(id) => Reply::Customer(must(view, id.0)?),
            Self::Message(id) => Reply::Message(must(view, id.0)?),
            Self::BankAccount(id) => Reply::BankAccount(must(view, id.0)?),
            Self::Imported(imported) => Reply::Imported(imported),
            Self::Proposed(proposed) => Reply::Proposed(proposed),
            Self::Matched(id, orders) => Reply::Matched {
                mutation: must(view, id.0)?,
                orders: orders.into_iter().map(|order| must(view, order.0)).collect::<Result<_, _>>()?,
            },
            Self::Joined(ids, order_id) => Reply::Joined {
                mutations: ids.into_iter().map(|id| must(view, id.0)).collect::<Result<_, _>>()?,
                order: must(view, order_id.0)?,
            },
            Self::Mutation(id) => Reply::Mutation(must(view, id.0)?),
            Self::Till(id) => Reply::Till(must(view, id.0)?),
            Self::Shift(id) => Reply::Shift(must(view, id.0)?),
            Self::Sale(id) => Reply::Sale(must(view, id.0)?),
            Self::Courier(id) => Reply::Courier(must(view, id.0)?),
            Self::Labels(labels) => Reply::Labels(labels),
            Self::Parcel(id) => Reply::Parcel(must(view, id.0)?),
            Self::PrintJob(id) => Reply::PrintJob(must(view, id.0)?),
            Self::Settled(id, new_print_job_id) => {
                Reply::Settled { job: must(view, id.0)?, new_print_job_id }
            }
        })
    }
}

/// The next id of a kind. Several of one kind in one decision count on from it.
pub(crate) fn next_id(view: &dyn View, counter: u8) -> Result<u64, Fault> {
    Ok(last_given(view, counter)? + 1)
}

/// A count of a bounded list, as the contract's int32.
pub(crate) fn small(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Orders that a command names, or whose mutations it names, and that an overdue deadline may concern.
pub(crate) fn orders_named(view: &dyn View, command: &Command) -> Result<Vec<OrderId>, Fault> {
    Ok(match command {
        Command::ExtendBooking { order_id, .. }
        | Command::CancelBooking { order_id, .. }
        | Command::JoinMutations { order_id, .. }
        | Command::RecordPayment { order_id, .. } => vec![*order_id],
        Command::MatchMutation { allocations, .. } => {
            allocations.iter().take(check::ALLOCATIONS_MAX).map(|allocation| allocation.order_id).collect()
        }
        Command::UndoMatch { mutation_id } => confirm::allocated_orders(view, *mutation_id)?,
        Command::ConfirmMatches { bank_account_id, mutation_ids, all_auto } => {
            confirm::orders_to_confirm(view, *bank_account_id, mutation_ids, *all_auto)?
        }
        _ => Vec::new(),
    })
}

/// Drop Orders that a command names and that an overdue deadline may concern.
pub(crate) fn drop_orders_named(command: &Command) -> Vec<DropOrderId> {
    match command {
        Command::HandOverDropOrder { drop_order_id, .. }
        | Command::RejectDropOrder { drop_order_id, .. }
        | Command::CancelDropOrder { drop_order_id }
        | Command::ReleaseDropOrder { drop_order_id }
        | Command::ReturnDropOrder { drop_order_id, .. } => vec![*drop_order_id],
        Command::CreateBooking(booking) => booking::drop_orders_of(booking).collect(),
        Command::BatchCreateBookings(bookings) => {
            bookings.iter().take(BATCH_MAX).flat_map(booking::drop_orders_of).collect()
        }
        _ => Vec::new(),
    }
}

/// Decides one single command; batches are taken apart by `execute`. A refusal says which field it is about, where it is
/// about one.
pub(crate) fn decide(view: &dyn View, command: &Command, context: &Context<'_>) -> Outcome<Decided> {
    let decided = decide_one(view, command, context);
    match subject::subject(command) {
        Some(field) => decided.named(field),
        None => decided,
    }
}

#[allow(clippy::too_many_lines, reason = "one row per command, and nothing else")]
fn decide_one(view: &dyn View, command: &Command, context: &Context<'_>) -> Outcome<Decided> {
    match command {
        Command::UpdateSettings(input) => settings::update(view, input),
        Command::CreateTaxClass(input) => catalogue::create_tax_class(view, input),
        Command::CreateItem(input) => catalogue::create_item(view, input, context),
        Command::UpdateItem(input) => catalogue::update_item(view, input),
        Command::CreateLocation(input) => stock::create_location(view, input),
        Command::ReceiveStock { location_id, lines, reference } => {
            stock::receive(view, *location_id, lines, reference)
        }
        Command::AdjustStock { location_id, lines, reason } => {
            stock::adjust(view, *location_id, lines, reason)
        }
        Command::TransferStock { from_location_id, to_location_id, lines } => {
            stock::transfer(view, *from_location_id, *to_location_id, lines)
        }
        Command::CreateHold(input) => stock::create_hold(view, input, context),
        Command::ReleaseHold { hold_id } => stock::release_hold(view, *hold_id, context),
        Command::RequestDropOrder {
            item_id,
            quantity,
            from_location_id,
            to_location_id,
            note,
            expire_ms,
        } => {
            let asked = drop_order::Asked {
                item_id: *item_id,
                quantity: *quantity,
                from: *from_location_id,
                to: *to_location_id,
                note,
                expire_ms: *expire_ms,
            };
            drop_order::request(view, &asked, context)
        }
        Command::HandOverDropOrder { drop_order_id, barcode } => {
            drop_order::hand_over(view, *drop_order_id, barcode)
        }
        Command::RejectDropOrder { drop_order_id, reason } => {
            drop_order::reject(view, *drop_order_id, reason)
        }
        Command::CancelDropOrder { drop_order_id } => drop_order::cancel(view, *drop_order_id),
        Command::ReleaseDropOrder { drop_order_id } => drop_order::release(view, *drop_order_id),
        Command::ReturnDropOrder { drop_order_id, barcode } => {
            drop_order::give_back(view, *drop_order_id, barcode)
        }
        Command::CreateBooking(input) => booking::create(view, input, context),
        Command::ExtendBooking { order_id, version, expire_ms } => {
            booking::extend(view, *order_id, *version, *expire_ms, context)
        }
        Command::CancelBooking { order_id, reason } => booking::cancel(view, *order_id, reason, context),
        Command::CreateCustomer(input) => customer::create(view, input, context),
        Command::UpdateCustomer(input) => customer::update(view, input),
        Command::EraseCustomer { customer_id, version } => erasure::erase(view, *customer_id, *version),
        Command::ReportMessage { message_id, state, detail } => {
            customer::report_message(view, *message_id, *state, detail)
        }
        Command::CreateBankAccount(input) => statement::create_account(view, input),
        Command::SaveColumnMapping(input) => statement::save_mapping(view, input, context),
        Command::DeleteColumnMapping { column_mapping_id } => {
            statement::delete_mapping(view, *column_mapping_id)
        }
        Command::ImportMutations { bank_account_id, file_hash, mutations, file_ends } => {
            let file = import::File { hash: file_hash, ends: *file_ends };
            import::import(view, *bank_account_id, &file, mutations, context)
        }
        Command::SetMatchingRules { bank_account_id, rules } => {
            statement::set_rules(view, *bank_account_id, rules)
        }
        Command::ProposeMatches { bank_account_id, proposals, unmatched, more } => {
            matching::propose(view, *bank_account_id, proposals, *unmatched, *more)
        }
        Command::MatchMutation { mutation_id, allocations, credit_remainder, credit_customer_id } => {
            let by_hand = confirm::ByHand {
                allocations,
                credit_remainder: *credit_remainder,
                credit_customer_id: *credit_customer_id,
            };
            confirm::match_by_hand(view, *mutation_id, &by_hand, context)
        }
        Command::JoinMutations { mutation_ids, order_id, write_off, credit_remainder } => {
            let write_off = write_off.as_ref();
            confirm::join(view, mutation_ids, *order_id, write_off, *credit_remainder, context)
        }
        Command::UndoMatch { mutation_id } => payment::undo(view, *mutation_id, context),
        Command::IgnoreMutation { mutation_id, reason } => payment::ignore(view, *mutation_id, reason),
        Command::RecordPayment { order_id, amount, method, reference } => {
            payment::record(view, *order_id, amount.as_ref(), method, reference, context)
        }
        Command::RefundOrder { order_id, reference } => payment::refund(view, *order_id, reference),
        Command::CreateTill { code, location_id } => till::create(view, code, *location_id),
        Command::OpenShift { till_id, opening_cash } => {
            till::open_shift(view, *till_id, opening_cash.as_ref(), context)
        }
        Command::CreateTillSale { sale, tenders } => till::sell(view, sale, tenders, context),
        Command::RefundSale(input) => refund::refund(view, input, context),
        Command::RecordCashMovement { shift_id, amount, reason } => {
            till::move_cash(view, *shift_id, amount.as_ref(), reason)
        }
        Command::CloseShift { shift_id, counted_cash } => {
            till::close_shift(view, *shift_id, counted_cash.as_ref(), context)
        }
        Command::CreateCourier { code, name, connected } => {
            shipping::create_courier(view, code, name, *connected)
        }
        Command::CreateManifest { parcel_ids } => manifest::create(view, parcel_ids, context),
        Command::PrintLabels { parcel_ids, all_unprinted, reprint_reason } => {
            shipping::print_labels(view, parcel_ids, *all_unprinted, reprint_reason, context)
        }
        Command::RequestAirwayBill { parcel_id, courier_id } => {
            shipping::request_bill(view, *parcel_id, *courier_id)
        }
        Command::AssignAirwayBill { parcel_id, airway_bill, courier_id } => {
            shipping::enter_bill(view, *parcel_id, airway_bill, *courier_id, context)
        }
        Command::ReportAirwayBill { parcel_id, state, airway_bill, detail } => {
            let report = shipping::Report { state: *state, airway_bill, detail };
            shipping::report_bill(view, *parcel_id, &report, context)
        }
        Command::HandOverParcel { airway_bill, courier_id } => {
            shipping::hand_over(view, airway_bill, *courier_id)
        }
        Command::DeliverParcel { parcel_id } => shipping::deliver(view, *parcel_id),
        Command::ReportPrintJob(report) => print::report(view, report, context),
        Command::SettlePrintJob { print_job_id, printed } => {
            print::settle(view, *print_job_id, *printed, context)
        }
        Command::ReprintDocument { print_job_id, reason } => {
            print::reprint(view, *print_job_id, reason, context)
        }
        Command::BatchCreateItems(_)
        | Command::BatchCreateHolds(_)
        | Command::BatchCreateBookings(_)
        | Command::BatchReportPrintJobs(_)
        | Command::ConfirmMatches { .. }
        | Command::CreateSales { .. } => {
            Err(Fault::Corrupt("a batch reached decide in one piece".into()).into())
        }
    }
}
