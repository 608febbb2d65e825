//! The matchers of bank accounts: kept between calls, brought up to date from the journal, asked on a thread of their own.
//!
//! Neither the writer nor a connection's thread ever waits for a matcher. What it proposes is submitted as a command, in
//! which the writer holds it against the state as it is then.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, available_parallelism};

use kasir_core::ids::BankAccountId;
use kasir_core::matching::Desk;
use kasir_core::refusal::{Outcome, Stop};
use kasir_core::{Command, Fault, Reason, Refusal};
use kasir_store::{BatchSink, Request, Store};
use kasir_transport::lock;

use crate::delivery::{Address, Delivery};
use crate::failure::Failure;

/// Runs that may wait for the one under way.
const WAITING_MAX: usize = 64;
/// Accounts whose matchers are kept, those that were asked last: each holds what is open in its account.
const KEPT_MAX: usize = 256;
/// Records of the journal that are worth reading before everything is read anew.
const FOLLOWED_MAX: u64 = 200_000;
/// Records of the journal that are read at a time.
const PAGE: usize = 1_000;
/// When to try again after as many runs waited as may, milliseconds.
const RETRY_MS: u64 = 1_000;

/// A run that was asked for.
struct Run {
    account_id: BankAccountId,
    /// The request, given the command that the run comes to.
    request: Box<dyn FnOnce(Command) -> Request + Send>,
    address: Address,
}

struct Kept {
    desk: Desk,
    /// The last revision that it knows.
    revision: u64,
}

/// What was used last, by account; what was not used for the longest makes room.
struct Recent<T> {
    /// With the number of the use.
    kept: BTreeMap<BankAccountId, (u64, T)>,
    uses: u64,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), uses: 0 }
    }
}

impl<T> Recent<T> {
    fn take(&mut self, account_id: BankAccountId) -> Option<T> {
        self.kept.remove(&account_id).map(|(_, kept)| kept)
    }

    fn put(&mut self, account_id: BankAccountId, kept: T) {
        self.uses += 1;
        self.kept.insert(account_id, (self.uses, kept));
        if self.kept.len() > KEPT_MAX {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id);
            oldest.and_then(|id| self.kept.remove(&id));
        }
    }
}

/// The matchers of a store's bank accounts, and the thread that asks them.
pub(crate) struct Desks {
    kept: Arc<Mutex<Recent<Kept>>>,
    runs: Mutex<Option<SyncSender<Box<Run>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Desks {
    /// Starts the thread.
    pub(crate) fn start(store: Arc<Store<Address>>, delivery: Arc<Delivery>) -> Result<Self, Failure> {
        let kept: Arc<Mutex<Recent<Kept>>> = Arc::default();
        let (runs, asked) = sync_channel(WAITING_MAX);
        let desks = Arc::clone(&kept);
        let thread = std::thread::Builder::new()
            .name("kasir-matcher".into())
            .spawn(move || answer(&asked, &desks, &store, &delivery))
            .map_err(|error| Failure::from(Stop::Fault(Fault::Io(error.to_string()))))?;
        Ok(Self { kept, runs: Mutex::new(Some(runs)), thread: Mutex::new(Some(thread)) })
    }

    /// Has an account's matcher run and its command carried out; `address` is told.
    pub(crate) fn submit(
        &self,
        account_id: BankAccountId,
        request: impl FnOnce(Command) -> Request + Send + 'static,
        address: Address,
    ) -> Result<(), Failure> {
        let runs = lock(&self.runs);
        let run = Box::new(Run { account_id, request: Box::new(request), address });
        match runs.as_ref().map(|runs| runs.try_send(run)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => {
                let message =
                    format!("{WAITING_MAX} runs of the matcher wait already. Try again in a moment.");
                Err(Refusal::new(Reason::QueueFull, message).with("retry_ms", RETRY_MS).into())
            }
            Some(Err(TrySendError::Disconnected(_))) | None => Err(Failure::closed()),
        }
    }

    /// What an account's matcher comes to now.
    pub(crate) fn propose(
        &self,
        store: &Store<Address>,
        account_id: BankAccountId,
    ) -> Result<Command, Failure> {
        caught(|| propose(&self.kept, store, account_id))
    }

    /// Takes no more runs, and waits for those that were taken.
    pub(crate) fn close(&self) {
        *lock(&self.runs) = None;
        if let Some(thread) = lock(&self.thread).take() {
            // It catches its panics and has told its callers.
            let _ = thread.join();
        }
        *lock(&self.kept) = Recent::default();
    }
}

fn answer(
    asked: &Receiver<Box<Run>>,
    desks: &Mutex<Recent<Kept>>,
    store: &Store<Address>,
    delivery: &Delivery,
) {
    while let Ok(run) = asked.recv() {
        let Run { account_id, request, address } = *run;
        match caught(|| propose(desks, store, account_id)) {
            Ok(command) => delivery.complete(vec![(address, store.submit_blocking(request(command)))], None),
            Err(failure) => delivery.fail(address, failure),
        }
    }
}

/// A mistake of the matcher's is told to its caller as one; the next run begins with nothing of it.
fn caught(work: impl FnOnce() -> Outcome<Command>) -> Result<Command, Failure> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(Failure::from),
        Err(_) => Err(Failure::internal("The matcher made a mistake; nothing was changed.")),
    }
}

