//! The matcher beside the writer: open orders and unmatched mutations of one account, kept as the store has them.
//!
//! A [`Desk`] is made from a snapshot, told of the events that follow it, and asked what should be proposed now. What it
//! answers becomes a [`Command::ProposeMatches`](crate::command::Command::ProposeMatches), in which the writer holds each
//! proposal against the state as it is.

use std::collections::{BTreeMap, BTreeSet};

use kasir_matching::{Config, CustomerKey, Decision, Matcher, Verdict};

use crate::command::{Command, ProposalInput};
use crate::decide::booking::reserved_by;
use crate::decide::matching::{PROPOSALS_MAX, state_prefix};
use crate::decide::small;
use crate::event::{Event, Resource};
use crate::evolve::payments::payer_row;
use crate::ids::{BankAccountId, CustomerId, MutationId, OrderId};
use crate::kv::{Fault, Key, View, u64_at};
use crate::records::{
    BankAccount, MatchCandidate, Mutation, Order, Proposal, ProposedAllocation, Settings, find, need,
};
use crate::refusal::Outcome;
use crate::states::{MatchDecision, MutationState, OrderState};
use crate::tables::Table;
use crate::text::day_of;

/// Most mutations that are decided anew before what was found is told.
const DECIDED_MAX: usize = 20_000;
const MINUTE_MS: i64 = 60_000;
/// Where a mutation's id stands in a key by state: behind the shard, the account and the state.
const BY_STATE_ID_AT: usize = 10;

/// The matcher of one bank account, as a store has it.
#[derive(Debug)]
pub struct Desk {
    account_id: BankAccountId,
    matcher: Matcher,
    /// What should stand in records and does not yet, or was not looked at yet.
    wanted: BTreeMap<MutationId, Option<Proposal>>,
    /// Money in that nothing explains.
    unmatched: BTreeSet<MutationId>,
    changed: Changed,
}

/// What events spoke of since the state was read.
#[derive(Debug, Default)]
struct Changed {
    orders: BTreeSet<OrderId>,
    mutations: BTreeSet<MutationId>,
    payers: BTreeSet<(String, CustomerId)>,
    /// The account's rules or the shop's settings, or somebody is to be forgotten.
    rules: bool,
}

impl Desk {
    /// Reads everything that matters of an account. `threads`: most that a decision over many mutations takes.
    ///
    /// # Errors
    /// BANK_ACCOUNT_NOT_FOUND; [`Fault`] when the store cannot be read.
    pub fn open(view: &dyn View, account_id: BankAccountId, threads: usize) -> Outcome<Self> {
        let account: BankAccount = need(view, account_id.0)?;
        let offset_ms = Settings::load(view)?.utc_offset_ms;
        let config = Config {
            utc_offset_minutes: i32::try_from(offset_ms / MINUTE_MS).unwrap_or(0),
            write_off_max_minor: account.matching_rules.write_off_max_minor,
            threads,
            ..Config::of_currency(account.currency.code(), account.currency.minor_per_major())
        };
        let mut desk = Self {
            account_id,
            matcher: Matcher::new(config),
            wanted: BTreeMap::new(),
            unmatched: BTreeSet::new(),
            changed: Changed::default(),
        };
        let prefix = Key::new().u64(account_id.0);
        let (mut orders, mut mutations) = (Vec::new(), Vec::new());
        view.scan(Table::Payables, prefix.as_slice(), prefix.end().as_slice(), &mut |_, value| {
            orders.push(OrderId(u64_at(value, 0)?));
            Ok(true)
        })?;
        for state in [MutationState::Posted, MutationState::Proposed] {
            let prefix = state_prefix(account_id, state);
            view.scan(Table::MutationsByState, prefix.as_slice(), prefix.end().as_slice(), &mut |key, _| {
                mutations.push(MutationId(u64_at(key, BY_STATE_ID_AT)?));
                Ok(true)
            })?;
        }
        let all = Key::new();
        view.scan(Table::Payers, all.as_slice(), all.end().as_slice(), &mut |key, _| {
            let (payer, customer_id) = payer_of_row(key)?;
            if !payer.is_empty() {
                desk.matcher.learn(payer, CustomerKey(customer_id));
            }
            Ok(true)
        })?;
        desk.changed.orders.extend(orders);
        desk.changed.mutations.extend(mutations);
        desk.refresh(view)?;
        Ok(desk)
    }

