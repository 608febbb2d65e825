//! One open store: its writer, its readers, its journal.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use kasir_core::deadlines::next_due_ms;
use kasir_core::refusal::{Outcome, Stop};
use kasir_core::{Fault, Reason, Refusal};

use crate::changed::{Kinds, LastChanges};
use crate::clock::Clock;
use crate::error::{StoreError, StoreErrorKind, closed, refusal};
use crate::files::{Files, MapOptions};
use crate::follower::Follower;
use crate::following::Following;
use crate::hand::{Waiter, Work};
use crate::log::{CommandLog, EmbeddedLog};
use crate::pace::Pace;
use crate::record::{Head, JournalRecord};
use crate::replay::{self, Chunk};
use crate::request::{Answer, BatchSink, Encoder, Request};
use crate::sealing::open;
use crate::sequencer::Sequencer;
use crate::snapshot::{self, Snapshot};
use crate::status::{Counters, Status};
use crate::txn::Reader;
use crate::verify::{self, Verification};
use crate::world::{Sizes, Surroundings, World};

/// Smallest and largest time that a full queue asks callers to wait, milliseconds.
const RETRY_MS: (u64, u64) = (20, 2_000);

/// How a store is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// First size of the memory map, bytes. It is address space, not memory: the file grows with what is written. The map
    /// grows by itself too, but waits for readers then, so it begins larger than most shops ever get.
    pub map_size: usize,
    /// Commands that may wait; more are refused with QUEUE_FULL.
    pub max_queue: usize,
    /// Bytes of requests that may wait, the batch under way included; more are refused with QUEUE_FULL.
    pub max_queue_bytes: usize,
    /// Commands that one commit takes.
    pub max_batch: usize,
    /// Read transactions that may be open at one time, those of other processes included.
    pub max_readers: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            map_size: 64 << 30,
            max_queue: 16_384,
            max_queue_bytes: 64 << 20,
            max_batch: 512,
            max_readers: 1_024,
        }
    }
}

/// What the sequencer's thread and everybody else share.
pub(crate) struct Shared<T> {
    pub(crate) dir: PathBuf,
    /// Readers pass it side by side; whoever changes the map, or closes it, has it alone. `None` once closed.
    pub(crate) gate: RwLock<Option<Files>>,
    /// `None` once no more commands are taken.
    queue: RwLock<Option<Sender<Work<T>>>>,
    /// Why the writer stopped, if it had to.
    stopped: OnceLock<Refusal>,
    pub(crate) revision: AtomicU64,
    /// Up to there readers wait for nothing.
    pub(crate) readable: AtomicU64,
    /// Where the journal ends, as far as it was told.
    pub(crate) head: Mutex<Head>,
    /// The last stamp.
    pub(crate) log_time_ms: AtomicI64,
    /// Bytes of the requests that wait or are being carried out.
    waiting_bytes: AtomicUsize,
    pub(crate) counters: Counters,
    pub(crate) sink: Arc<dyn BatchSink<T>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Arc<dyn CommandLog>,
    pub(crate) following: Arc<Following>,
    pub(crate) last_changes: LastChanges,
    options: Options,
}

impl<T> Shared<T> {
    /// Takes no more commands, because of a failure.
    pub(crate) fn stop(&self, why: Refusal) {
        // The first reason is the one that counts.
        let _ = self.stopped.set(why);
        self.take_no_more();
    }

