//! One open store behind the contract: methods by name, bytes in, bytes out. Knows nothing of Python.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kasir_core::{Command, Context, Fault, Reason, Refusal, Reply, View};
use kasir_store::{CarefulClock, Options, Reader, Request, RequestId, Snapshot, Status, Store, Verification};

use crate::delivery::{Address, Delivery, Expected};
use crate::desks::Desks;
use crate::failure::Failure;
use crate::methods::{self, CommandMethod, QueryMethod};
use crate::places::{Kind, Within};
use crate::to_proto::{JournalPage, asked_kinds, asked_revision};

/// Longest name of an actor, in bytes: it is part of keys.
const ACTOR_MAX: usize = 100;
/// Most journal records that one call of [`Engine::read_changes`] looks at, unless it may return more.
const LOOKED_AT_MAX: usize = 10_000;

/// One open store and its sequencer.
pub(crate) struct Engine {
    store: Arc<Store<Address>>,
    desks: Desks,
    delivery: Arc<Delivery>,
    closed: AtomicBool,
}

/// A page of the journal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Changes {
    /// A serialized kasir.v1.WatchResponse.
    pub(crate) response: Vec<u8>,
    /// The last revision looked at.
    pub(crate) revision: u64,
    /// Records in it.
    pub(crate) count: usize,
}

