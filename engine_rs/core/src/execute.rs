//! One command, from decision to state: what the sequencer calls for each command in turn.

use std::collections::BTreeSet;

use crate::command::Command;
use crate::decide::{self, Decided};
use crate::event::Event;
use crate::evolve::evolve;
use crate::ids::{BankAccountId, MutationId, OrderId, ShiftId};
use crate::kv::{Fault, State, View};
use crate::records::{Order, Sale, find, must};
use crate::refusal::{Outcome, Stop};
use crate::reply::{Confirmed, Each, Reply, Sold};

/// Who asks, and when: stamped by the sequencer, never read from a clock here.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Unix milliseconds, never less than in the record before.
    pub now_ms: i64,
    /// Who asks; [`CLOCK_ACTOR`] for deadlines.
    pub actor: &'a str,
}

/// A carried-out command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// What happened, for the journal; may be empty when there was nothing to do.
    pub events: Vec<Event>,
    /// What the caller is told.
    pub reply: Reply,
}

/// Actor of deadlines in the journal: nobody. Whoever asks has a name.
pub const CLOCK_ACTOR: &str = "";

/// Lets events of the journal evolve a state: replay, restore, replicas.
///
/// # Errors
/// [`Fault`] when the store fails or an event does not fit the state (the journal is not of this state).
pub fn apply(state: &mut dyn State, events: &[Event], context: &Context<'_>) -> Result<(), Fault> {
    events.iter().try_for_each(|event| evolve(state, event, context))
}

/// Ends up to `limit` claims whose deadline is at or before now. Empty when none is due.
///
/// # Errors
/// [`Fault`] when the store fails.
pub fn expire_due(state: &mut dyn State, context: &Context<'_>, limit: usize) -> Result<Vec<Event>, Fault> {
    let mut all = Vec::new();
    for deadline in decide::due::due(state.view(), context.now_ms, limit)? {
        let events = decide::due::expire(state.view(), &deadline, context)?;
        apply(state, &events, context)?;
        all.extend(events);
    }
    Ok(all)
}

/// Ends the claims of orders and Drop Orders that `command` names and whose deadline passed, although their turn in the queue
/// of deadlines has not come: neither a payment nor a hand-over beats an expiry that was due before it. The sequencer calls it before [`execute`] and
/// journals its events as the clock's, so that a refused command itself changes nothing.
///
/// # Errors
/// [`Fault`] when the store fails.
pub fn expire_named(
    state: &mut dyn State,
    command: &Command,
    context: &Context<'_>,
) -> Result<Vec<Event>, Fault> {
    let mut all = Vec::new();
    for order_id in decide::orders_named(state.view(), command)? {
        let events = decide::due::expire_order_if_overdue(state.view(), order_id, context)?;
        apply(state, &events, context)?;
        all.extend(events);
    }
    for drop_order_id in decide::drop_orders_named(command) {
        let events = decide::due::expire_drop_order_if_overdue(state.view(), drop_order_id, context)?;
        apply(state, &events, context)?;
        all.extend(events);
    }
    Ok(all)
}

/// Refuses what [`execute`] would refuse as things stand, and changes nothing.
pub fn check(view: &dyn View, command: &Command, context: &Context<'_>) -> Outcome<()> {
    decide::decide(view, command, context).map(|_| ())
}

/// Decides `command` and evolves `state` by what was decided. A refused command changes nothing. Call [`expire_due`] and
/// [`expire_named`] first.
///
/// # Errors
/// [`Stop::Refused`] with nothing changed, or [`Stop::Fault`] after which the transaction must be dropped.
pub fn execute(state: &mut dyn State, command: &Command, context: &Context<'_>) -> Outcome<Executed> {
    decide::check::actor(context.actor)?;
    let mut run = Run { state, context, events: Vec::new() };
    let reply = run.run(command)?;
    Ok(Executed { events: run.events, reply })
}

struct Run<'s, 'c> {
    state: &'s mut dyn State,
    context: &'c Context<'c>,
    events: Vec<Event>,
}

impl Run<'_, '_> {
    fn run(&mut self, command: &Command) -> Outcome<Reply> {
        match command {
            Command::BatchCreateItems(items) => {
                decide::check::count("items", items.len(), decide::BATCH_MAX)?;
                let codes = items.iter().map(|item| item.barcodes.len() + item.prices.len()).sum();
                decide::check::at_most("items.barcodes", codes, decide::BATCH_CODES_MAX)?;
                Ok(Reply::Items(self.each(items, decide::catalogue::create_item, |reply| match *reply {
                    Reply::Item(item) => Some(item),
                    _ => None,
                })?))
            }
            Command::BatchCreateHolds(holds) => {
                decide::check::count("holds", holds.len(), decide::BATCH_MAX)?;
                Ok(Reply::Holds(self.each(holds, decide::stock::create_hold, |reply| match *reply {
                    Reply::Hold(hold) => Some(hold),
                    _ => None,
                })?))
            }
            Command::BatchCreateBookings(bookings) => {
                decide::check::count("bookings", bookings.len(), decide::BATCH_MAX)?;
                let lines = bookings.iter().map(|booking| booking.lines.len()).sum();
                decide::check::at_most("bookings.lines", lines, decide::BATCH_LINES_MAX)?;
                Ok(Reply::Orders(self.each(bookings, decide::booking::create, |reply| match *reply {
                    Reply::Order(order) => Some(order),
                    _ => None,
                })?))
            }
            Command::BatchReportPrintJobs(reports) => {
                decide::check::count("reports", reports.len(), decide::BATCH_MAX)?;
                let mut results = Vec::with_capacity(reports.len());
                for report in reports {
                    let single = Command::ReportPrintJob(report.clone());
                    results.push(self.part(|run| run.run(&single).map(|_| ()))?);
                }
                let accepted = results.iter().filter(|result| result.is_ok()).count();
                let refused = reports.iter().zip(&results).filter(|(_, result)| result.is_err());
                let refused = refused.map(|(report, _)| report.print_job_id).collect();
                Ok(Reply::PrintJobs { accepted: decide::small(accepted), refused })
            }
            Command::ConfirmMatches { bank_account_id, mutation_ids, all_auto } => {
                self.confirm_matches(*bank_account_id, mutation_ids, *all_auto)
            }
            Command::CreateSales { order_ids, all_paid, shift_id } => {
                self.create_sales(order_ids, *all_paid, *shift_id)
            }
            single => {
                let decided = decide::decide(self.state.view(), single, self.context)?;
                self.take(decided.events)?;
                decided.answer.reply(self.state.view()).map_err(Stop::from)
            }
        }
    }

