//! Open orders and unmatched mutations of one bank account, and what is thought of them.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use crate::candidates::Edges;
use crate::component::solve;
use crate::config::Config;
use crate::open::{Open, Touched};
use crate::side_by_side::side_by_side;
use crate::tally::Tally;
use crate::text::Text;
use crate::types::{CustomerKey, Decided, Decision, Mutation, MutationId, Order, OrderId};
use crate::verdict::decision;

/// Mutations that a thread takes at a time; fewer are not worth one.
const PART: usize = 128;

/// The matcher of one bank account. What was put in, not in which order, makes its decisions.
#[derive(Debug)]
pub struct Matcher {
    open: Open,
    touched: Touched,
    /// Mutations whose rivals changed: their edges stand, their decision may not.
    unsettled: BTreeSet<MutationId>,
    decisions: BTreeMap<MutationId, Decision>,
    /// For few mutations: room for as many names as there are is not made for each.
    tally: Tally,
}

impl Default for Matcher {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Matcher {
    /// Knows nothing yet.
    pub fn new(config: Config) -> Self {
        Self {
            open: Open::new(config),
            touched: Touched::default(),
            unsettled: BTreeSet::new(),
            decisions: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    /// Adds an order, or puts it in the place of the one with its id.
    pub fn put_order(&mut self, order: Order) {
        assert!(
            order.due_minor > 0 && order.due_minor <= order.payable_minor,
            "an open order has something due"
        );
        self.remove_order(order.order_id);
        self.open.put_order(order, &mut self.touched);
    }

    /// Takes an order out; says whether it was there.
    pub fn remove_order(&mut self, order_id: OrderId) -> bool {
        if let Some(entry) = self.open.orders.get(&order_id) {
            let claims = entry.claims.clone();
            self.unsettle(&claims);
        }
        self.open.remove_order(order_id, &mut self.touched)
    }

    /// Adds a mutation, or puts it in the place of the one with its id. What was decided of that is told again.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "handed over like an order; what of it is kept is no concern"
    )]
    pub fn put_mutation(&mut self, mutation: Mutation) {
        let read = Text::of(&mutation.description, &mutation.counterparty);
        self.put_read(&mutation, read);
    }

    /// [`Self::put_mutation`] for many, whose texts are read side by side.
    pub fn put_mutations(&mut self, mutations: &[Mutation]) {
        let texts = side_by_side(self.open.config.threads, PART, mutations, |part| {
            part.iter().map(|each| Text::of(&each.description, &each.counterparty)).collect()
        });
        for (mutation, text) in mutations.iter().zip(texts) {
            self.put_read(mutation, text);
        }
    }

    fn put_read(&mut self, mutation: &Mutation, text: Text) {
        assert!(mutation.amount_minor > 0, "only money in pays orders");
        self.remove_mutation(mutation.mutation_id);
        self.open.put_mutation(mutation, text, &mut self.touched);
        self.unsettled.insert(mutation.mutation_id);
    }

    /// Takes a mutation out, with its decision; says whether it was there.
    pub fn remove_mutation(&mut self, mutation_id: MutationId) -> bool {
        self.decisions.remove(&mutation_id);
        self.unsettle(&[mutation_id]);
        self.unsettled.remove(&mutation_id);
        self.touched.some.remove(&mutation_id);
        self.open.remove_mutation(mutation_id)
    }

    /// Remembers that who pays as `payer_key` (see [`crate::payer_key`]) paid for a customer. Nothing where that does not tell who it is
    /// (see [`crate::tells_payer`]).
    pub fn learn(&mut self, payer_key: &str, customer_key: CustomerKey) {
        self.open.learn(payer_key, customer_key, &mut self.touched);
    }

    /// Takes back what [`Self::learn`] was told; says whether it was known.
    pub fn forget(&mut self, payer_key: &str, customer_key: CustomerKey) -> bool {
        self.open.forget(payer_key, customer_key, &mut self.touched)
    }

    /// What was last decided of a mutation.
    pub fn decision(&self, mutation_id: MutationId) -> Option<&Decision> {
        self.decisions.get(&mutation_id)
    }