    fn take_no_more(&self) {
        *self.queue.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Requests of so many bytes are answered.
    pub(crate) fn answered(&self, bytes: usize) {
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn why_closed(&self) -> Refusal {
        self.stopped.get().cloned().unwrap_or_else(closed)
    }

    fn queue_full(&self) -> Refusal {
        let batches = self.options.max_queue / self.options.max_batch.max(1) + 1;
        let millis = self.counters.batch_time().as_millis().saturating_mul(batches as u128);
        let retry_ms = u64::try_from(millis).unwrap_or(RETRY_MS.1).clamp(RETRY_MS.0, RETRY_MS.1);
        Refusal::new(Reason::QueueFull, format!("As many commands wait as may. Try again in {retry_ms} ms."))
            .with("retry_ms", retry_ms)
    }

    /// Tells an idle writer that somebody waits; a busy one looks by itself.
    fn wake(&self) {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*queue {
            let _ = sender.try_send(Work::Follow);
        }
    }

    /// Works on the files, in which all is found that was answered before.
    fn with_files<R>(&self, work: impl FnOnce(&Files) -> R) -> Result<R, Refusal> {
        // Before the gate: the writer may have to pass it first.
        self.following.wait(self.revision.load(Ordering::Acquire), || self.wake());
        self.with_files_as_they_are(work)
    }

    fn look<R>(&self, files: &Files, work: impl FnOnce(&Reader<'_>) -> Outcome<R>) -> Outcome<R> {
        let readers = &self.counters.readers;
        readers.fetch_add(1, Ordering::Relaxed);
        let _open = OnDrop(|| {
            readers.fetch_sub(1, Ordering::Relaxed);
        });
        work(&Reader::begin(files)?)
    }

    fn with_files_as_they_are<R>(&self, work: impl FnOnce(&Files) -> R) -> Result<R, Refusal> {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        gate.as_ref().map(work).ok_or_else(closed)
    }
}

/// One open store. `T` names a caller to the [`BatchSink`]. Shared between threads behind an `Arc`.
pub struct Store<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<T: Send + 'static> Store<T> {
    /// Opens the store in the directory `path`, or makes it there, and starts its writer.
    ///
    /// # Errors
    /// [`StoreErrorKind::Locked`] when it is open already, in this process or another; `Format` when it is another
    /// program's or format's; `Corrupt` when the file is damaged; `Unusable` when the system does not let us.
    pub fn open(
        path: &Path,
        options: &Options,
        encoder: Arc<dyn Encoder>,
        sink: Arc<dyn BatchSink<T>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        Self::open_with(path, options, encoder, sink, clock, Arc::new(EmbeddedLog))
    }

    /// The same with a log of one's own.
    pub(crate) fn open_with(
        path: &Path,
        options: &Options,
        encoder: Arc<dyn Encoder>,
        sink: Arc<dyn BatchSink<T>>,
        clock: Arc<dyn Clock>,
        log: Arc<dyn CommandLog>,
    ) -> Result<Self, StoreError> {
        let here = Surroundings::default();
        let (store, writer) = Self::prepare(path, options, encoder, sink, clock, log, &here)?;
        let thread = std::thread::Builder::new()
            .name("kasir-sequencer".into())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::io("The writer's thread cannot be started", &error))?;
        *store.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(store)
    }

    /// The same without a thread, in a simulation: whoever opens it runs the writer.
    pub fn open_in_world(
        path: &Path,
        options: &Options,
        encoder: Arc<dyn Encoder>,
        sink: Arc<dyn BatchSink<T>>,
        clock: Arc<dyn Clock>,
        sizes: Sizes,
        world: Arc<dyn World>,
    ) -> Result<(Self, Runner<T>), StoreError> {
        let there = Surroundings { sizes, world: Some(world) };
        Self::prepare(path, options, encoder, sink, clock, Arc::new(EmbeddedLog), &there)
    }

    fn prepare(
        path: &Path,
        options: &Options,
        encoder: Arc<dyn Encoder>,
        sink: Arc<dyn BatchSink<T>>,
        clock: Arc<dyn Clock>,
        log: Arc<dyn CommandLog>,
        surroundings: &Surroundings,
    ) -> Result<(Self, Runner<T>), StoreError> {
        let options =
            Options { max_queue: options.max_queue.max(1), max_batch: options.max_batch.max(1), ..*options };
        let map = MapOptions { map_size: options.map_size, max_readers: options.max_readers };
        let (files, head, ahead) = Files::open(path, map, surroundings, clock.now_ms())?;
        clock.opened_at(head.time_ms);
        let next_due_ms = Reader::begin(&files).and_then(|reader| next_due_ms(&reader)).map_err(|fault| {
            StoreError::fault(format!("The store {} cannot be read", path.display()), &fault)
        })?;
        let following = Arc::new(Following::new(head.revision));
        let follower = Follower::new(surroundings.world.is_none(), Arc::clone(&following))
            .map_err(|error| StoreError::io("The thread that lets LMDB follow cannot be started", &error))?;
        let (sender, queue) = bounded(options.max_queue);
        let shared = Arc::new(Shared {
            dir: path.to_path_buf(),
            gate: RwLock::new(Some(files.clone())),
            queue: RwLock::new(Some(sender)),
            stopped: OnceLock::new(),
            revision: AtomicU64::new(head.revision),
            readable: AtomicU64::new(head.revision),
            head: Mutex::new(head),
            log_time_ms: AtomicI64::new(head.time_ms),
            waiting_bytes: AtomicUsize::new(0),
            counters: Counters::default(),
            sink,
            clock,
            log,
            following,
            last_changes: LastChanges::new(head.revision),
            options,
        });
        let sequencer = Sequencer {
            shared: Arc::clone(&shared),
            follower,
            files,
            ahead,
            queue,
            encoder,
            max_batch: options.max_batch,
            head,
            behind: false,
            lost: None,
            followed_at: Instant::now(),
            reads: (0, None),
            trimmed: false,
            now_ms: head.time_ms,
            next_due_ms,
            pace: Pace::default(),
            pause_until: None,
            follow_commands: surroundings.sizes.follow_commands,
            world: surroundings.world.clone(),
        };
        Ok((Self { shared, thread: Mutex::new(None) }, Runner(sequencer)))
    }

    /// Queues a command; the sink completes `token` once it is durable. Never blocks.
    ///
    /// # Errors
    /// QUEUE_FULL with `retry_ms`, WRITER_STOPPED or STORE_CORRUPT; `token` is dropped then.
    pub fn submit(&self, request: Request, token: T) -> Result<(), Refusal> {
        self.enqueue_command(request, Waiter::Sink(token))
    }

    /// Queues a command and blocks this thread until it is durable.
    ///
    /// # Errors
    /// What [`Store::submit`] refuses, and what the rules refuse.
    pub fn submit_blocking(&self, request: Request) -> Answer {
        let (sender, receiver) = bounded(1);
        self.enqueue_command(request, Waiter::Thread(sender))?;
        receiver.recv().unwrap_or_else(|_| Err(self.shared.why_closed()))
    }

    fn enqueue_command(&self, request: Request, waiter: Waiter<T>) -> Result<(), Refusal> {
        let bytes = request.bytes;
        let waiting = self.shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        // One that finds nobody before it is taken whatever its size, which its sender bounds.
        let queued = if waiting > 0 && waiting.saturating_add(bytes) > self.shared.options.max_queue_bytes {
            Err(self.shared.queue_full())
        } else {
            self.enqueue(Work::Command(Box::new(request), waiter))
        };
        queued.inspect_err(|_| self.shared.answered(bytes))
    }

    fn enqueue(&self, work: Work<T>) -> Result<(), Refusal> {
        let queue = self.shared.queue.read().unwrap_or_else(PoisonError::into_inner);
        let sender = queue.as_ref().ok_or_else(|| self.shared.why_closed())?;
        sender.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => self.shared.queue_full(),
            TrySendError::Disconnected(_) => self.shared.why_closed(),
        })
    }

    /// Reads a consistent snapshot of the store. Finds all that was answered before, for which it may wait until the batch
    /// under way is done, under load some tens of milliseconds; only while the disk is full, or after the writer stopped, may
    /// the last of it be missing. Waits also for the moment in which the map grows: a `read` within a `read` can wait for that
    /// moment for ever. Keep it short: pages that the snapshot may see are not used again while it lasts.
    ///
    /// # Errors
    /// What `work` returns; WRITER_STOPPED after [`Store::close`].
    pub fn read<R>(&self, work: impl FnOnce(&Reader<'_>) -> Outcome<R>) -> Outcome<R> {
        self.shared.with_files(|files| self.shared.look(files, work))?
    }

    /// The same at once: what was answered in the last milliseconds may be missing, and nobody is held up for it.
    ///
    /// # Errors
    /// As those of [`Store::read`].
    pub fn glance<R>(&self, work: impl FnOnce(&Reader<'_>) -> Outcome<R>) -> Outcome<R> {
        self.shared.with_files_as_they_are(|files| self.shared.look(files, work))?
    }

    /// The last committed revision. A read that begins after this call sees at least that one.
    pub fn revision(&self) -> u64 {
        self.shared.revision.load(Ordering::Acquire)
    }

    /// The last revision that [`Store::glance`] finds for certain: [`Store::revision`], or up to 200 ms behind it
    /// (further while the disk takes nothing).
    pub fn readable(&self) -> u64 {
        self.shared.readable.load(Ordering::Acquire)
    }

    /// The time for queries, Unix milliseconds: the clock's, and never before a stamp of the sequencer.
    pub fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms().max(self.shared.log_time_ms.load(Ordering::Acquire))
    }

    /// At most `limit` records of the journal after revision `after`, with the texts of persons that were not erased.
    ///
    /// # Errors
    /// See [`Store::scan_journal`].
    pub fn read_journal(&self, after: u64, limit: usize) -> Outcome<Vec<JournalRecord>> {
        let mut records = Vec::new();
        self.read(|reader| {
            self.shared.log.read(reader, after, limit, &mut |record| {
                records.push(JournalRecord { events: open(reader, &record)?, ..record });
                Ok(true)
            })
        })?;
        Ok(records)
    }

    /// Visits at most `limit` records after revision `after`, ascending, until `visit` returns false. Returns the last
    /// revision looked at; `after` when there was none. The texts of persons stay sealed.
    ///
    /// # Errors
    /// REVISION_COMPACTED when the record after `after` was trimmed; FIELD_OUT_OF_RANGE when `after` lies beyond the
    /// last revision.
    pub fn scan_journal(
        &self,
        after: u64,
        limit: usize,
        visit: &mut dyn FnMut(JournalRecord) -> bool,
    ) -> Outcome<u64> {
        self.read(|reader| self.shared.log.read(reader, after, limit, &mut |record| Ok(visit(record))))
    }

    /// The same up to [`Store::readable`] at most, for which nobody is held up.
    ///
    /// # Errors
    /// As those of [`Store::scan_journal`].
    pub fn scan_readable(
        &self,
        after: u64,
        limit: usize,
        visit: &mut dyn FnMut(JournalRecord) -> bool,
    ) -> Outcome<u64> {
        if after > self.revision() {
            // That is for the journal to refuse.
            return self.scan_journal(after, limit, visit);
        }
        let left = self.readable().saturating_sub(after);
        let limit = usize::try_from(left).map_or(limit, |left| limit.min(left));
        if limit == 0 {
            return Ok(after);
        }
        self.glance(|reader| self.shared.log.read(reader, after, limit, &mut |record| Ok(visit(record))))
    }

    /// Whether records after revision `after` may have changed one of these kinds of things. When not, nothing has to be
    /// read: up to the revision that was told before this was asked there is nothing to find.
    pub fn may_have_changed(&self, kinds: Kinds, after: u64) -> bool {
        self.shared.last_changes.may_have_changed(kinds, after)
    }

    /// Forgets the journal's records before revision `before`, and the requests they carried out: sending one of those
    /// again would carry it out again. Returns how many were forgotten.
    ///
    /// # Errors
    /// What [`Store::submit`] refuses; STORE_FULL when the disk does not take it.
    pub fn trim(&self, before: u64) -> Result<u64, Refusal> {
        let mut all = 0;
        loop {
            let told = self.trim_some(before)?;
            match told.recv().unwrap_or_else(|_| Err(self.shared.why_closed()))? {
                0 => return Ok(all),
                some => all += some,
            }
        }
    }

    /// Queues one step of it: how many were forgotten is told. Only once that is none is the last of them forgotten for
    /// certain.
    ///
    /// # Errors
    /// What [`Store::submit`] refuses.
    pub fn trim_some(&self, before: u64) -> Result<Receiver<Result<u64, Refusal>>, Refusal> {
        let (sender, receiver) = bounded(1);
        self.enqueue(Work::Trim(before, sender))?;
        Ok(receiver)
    }

    /// How the store does. Cheap enough for every scrape of metrics.
    ///
    /// # Errors
    /// WRITER_STOPPED after [`Store::close`].
    pub fn status(&self) -> Outcome<Status> {
        let readers = self.shared.counters.readers.load(Ordering::Relaxed);
        let queue = self.shared.queue.read().unwrap_or_else(PoisonError::into_inner);
        let queue_length = queue.as_ref().map_or(0, Sender::len);
        drop(queue);
        let head = *self.shared.head.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever asks how the store does may not wait for it.
        let status = self.shared.with_files_as_they_are(|files| {
            let mut status = Status {
                revision: head.revision,
                first_revision: head.first_revision,
                log_time_ms: head.time_ms,
                clock_step_ms: self.shared.clock.disbelieved_ms(),
                queue_length: queue_length as u64,
                max_queue: self.shared.options.max_queue as u64,
                commands: 0,
                refused: 0,
                repeated: 0,
                expired: 0,
                commits: 0,
                commit_time_us: 0,
                batch_sizes: [0; crate::status::BATCH_SIZE_BUCKETS],
                largest_batch: 0,
                used_bytes: files.used_bytes(),
                map_bytes: files.map_bytes(),
                journal_head: head.hash,
                readers,
            };
            self.shared.counters.show(&mut status);
            status
        });
        status.map_err(Stop::from)
    }

    /// Checks every invariant over the whole store, on one snapshot: the rules', the journal's chain, that requests and
    /// journal agree. With `deep` the whole journal is replayed in memory and must lead to the same bytes; that takes
    /// as much memory as the store has data.
    ///
    /// While it runs, pages freed by the writer are not used again, and a full map waits for it.
    ///
    /// # Errors
    /// [`Fault::Io`] when the store cannot be read; WRITER_STOPPED after [`Store::close`].
    pub fn verify(&self, deep: bool) -> Outcome<Verification> {
        self.read(|reader| verify::verify(reader, deep).map_err(Stop::from))
    }

    /// Writes a consistent copy of the store into the new file `path`, durable when this returns, beside the running
    /// shop.
    ///
    /// # Errors
    /// [`StoreErrorKind::SnapshotExists`] when the file is there already, `Unusable` when it cannot be written.
    pub fn snapshot(&self, path: &Path) -> Result<Snapshot, StoreError> {
        self.shared.with_files(|files| snapshot::take(files, path, |copied| copied)).map_err(unusable)?
    }

    /// Lets the journal, up to revision `up_to` or its end, evolve the store in the directory `target`: an empty one,
    /// or one restored from a snapshot of this store. Returns the revision it has then.
    ///
    /// # Errors
    /// [`StoreErrorKind::Differs`] when what is in `target` is not of this store's history, or the journal does not
    /// reach back to it; what [`Store::open`] says of `target`.
    pub fn replay_into(&self, target: &Path, up_to: Option<u64>) -> Result<u64, StoreError> {
        let read = |after, limit| self.read(|reader| Chunk::read(reader, &*self.shared.log, after, limit));
        replay::replay(&read, target, up_to.unwrap_or(u64::MAX))
    }

    /// Why the writer stopped, if a failure made it.
    pub fn stopped(&self) -> Option<Refusal> {
        self.shared.stopped.get().cloned()
    }

    /// Takes no more commands, carries out and answers those that wait, then closes the files and frees the lock.
    /// Reads that run are waited for. Closing twice is nothing.
    pub fn close(&self) {
        self.shared.take_no_more();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The thread catches its panics and has told everybody.
            let _ = thread.join();
        }
        *self.shared.gate.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The writer of a store, to be run.
pub struct Runner<T>(Sequencer<T>);

impl<T: Send + 'static> Runner<T> {
    /// Serves until the store is closed, or the writer has to stop.
    pub fn run(self) {
        self.0.run();
    }
}

impl<T> std::fmt::Debug for Runner<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Drop for Store<T> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T: Send + 'static> std::fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("dir", &self.shared.dir)
            .field("revision", &self.revision())
            .field("stopped", &self.shared.stopped.get())
            .finish_non_exhaustive()
    }
}

fn unusable(refusal: Refusal) -> StoreError {
    StoreError::new(StoreErrorKind::Unusable, refusal.message)
}

/// What a failed read means for a copy or a rebuild.
pub(crate) fn unreadable(stop: Stop) -> StoreError {
    match stop {
        Stop::Fault(fault @ Fault::Corrupt(_)) => StoreError::new(StoreErrorKind::Corrupt, fault.to_string()),
        Stop::Refused(Refusal {
            reason: Reason::RevisionCompacted | Reason::FieldOutOfRange,
            message,
            ..
        }) => StoreError::new(StoreErrorKind::Differs, message),
        other => unusable(refusal(other)),
    }
}

/// Runs when dropped, also while a panic passes.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