    fn confirm_matches(
        &mut self,
        account_id: BankAccountId,
        ids: &[MutationId],
        all_auto: bool,
    ) -> Outcome<Reply> {
        let (ids, mut more) = decide::confirm::to_confirm(self.state.view(), account_id, ids, all_auto)?;
        let mut results = Vec::with_capacity(ids.len());
        // Those that were confirmed together with one before them.
        let mut done: BTreeSet<MutationId> = BTreeSet::new();
        for mutation_id in ids {
            // Of all AUTO ones, those that came in for others whose order just expired: it is the next call's turn to
            // end what fell due before it pays.
            if all_auto && decide::confirm::is_overdue(self.state.view(), mutation_id, self.context.now_ms)? {
                more = true;
                continue;
            }
            if !done.insert(mutation_id) {
                continue;
            }
            let result = self.part(|run| {
                let view = run.state.view();
                let (events, together, order_ids) =
                    decide::confirm::confirm(view, mutation_id, account_id, all_auto, run.context)?;
                run.take(events)?;
                let state = decide::confirm::first_state(run.state.view(), &order_ids)?;
                Ok((together, order_ids, state))
            })?;
            match result {
                Ok((together, order_ids, state)) => results.extend(together.into_iter().map(|mutation_id| {
                    done.insert(mutation_id);
                    Confirmed { mutation_id, result: Ok((order_ids.clone(), state)) }
                })),
                Err(refusal) => results.push(Confirmed { mutation_id, result: Err(refusal) }),
            }
        }
        Ok(Reply::Confirmed { results, more })
    }

    fn create_sales(&mut self, order_ids: &[OrderId], all_paid: bool, shift_id: ShiftId) -> Outcome<Reply> {
        let (ids, mut more) = decide::sale::to_sell(self.state.view(), order_ids, all_paid)?;
        decide::sale::check_shift(self.state.view(), shift_id)?;
        let mut results = Vec::with_capacity(ids.len());
        let mut lines = 0;
        for order_id in ids {
            if lines + self.lines_at_most(order_id, lines)? > decide::BATCH_LINES_MAX {
                // Of all that are paid, the rest waits for the next call.
                if all_paid {
                    more = true;
                    break;
                }
                let result = Err(decide::check::too_many("order_ids", decide::BATCH_LINES_MAX));
                results.push(Sold { order_id, result });
                continue;
            }
            let result = self.part(|run| {
                let (events, sale_id, parcel_id) =
                    decide::sale::sell(run.state.view(), order_id, shift_id, run.context)?;
                run.take(events)?;
                Ok((must::<Sale>(run.state.view(), sale_id.0)?, parcel_id))
            })?;
            lines += result.as_ref().map_or(0, |(sale, _)| sale.lines.len());
            results.push(Sold { order_id, result });
        }
        Ok(Reply::Sales { results, more })
    }

    /// Lines of an order, looked up only where a batch of so many `before` it may have no room for one of the largest.
    fn lines_at_most(&self, order_id: OrderId, before: usize) -> Outcome<usize> {
        if before + decide::pricing::LINES_MAX <= decide::BATCH_LINES_MAX {
            return Ok(decide::pricing::LINES_MAX);
        }
        Ok(find::<Order>(self.state.view(), order_id.0)?.map_or(0, |order| order.lines.len()))
    }

    /// Decides each element of a batch upon those before it; a refusal stays its own.
    fn each<I, T>(
        &mut self,
        inputs: &[I],
        decide: fn(&dyn View, &I, &Context<'_>) -> Outcome<Decided>,
        pick: impl Fn(Box<Reply>) -> Option<T>,
    ) -> Outcome<Vec<Each<T>>> {
        self.events.reserve(inputs.len());
        let mut results = Vec::with_capacity(inputs.len());
        for input in inputs {
            results.push(self.part(|run| {
                let decided = decide(run.state.view(), input, run.context)?;
                run.take(decided.events)?;
                let other = || Fault::Corrupt("a batch's element answered something else".into());
                pick(decided.answer.boxed(run.state.view())?).ok_or_else(|| Stop::Fault(other()))
            })?);
        }
        Ok(results)
    }

    /// One part of a batch: refused is an element's result, a fault ends all.
    fn part<T>(&mut self, work: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<Each<T>> {
        match work(self) {
            Ok(done) => Ok(Ok(done)),
            Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
            Err(Stop::Fault(fault)) => Err(Stop::Fault(fault)),
        }
    }

    fn take(&mut self, events: Vec<Event>) -> Outcome<()> {
        apply(self.state, &events, self.context)?;
        self.events.extend(events);
        Ok(())
    }
}