fn propose(
    desks: &Mutex<Recent<Kept>>,
    store: &Store<Address>,
    account_id: BankAccountId,
) -> Outcome<Command> {
    let mut desks = lock(desks);
    // What is half brought up to date after a failure is not kept.
    let followed = match desks.take(account_id) {
        Some(kept) => follow(kept, store)?,
        None => None,
    };
    let mut kept = match followed {
        Some(kept) => kept,
        None => match open(store, account_id) {
            Ok(kept) => kept,
            // The writer refuses it, once it has looked whether the request id was used before.
            Err(Stop::Refused(refusal)) if refusal.reason == Reason::BankAccountNotFound => {
                return Ok(nothing(account_id));
            }
            Err(stop) => return Err(stop),
        },
    };
    let command = store.read(|reader| {
        kept.desk.refresh(reader)?;
        Ok(kept.desk.propose(reader)?)
    })?;
    desks.put(account_id, kept);
    Ok(command)
}

/// What an account without a matcher comes to.
fn nothing(bank_account_id: BankAccountId) -> Command {
    Command::ProposeMatches { bank_account_id, proposals: Vec::new(), unmatched: 0, more: false }
}

fn open(store: &Store<Address>, account_id: BankAccountId) -> Outcome<Kept> {
    // Read first: what happens while the account is read is followed afterwards.
    let revision = store.revision();
    let threads = available_parallelism().map_or(1, usize::from);
    let desk = store.read(|reader| Desk::open(reader, account_id, threads))?;
    Ok(Kept { desk, revision })
}

/// Tells a matcher what happened since it was asked last; `None` when it must be made anew.
fn follow(mut kept: Kept, store: &Store<Address>) -> Outcome<Option<Kept>> {
    let last = store.revision();
    if last.saturating_sub(kept.revision) > FOLLOWED_MAX {
        return Ok(None);
    }
    while kept.revision < last {
        let records = match store.read_journal(kept.revision, PAGE) {
            Ok(records) => records,
            Err(Stop::Refused(refusal)) if refusal.reason == Reason::RevisionCompacted => return Ok(None),
            Err(stop) => return Err(stop),
        };
        for record in records {
            record.events.iter().for_each(|event| kept.desk.note(event));
            kept.revision = record.revision;
        }
    }
    Ok(Some(kept).filter(|kept| !kept.desk.is_stale()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matchers_that_were_asked_last_are_kept() {
        let mut recent = Recent::default();
        let most = u64::try_from(KEPT_MAX).unwrap();
        let ids = |recent: &Recent<u64>| recent.kept.keys().map(|id| id.0).collect::<Vec<_>>();
        for id in 0..most {
            recent.put(BankAccountId(id), id);
        }
        assert_eq!(recent.take(BankAccountId(0)), Some(0));
        recent.put(BankAccountId(0), 7);
        recent.put(BankAccountId(most), 8);
        assert_eq!(ids(&recent), [0].into_iter().chain(2..=most).collect::<Vec<_>>());
        assert_eq!((recent.take(BankAccountId(0)), recent.take(BankAccountId(1))), (Some(7), None));
    }

    #[test]
    fn a_mistake_of_the_matcher_is_no_end_of_the_writer() {
        let failure = caught(|| panic!("a mistake")).unwrap_err();
        assert_eq!((failure.code, failure.reason), (13, "INTERNAL"));
        let refused = caught(|| Err(Refusal::new(Reason::WriterStopped, "Closed.").into())).unwrap_err();
        assert_eq!(refused.reason, "WRITER_STOPPED");
        assert!(caught(|| Ok(nothing(BankAccountId(1)))).is_ok());
    }
}