    /// An event followed the state that was read last.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::PayerLearnt { payer, customer_id } | Event::PayerForgotten { payer, customer_id }
                if !payer.is_empty() =>
            {
                self.changed.payers.insert((payer.clone(), *customer_id));
            }
            Event::MatchingRulesSet { bank_account_id, .. } => {
                self.changed.rules |= *bank_account_id == self.account_id;
            }
            // Of an erased customer's payers nothing says who they were.
            Event::SettingsUpdated(_) | Event::CustomerErased { .. } => self.changed.rules = true,
            // What it wanted came to pass; nothing else of the mutation changed.
            Event::MutationProposed { mutation_id, proposal } if self.wants(*mutation_id, Some(proposal)) => {
                self.wanted.remove(mutation_id);
            }
            Event::MutationWithdrawn { mutation_id } if self.wants(*mutation_id, None) => {
                self.wanted.remove(mutation_id);
            }
            other => {
                for (resource, id) in other.changes() {
                    match resource {
                        Resource::Order => _ = self.changed.orders.insert(OrderId(id)),
                        Resource::Mutation => _ = self.changed.mutations.insert(MutationId(id)),
                        _ => {}
                    }
                }
            }
        }
    }

    fn wants(&self, mutation_id: MutationId, proposal: Option<&Proposal>) -> bool {
        self.wanted.get(&mutation_id).is_some_and(|wanted| wanted.as_ref() == proposal)
    }

    /// Whether it must be opened anew: what it decides by has changed.
    pub fn is_stale(&self) -> bool {
        self.changed.rules
    }

    /// Reads again what the events spoke of.
    ///
    /// # Errors
    /// [`Fault`] when the store cannot be read.
    pub fn refresh(&mut self, view: &dyn View) -> Result<(), Fault> {
        for order_id in std::mem::take(&mut self.changed.orders) {
            match self.open_order(view, order_id)? {
                Some(order) => self.matcher.put_order(order),
                None => _ = self.matcher.remove_order(kasir_matching::OrderId(order_id.0)),
            }
        }
        for mutation_id in std::mem::take(&mut self.changed.mutations) {
            if let Some(mutation) = self.unmatched_mutation(view, mutation_id)? {
                self.matcher.put_mutation(mutation);
            } else {
                self.matcher.remove_mutation(kasir_matching::MutationId(mutation_id.0));
                self.unmatched.remove(&mutation_id);
                self.wanted.remove(&mutation_id);
            }
        }
        for (payer, customer_id) in std::mem::take(&mut self.changed.payers) {
            let key = CustomerKey(customer_id.0);
            if view.get(Table::Payers, payer_row(&payer, customer_id).as_slice())?.is_some() {
                self.matcher.learn(&payer, key);
            } else {
                self.matcher.forget(&payer, key);
            }
        }
        Ok(())
    }

    /// Decides what the changes touch, and gives the command that brings the records there: at most
    /// [`PROPOSALS_MAX`] proposals of it. What is not carried out is in the next one again.
    ///
    /// # Errors
    /// [`Fault`] when the store cannot be read.
    pub fn propose(&mut self, view: &dyn View) -> Result<Command, Fault> {
        let decided = self.matcher.decide(DECIDED_MAX);
        let changed = decided.changed.iter();
        // How sure one part of an order's money is decides on the others too.
        let changed: BTreeSet<kasir_matching::MutationId> = changed
            .flat_map(|decision| decision.joined.iter().copied().chain([decision.mutation_id]))
            .collect();
        for decision in changed.into_iter().filter_map(|id| self.matcher.decision(id)) {
            let mutation_id = MutationId(decision.mutation_id.0);
            let proposal = proposal(decision, self.is_sure(view, decision)?);
            if proposal.is_none() {
                self.unmatched.insert(mutation_id);
            } else {
                self.unmatched.remove(&mutation_id);
            }
            self.wanted.insert(mutation_id, proposal);
        }
        let mut proposals = Vec::new();
        let mut stand = Vec::new();
        for (mutation_id, wanted) in &self.wanted {
            if proposals.len() == PROPOSALS_MAX {
                break;
            }
            match find::<Mutation>(view, mutation_id.0)? {
                Some(mutation) if mutation.proposal != *wanted => {
                    proposals.push(ProposalInput { mutation_id: *mutation_id, proposal: wanted.clone() });
                }
                Some(_) | None => stand.push(*mutation_id),
            }
        }
        for mutation_id in stand {
            self.wanted.remove(&mutation_id);
        }
        Ok(Command::ProposeMatches {
            bank_account_id: self.account_id,
            more: decided.more || self.wanted.len() > proposals.len(),
            unmatched: small(self.unmatched.len()),
            proposals,
        })
    }

    /// Whether a decision may be confirmed without a person: each mutation that pays the order with it is as sure.
    fn is_sure(&self, view: &dyn View, decision: &Decision) -> Result<bool, Fault> {
        let others = decision.joined.iter().map(|id| self.matcher.decision(*id));
        for part in others.chain([Some(decision)]) {
            let is_sure = part.map_or(Ok(false), |part| is_sure_alone(view, part))?;
            if !is_sure {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The order, if money for it may come to this account.
    fn open_order(&self, view: &dyn View, order_id: OrderId) -> Result<Option<kasir_matching::Order>, Fault> {
        let Some(order) = find::<Order>(view, order_id.0)? else { return Ok(None) };
        let Some(state) = awaits_money(&order) else { return Ok(None) };
        let reserves = reserved_by(view, self.account_id, order.payable_minor)? == Some(order_id);
        if order.bank_account_id != self.account_id || !reserves || order.due_minor() <= 0 {
            return Ok(None);
        }
        let sign = if order.payable_minor < order.totals.total_minor { -1 } else { 1 };
        Ok(Some(kasir_matching::Order {
            order_id: kasir_matching::OrderId(order_id.0),
            version: order.version,
            number: order_id.0,
            customer_key: CustomerKey(order.customer_id.0),
            due_minor: order.due_minor(),
            payable_minor: order.payable_minor,
            unique_code: sign * order.unique_code,
            create_ms: order.create_ms,
            expire_ms: order.expire_ms,
            state,
            payable_shared: order.payable_shared_with.is_some(),
            customer_name: order.customer_name,
        }))
    }

    /// The mutation, if it is money in of this account that nobody has decided on.
    fn unmatched_mutation(
        &self,
        view: &dyn View,
        mutation_id: MutationId,
    ) -> Result<Option<kasir_matching::Mutation>, Fault> {
        let Some(mutation) = find::<Mutation>(view, mutation_id.0)? else { return Ok(None) };
        let waits = matches!(mutation.state, MutationState::Posted | MutationState::Proposed);
        if mutation.bank_account_id != self.account_id || !waits || mutation.amount_minor <= 0 {
            return Ok(None);
        }
        let day = day_of(&mutation.date).ok_or_else(|| {
            Fault::Corrupt(format!("mutation {mutation_id} is of no day: {}", mutation.date))
        })?;
        Ok(Some(kasir_matching::Mutation {
            mutation_id: kasir_matching::MutationId(mutation_id.0),
            amount_minor: mutation.amount_minor,
            day,
            description: mutation.description,
            counterparty: mutation.counterparty,
        }))
    }
}

/// Whether money for an order is waited for, or may come late.
fn awaits_money(order: &Order) -> Option<kasir_matching::OrderState> {
    match order.state {
        OrderState::Booked | OrderState::PartlyPaid => Some(kasir_matching::OrderState::Open),
        OrderState::Expired => Some(kasir_matching::OrderState::Expired),
        OrderState::RefundDue if !order.cancelled => Some(kasir_matching::OrderState::Expired),
        OrderState::Cancelled | OrderState::RefundDue => Some(kasir_matching::OrderState::Cancelled),
        OrderState::Paid
        | OrderState::Sold
        | OrderState::HandedToCourier
        | OrderState::Delivered
        | OrderState::Refunded => None,
    }
}

/// Whether a decision by itself may be confirmed without a person. What is over becomes a customer's credit, and a match
/// that was undone was wrong before: that a person says, however sure the matcher is.
fn is_sure_alone(view: &dyn View, decision: &Decision) -> Result<bool, Fault> {
    if decision.verdict != Verdict::Auto {
        return Ok(false);
    }
    let Some(mutation) = find::<Mutation>(view, decision.mutation_id.0)? else { return Ok(false) };
    let given: i64 = decision.allocations.iter().map(|allocation| allocation.amount_minor).sum();
    Ok(given == mutation.amount_minor && !mutation.undone)
}

/// A decision as it is stored; `None` for an honest "I don't know".
fn proposal(decision: &Decision, is_sure: bool) -> Option<Proposal> {
    let verdict = match decision.verdict {
        Verdict::Auto if is_sure => MatchDecision::Auto,
        Verdict::Auto | Verdict::Suggested => MatchDecision::Suggested,
        Verdict::Ambiguous => MatchDecision::Ambiguous,
        Verdict::None => return None,
    };
    let allocations = decision.allocations.iter().map(|allocation| ProposedAllocation {
        order_id: OrderId(allocation.order_id.0),
        amount_minor: allocation.amount_minor,
        order_version: allocation.order_version,
        write_off_minor: allocation.write_off_minor,
    });
    let candidates = decision.candidates.iter().map(|candidate| MatchCandidate {
        order_ids: candidate.order_ids.iter().map(|id| OrderId(id.0)).collect(),
        score_millinats: candidate.score_millinats,
    });
    Some(Proposal {
        decision: verdict,
        allocations: allocations.collect(),
        score_millinats: decision.score_millinats,
        margin_millinats: decision.margin_millinats,
        reasons: decision.reasons.iter().map(ToString::to_string).collect(),
        candidates: candidates.collect(),
        joined: decision.joined.iter().map(|id| MutationId(id.0)).collect(),
    })
}

/// Payer and customer in a key of what was learnt.
fn payer_of_row(key: &[u8]) -> Result<(&str, u64), Fault> {
    let wrong = || Fault::Corrupt("a key of payers has a wrong form".into());
    let id_at = key.len().checked_sub(8).filter(|at| *at > 1).ok_or_else(wrong)?;
    let payer = key.get(1..id_at - 1).ok_or_else(wrong)?;
    Ok((std::str::from_utf8(payer).map_err(|_| wrong())?, u64_at(key, id_at)?))
}