    /// Decides anew what the changes since the last call touch: about `cap` mutations, those that compete together.
    ///
    /// Edges are always brought up to date, so that a decision never rests on what is gone; the cap is on what is decided.
    pub fn decide(&mut self, cap: usize) -> Decided {
        self.relink();
        let mut seen = FxHashSet::default();
        let mut components = Vec::new();
        let mut count = 0;
        for &mutation in &self.unsettled {
            if count >= cap {
                break;
            }
            if seen.contains(&mutation) {
                continue;
            }
            let component = self.component(mutation, &mut seen);
            count += component.len();
            components.push(component);
        }
        let mut changed = Vec::new();
        for decision in self.solved(&components) {
            self.unsettled.remove(&decision.mutation_id);
            let before = self.decisions.get(&decision.mutation_id);
            if before != Some(&decision) {
                self.decisions.insert(decision.mutation_id, decision.clone());
                changed.push(decision);
            }
        }
        changed.sort_unstable_by_key(|decision| decision.mutation_id);
        Decided { changed, more: !self.unsettled.is_empty() }
    }

    /// Finds anew what touched mutations may pay; they, their old rivals and their new ones are to be decided.
    fn relink(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        let mut ids: Vec<MutationId> = if touched.all {
            self.open.mutations.keys().copied().collect()
        } else {
            touched.some.into_iter().filter(|id| self.open.mutations.contains_key(id)).collect()
        };
        ids.sort_unstable();
        let edges = self.edges(&ids);
        let differs = |(id, new): &(&MutationId, &Edges)| {
            self.open.mutations.get(id).is_some_and(|entry| entry.edges != **new)
        };
        let moved: Vec<MutationId> = ids.iter().zip(&edges).filter(differs).map(|(id, _)| *id).collect();
        self.unsettle(&moved);
        // Edges that did not change are linked too: an order put anew does not know yet who claims it.
        for (id, edges) in ids.into_iter().zip(edges) {
            self.open.link(id, edges);
        }
        self.unsettle(&moved);
    }

    fn edges(&mut self, ids: &[MutationId]) -> Vec<Edges> {
        if ids.len() <= PART {
            return ids.iter().map(|id| self.open.edges(*id, &mut self.tally)).collect();
        }
        side_by_side(self.open.config.threads, PART, ids, |part| {
            let mut tally = Tally::default();
            part.iter().map(|id| self.open.edges(*id, &mut tally)).collect()
        })
    }

    fn solved(&self, components: &[Vec<MutationId>]) -> Vec<Decision> {
        let threads = self.open.config.threads;
        let outcomes = side_by_side(threads, PART, components, |part| {
            part.iter().flat_map(|component| solve(&self.open, component)).collect()
        });
        side_by_side(threads, PART, &outcomes, |part| {
            part.iter().filter_map(|outcome| decision(&self.open, outcome)).collect()
        })
    }

    /// Marks mutations and all that compete with them now.
    fn unsettle(&mut self, ids: &[MutationId]) {
        let mut seen = FxHashSet::default();
        for &id in ids {
            if !seen.contains(&id) && self.open.mutations.contains_key(&id) {
                let component = self.component(id, &mut seen);
                self.unsettled.extend(component);
            }
        }
    }

    /// A mutation and all that compete with it, by id.
    fn component(&self, start: MutationId, seen: &mut FxHashSet<MutationId>) -> Vec<MutationId> {
        let mut component = vec![start];
        let mut orders: FxHashSet<OrderId> = FxHashSet::default();
        seen.insert(start);
        let mut at = 0;
        while let Some(entry) = component.get(at).and_then(|id| self.open.mutations.get(id)) {
            at += 1;
            for &order in &entry.linked {
                let Some(entry) = self.open.orders.get(&order).filter(|_| orders.insert(order)) else {
                    continue;
                };
                component.extend(entry.claims.iter().filter(|id| seen.insert(**id)));
            }
        }
        component.sort_unstable();
        component
    }
}