impl Engine {
    /// Opens the store in a directory, or makes it there.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, Failure> {
        if options.max_queue == 0 || options.max_batch == 0 {
            let name = if options.max_queue == 0 { "max_queue" } else { "max_batch" };
            return Err(Failure::argument(name, "must be at least 1"));
        }
        let delivery = Arc::new(Delivery::default());
        let store = Store::open(
            path,
            options,
            Arc::new(encode),
            Arc::clone(&delivery) as _,
            Arc::new(CarefulClock::default()),
        )?;
        let store = Arc::new(store);
        let desks = Desks::start(Arc::clone(&store), Arc::clone(&delivery))?;
        Ok(Self { store, desks, delivery, closed: AtomicBool::new(false) })
    }

    /// Queues a command. Its durable reply, or why there is none, goes to `address`; what is known now is told now.
    pub(crate) fn submit(
        &self,
        method: &str,
        body: &[u8],
        actor: &str,
        address: Address,
    ) -> Result<(), Failure> {
        self.submit_to(known_command(method)?, body, actor, address)
    }

    /// The same for a method that was looked up before.
    pub(crate) fn submit_to(
        &self,
        method: &CommandMethod,
        body: &[u8],
        actor: &str,
        address: Address,
    ) -> Result<(), Failure> {
        let (request_id, command) = self.command(method, body, actor)?;
        match command {
            Command::ProposeMatches { bank_account_id, .. } => {
                let (name, body, actor) = (method.name, body.to_vec(), actor.to_owned());
                let request = move |command| Request::new(name, &body, request_id, &actor, command);
                self.desks.submit(bank_account_id, request, address)
            }
            command => {
                Ok(self.store.submit(Request::new(method.name, body, request_id, actor, command), address)?)
            }
        }
    }

    /// Commits a command and returns its reply.
    pub(crate) fn submit_blocking(&self, method: &str, body: &[u8], actor: &str) -> Result<Vec<u8>, Failure> {
        let method = known_command(method)?;
        let (request_id, command) = self.command(method, body, actor)?;
        let command = match command {
            Command::ProposeMatches { bank_account_id, .. } => {
                self.desks.propose(&self.store, bank_account_id)?
            }
            command => command,
        };
        Ok(self.store.submit_blocking(Request::new(method.name, body, request_id, actor, command))?)
    }

    fn command(
        &self,
        method: &CommandMethod,
        body: &[u8],
        actor: &str,
    ) -> Result<(RequestId, Command), Failure> {
        self.check_open()?;
        check_actor(actor)?;
        let request = (method.decode)(body)?;
        Ok((request.request_id, request.command))
    }

    /// Refuses what a command would be refused with as things stand. Changes nothing.
    pub(crate) fn check(&self, method: &str, body: &[u8], actor: &str) -> Result<(), Failure> {
        let (_, command) = self.command(known_command(method)?, body, actor)?;
        let context = Context { now_ms: self.store.now_ms(), actor };
        Ok(self.store.read(|reader| kasir_core::check(reader, &command, &context))?)
    }

    /// Answers a question from a snapshot.
    pub(crate) fn query(&self, method: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let known = methods::query(method).ok_or_else(|| Failure::method_unknown("query", method))?;
        self.answer(known, body)
    }

    /// The same for a method that was looked up before.
    pub(crate) fn answer(&self, method: &QueryMethod, body: &[u8]) -> Result<Vec<u8>, Failure> {
        self.check_open()?;
        let now_ms = self.store.now_ms();
        Ok(self.store.read(|reader| (method.answer)(body, reader, now_ms))?)
    }

    /// At most `limit` journal records after `after` that touch one of `resources` (none named: all).
    /// `at_once`: only what readers find without waiting.
    pub(crate) fn read_changes(
        &self,
        after: i64,
        limit: i64,
        resources: &[i32],
        at_once: bool,
    ) -> Result<Changes, Failure> {
        self.check_open()?;
        let after = asked_revision("start_revision", after)?;
        let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
        let limit = limit.ok_or_else(|| Failure::argument("limit", "must be at least 1"))?;
        let kinds = asked_kinds(resources)?;
        let mut page = JournalPage::new(limit, kinds);
        // Asked first: what is told meanwhile is looked for.
        let told = if at_once { self.store.readable() } else { self.store.revision() };
        if !kinds.is_empty() && after <= told && !self.store.may_have_changed(kinds, after) {
            let (response, count) = page.finish(told);
            return Ok(Changes { response, revision: told, count });
        }
        let (most, visit) = (limit.max(LOOKED_AT_MAX), &mut |record| page.take(record));
        let revision = if at_once {
            self.store.scan_readable(after, most, visit)
        } else {
            self.store.scan_journal(after, most, visit)
        }?;
        let (response, count) = page.finish(revision);
        Ok(Changes { response, revision, count })
    }

    /// Whether one of `resources` may have changed after revision `after`; reads nothing.
    pub(crate) fn may_have_changed(&self, after: i64, resources: &[i32]) -> Result<bool, Failure> {
        self.check_open()?;
        let after = asked_revision("after_revision", after)?;
        Ok(self.store.may_have_changed(asked_kinds(resources)?, after))
    }

    /// Whether all that these ids name is at allowed locations.
    pub(crate) fn is_within(&self, kind: Kind, ids: &[u64], allowed: &[u64]) -> Result<bool, Failure> {
        if kind == Kind::Location || ids.is_empty() {
            return Ok(ids.iter().all(|id| allowed.contains(id)));
        }
        self.check_open()?;
        // Where a record is does not change: mostly it is there, and nobody waits for the batch under way.
        let look = |reader: &Reader<'_>| Ok(kind.within(reader, ids, allowed)?);
        Ok(match self.store.glance(look)? {
            Within::NotYet => self.store.read(look)?,
            told => told,
        } == Within::Yes)
    }

    /// The shop's time, Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.store.now_ms()
    }

    /// The last committed revision.
    pub(crate) fn revision(&self) -> Result<u64, Failure> {
        self.check_open()?;
        Ok(self.store.revision())
    }

    /// The last revision that readers find without waiting.
    pub(crate) fn readable(&self) -> Result<u64, Failure> {
        self.check_open()?;
        Ok(self.store.readable())
    }

    /// Tells `address` of the first readable revision after `after`.
    pub(crate) fn wait_readable(&self, after: i64, address: Expected) -> Result<(), Failure> {
        let after = asked_revision("after", after)?;
        self.delivery.wait(after, address, || self.store.readable())
    }

    /// How the engine does.
    pub(crate) fn status(&self) -> Result<Status, Failure> {
        self.check_open()?;
        Ok(self.store.status()?)
    }

    /// Checks every invariant over the whole store.
    pub(crate) fn verify(&self, replay: bool) -> Result<Verification, Failure> {
        self.check_open()?;
        Ok(self.store.verify(replay)?)
    }

    /// Writes a consistent copy of the store into a new file.
    pub(crate) fn snapshot(&self, path: &Path) -> Result<Snapshot, Failure> {
        self.check_open()?;
        Ok(self.store.snapshot(path)?)
    }

    /// Commits and answers what was accepted, then closes the store. Closing twice is nothing.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.desks.close();
        self.store.close();
        self.delivery.end(Failure::closed());
    }

    fn check_open(&self) -> Result<(), Failure> {
        if self.closed.load(Ordering::Acquire) { Err(Failure::closed()) } else { Ok(()) }
    }
}

fn known_command(method: &str) -> Result<&'static CommandMethod, Failure> {
    methods::command(method).ok_or_else(|| Failure::method_unknown("command", method))
}

/// Writes the reply of a command, in its transaction.
fn encode(method: &'static str, reply: Reply, view: &dyn View) -> Result<Vec<u8>, Fault> {
    let known = methods::command(method);
    let known = known.ok_or_else(|| Fault::Corrupt(format!("the command {method} has no response")))?;
    (known.encode)(reply, view)
}

/// Who asks: 1 to [`ACTOR_MAX`] bytes that can be printed.
fn check_actor(actor: &str) -> Result<(), Refusal> {
    const FIELD: &str = "actor";
    let (reason, message) = if actor.is_empty() {
        (Reason::FieldRequired, "Every change needs an actor: the user name of who asks.".to_owned())
    } else if actor.len() > ACTOR_MAX {
        (Reason::FieldTooLong, format!("The actor's name takes at most {ACTOR_MAX} bytes."))
    } else if actor.chars().any(char::is_control) {
        (Reason::FieldMalformed, "The actor's name holds characters that cannot be printed.".to_owned())
    } else {
        return Ok(());
    };
    Err(Refusal::field(reason, FIELD, message))
}
