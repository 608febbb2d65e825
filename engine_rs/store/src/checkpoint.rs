//! Checkpoints: moments of LMDB's file that are whole on disk, whatever came after.
//!
//! LMDB writes without syncs, so that after a power cut its file may hold any mixture of old and new pages. It never
//! writes over a page that some read transaction may see, though: the writer keeps one open at the last checkpoint, so
//! that all its pages stay. What LMDB does write over are its two header pages, so the [`CHECKPOINT_FILE`] keeps a copy
//! of them. With these put back, the file is what it was at the checkpoint; [`crate::wal`] has the rest.
//!
//! Each opening after anything but a clean stop puts them back, whether the machine or only the process died: there is
//! one way back, and every kill tests it. After a clean stop the file is what it is.
//!
//! The file: [`MAGIC`], 1 after a clean stop or else 0 (u8), the revision (u64, little-endian), the header pages, and the
//! BLAKE3 of all that stands before.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use heed::{Env, MdbError, RoTxn, WithoutTls};

use crate::disk::{fits_into_memory, read_only_what_is_asked_for, write_out};
use crate::error::{StoreError, StoreErrorKind};
use crate::files::{DATA_FILE, sync_dir_of};
use crate::store::OnDrop;
use crate::wal::WAL_FILES;
use crate::world::World;

/// The last checkpoint, in the store's directory.
pub const CHECKPOINT_FILE: &str = "checkpoint";
/// Begins the file.
const MAGIC: [u8; 16] = *b"kasir-checkpoint";

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Checkpoint {
    closed: bool,
    revision: u64,
    headers: Vec<u8>,
}

impl Checkpoint {
    /// The state of the data file now, while nobody writes it.
    fn of(env: &Env<WithoutTls>, data: &File, revision: u64, closed: bool) -> io::Result<Self> {
        let mut headers = vec![0; 2 * env.unnamed_database_stat().page_size as usize];
        data.read_exact_at(&mut headers, 0)?;
        Ok(Self { closed, revision, headers })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes =
            [&MAGIC[..], &[u8::from(self.closed)], &self.revision.to_le_bytes(), &self.headers].concat();
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, hash) = bytes.split_last_chunk::<32>()?;
        let (closed, rest) = content.strip_prefix(&MAGIC)?.split_first()?;
        let (revision, headers) = rest.split_first_chunk()?;
        let sound = blake3::hash(content) == *hash && !headers.is_empty();
        sound.then(|| Self {
            closed: *closed == 1,
            revision: u64::from_le_bytes(*revision),
            headers: headers.to_vec(),
        })
    }

    /// Durable when this returns; a reader finds the old one or the new one. Not saved, and false, when the disk did
    /// not take it: the old one stays good.
    fn save(&self, path: &Path) -> io::Result<bool> {
        if self.write(path).is_err() {
            return Ok(false);
        }
        publish(path)?;
        Ok(true)
    }

    /// Beside the old one.
    fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(part(path), self.encode())
    }
}

fn part(path: &Path) -> PathBuf {
    path.with_extension("part")
}

/// What was written beside the old checkpoint takes its place, durable when this returns.
fn publish(path: &Path) -> io::Result<()> {
    File::open(part(path))?.sync_all()?;
    fs::rename(part(path), path)?;
    sync_dir_of(path)
}

/// Why no checkpoint was made.
pub(crate) fn not_taken() -> io::Error {
    io::Error::other("the disk did not take a checkpoint: it is full, or cannot be written")
}

/// A data file that was put back.
pub(crate) struct PutBack {
    /// The checkpoint's.
    pub(crate) revision: u64,
    data: File,
    /// The header pages before.
    before: Vec<u8>,
}

impl PutBack {
    /// Leaves the file as it was found: it is none of this checkpoint's.
    pub(crate) fn undo(&self) {
        let _ = self.data.write_all_at(&self.before, 0);
    }
}

/// Whether the store in `dir` was closed well, or never opened to be written: its data file is whole by itself.
pub(crate) fn is_closed(dir: &Path) -> io::Result<bool> {
    match fs::read(dir.join(CHECKPOINT_FILE)) {
        Ok(bytes) => Ok(Checkpoint::decode(&bytes).is_some_and(|checkpoint| checkpoint.closed)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Puts the data file in `dir` back to its last checkpoint, unless it was closed well. `None`: the file is what it is.
pub(crate) fn put_back(dir: &Path) -> Result<Option<PutBack>, StoreError> {
    let path = dir.join(CHECKPOINT_FILE);
    let failed = |error: &io::Error| {
        StoreError::io(format!("The store {} cannot be put back to its checkpoint", dir.display()), error)
    };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let written = |name| fs::metadata(dir.join(name)).is_ok_and(|file| file.len() > 0);
            if WAL_FILES.into_iter().any(written) {
                let what = format!("{} is missing: {} needs it.", path.display(), WAL_FILES.join(" or "));
                return Err(StoreError::new(StoreErrorKind::Corrupt, what));
            }
            return Ok(None);
        }
        Err(error) => return Err(failed(&error)),
    };
    let damaged = || StoreError::new(StoreErrorKind::Corrupt, format!("{} is damaged.", path.display()));
    let checkpoint = Checkpoint::decode(&bytes).ok_or_else(damaged)?;
    // Who saved it may not have lived to see its name durable, or saw that fail; what it makes needless is thrown away next.
    sync_dir_of(&path).map_err(|error| failed(&error))?;
    if checkpoint.closed {
        return Ok(None);
    }
    let data =
        File::options().read(true).write(true).open(dir.join(DATA_FILE)).map_err(|error| failed(&error))?;
    let mut before = vec![0; checkpoint.headers.len()];
    data.read_exact_at(&mut before, 0).map_err(|error| failed(&error))?;
    if before != checkpoint.headers {
        // Not synced: until there is another checkpoint, each opening does this again.
        data.write_all_at(&checkpoint.headers, 0).map_err(|error| failed(&error))?;
    }
    Ok(Some(PutBack { revision: checkpoint.revision, data, before }))
}

/// A read transaction that is never read through: it keeps pages from being written over.
pub(crate) struct Pin(#[expect(dead_code, reason = "held, not read")] Mutex<RoTxn<'static, WithoutTls>>);

impl Pin {
    /// `None`: as many read as may.
    fn new(env: &Env<WithoutTls>) -> io::Result<Option<Self>> {
        match env.clone().static_read_txn() {
            Ok(txn) => Ok(Some(Self(Mutex::new(txn)))),
            Err(heed::Error::Mdb(MdbError::ReadersFull)) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

/// Where to find what keeps the last checkpoint's pages, for others whom those serve as well.
#[derive(Clone)]
pub(crate) struct Pins(Arc<Mutex<Arc<Pin>>>);

impl Pins {
    /// What keeps the pages of the last checkpoint, and of all that came since.
    pub(crate) fn last(&self) -> Arc<Pin> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, pin: Pin) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(pin);
    }
}

impl std::fmt::Debug for Pins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pins").finish_non_exhaustive()
    }
}

/// A checkpoint under way.
struct Pending {
    revision: u64,
    /// `None`: nothing is written after it.
    pin: Option<Pin>,
}

/// What makes a checkpoint.
#[derive(Debug)]
struct Maker {
    path: PathBuf,
    data: File,
    /// Opened by itself: what writing out finds wrong is told to the one who asks next through the same descriptor. Not
    /// LMDB's own sync, which looks into the map: that may just be growing.
    synced: File,
    /// The one under way is waited for.
    hurry: AtomicBool,
    /// The one under way is almost made.
    ends: AtomicBool,
}

impl Maker {
    /// Syncs the data file, bit by bit if others write meanwhile.
    fn sync(&self, others_write: bool) -> io::Result<()> {
        let _ended = OnDrop(|| self.ends.store(false, Ordering::Relaxed));
        if others_write {
            write_out(&self.data, &self.hurry)?;
            // What changed meanwhile: the sync would write it in one piece.
            self.ends.store(true, Ordering::Relaxed);
            write_out(&self.data, &self.hurry)?;
            // And what was under way when that began.
            write_out(&self.data, &self.hurry)?;
        }
        self.synced.sync_data()
    }

    fn make(&self, checkpoint: &Checkpoint) -> io::Result<bool> {
        if fits_into_memory(self.data.metadata()?.len()) == Some(false) {
            // It may have fitted when it was opened.
            let _ = read_only_what_is_asked_for(&self.data);
        }
        self.sync(!checkpoint.closed)?;
        checkpoint.save(&self.path)
    }
}

/// Who makes them, one after the other.
enum Worker {
    /// A thread of its own: they take as long as the disk does.
    Thread { jobs: Option<Sender<Checkpoint>>, thread: Option<JoinHandle<()>> },
    /// A simulation, which lets others do something between one step and the next.
    World { world: Arc<dyn World>, maker: Arc<Maker>, told: Sender<io::Result<bool>> },
}

impl Worker {
    fn new(
        maker: Arc<Maker>,
        told: Sender<io::Result<bool>>,
        world: Option<Arc<dyn World>>,
    ) -> io::Result<Self> {
        if let Some(world) = world {
            return Ok(Self::World { world, maker, told });
        }
        let (jobs, waiting) = bounded::<Checkpoint>(1);
        let thread = std::thread::Builder::new().name("kasir-checkpoint".into()).spawn(move || {
            for checkpoint in waiting {
                if told.send(maker.make(&checkpoint)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self::Thread { jobs: Some(jobs), thread: Some(thread) })
    }

    fn take(&self, checkpoint: Checkpoint) -> io::Result<()> {
        match self {
            Self::Thread { jobs, .. } => {
                jobs.as_ref().and_then(|jobs| jobs.send(checkpoint).ok()).ok_or_else(gone)
            }
            Self::World { world, maker, told } => {
                let (after, maker, told) = (Arc::clone(world), Arc::clone(maker), told.clone());
                world.beside(Box::new(move || match maker.sync(!checkpoint.closed) {
                    Ok(()) => after.beside(Box::new(move || drop(told.send(checkpoint.save(&maker.path))))),
                    Err(error) => drop(told.send(Err(error))),
                }));
                Ok(())
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Self::Thread { jobs, thread } = self {
            *jobs = None;
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// Makes checkpoints beside the writer.
pub(crate) struct Checkpoints {
    env: Env<WithoutTls>,
    /// Keep the last checkpoint's pages.
    pins: Pins,
    revision: u64,
    pending: Option<Pending>,
    maker: Arc<Maker>,
    done: Receiver<io::Result<bool>>,
    /// `None` after one that failed: a sync that failed says nothing when it succeeds the next time.
    worker: Option<Worker>,
}

impl Checkpoints {
    /// Begins with the environment as it is, at `revision`, before anything is written without syncs. That is a checkpoint
    /// when it was `put_back` to one; else one is made.
    pub(crate) fn begin(
        env: &Env<WithoutTls>,
        dir: &Path,
        revision: u64,
        put_back: bool,
        world: Option<Arc<dyn World>>,
    ) -> io::Result<Self> {
        let data = File::open(dir.join(DATA_FILE))?;
        let pin = Pin::new(env)?.ok_or(ErrorKind::ResourceBusy)?;
        let maker = Arc::new(Maker {
            path: dir.join(CHECKPOINT_FILE),
            data: data.try_clone()?,
            synced: File::open(dir.join(DATA_FILE))?,
            hurry: AtomicBool::new(false),
            ends: AtomicBool::new(false),
        });
        if !put_back {
            maker.sync(false)?;
            Checkpoint::of(env, &data, revision, false)?.write(&maker.path)?;
            publish(&maker.path)?;
        }
        let (told, done) = bounded(1);
        let worker = Some(Worker::new(Arc::clone(&maker), told, world)?);
        let pins = Pins(Arc::new(Mutex::new(Arc::new(pin))));
        Ok(Self { env: env.clone(), pins, revision, pending: None, maker, done, worker })
    }

    /// What keeps the last checkpoint's pages.
    pub(crate) fn pins(&self) -> Pins {
        self.pins.clone()
    }

    /// The last checkpoint's revision.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether one is under way.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether the one under way is almost made: what is written now, its last sync would write, and all syncs of the
    /// write-ahead file would wait for that one.
    pub(crate) fn is_ending(&self) -> bool {
        self.maker.ends.load(Ordering::Relaxed)
    }

    /// Starts a checkpoint of what is committed: at `revision`. None may be under way, nor a write transaction. Returns
    /// whether it could be: later, if as many read as may.
    pub(crate) fn start(&mut self, revision: u64) -> io::Result<bool> {
        self.order(revision, false)
    }

    fn order(&mut self, revision: u64, closed: bool) -> io::Result<bool> {
        debug_assert!(self.pending.is_none(), "one at a time");
        self.maker.hurry.store(false, Ordering::Relaxed);
        let pin = if closed {
            None
        } else {
            let Some(pin) = Pin::new(&self.env)? else { return Ok(false) };
            Some(pin)
        };
        let checkpoint = Checkpoint::of(&self.env, &self.maker.data, revision, closed)?;
        self.worker.as_ref().ok_or_else(gone)?.take(checkpoint)?;
        self.pending = Some(Pending { revision, pin });
        Ok(true)
    }

    /// Has the one under way made faster, at the cost of those who write meanwhile.
    pub(crate) fn hurry(&self) {
        self.maker.hurry.store(true, Ordering::Relaxed);
    }

    /// Takes note of a checkpoint that is made. `wait`: waits for the one under way. Returns whether one was saved.
    pub(crate) fn look(&mut self, wait: bool) -> io::Result<bool> {
        if self.pending.is_none() {
            return Ok(false);
        }
        let made = if wait {
            if let Some(Worker::World { world, .. }) = &self.worker {
                world.join();
            }
            self.done.recv().map_err(|_| gone())?
        } else {
            match self.done.try_recv() {
                Ok(made) => made,
                Err(crossbeam_channel::TryRecvError::Empty) => return Ok(false),
                Err(crossbeam_channel::TryRecvError::Disconnected) => return Err(gone()),
            }
        };
        let pending = self.pending.take();
        match (pending, made) {
            (Some(Pending { revision, pin }), Ok(true)) => {
                self.revision = revision;
                if let Some(pin) = pin {
                    self.pins.set(pin);
                }
                Ok(true)
            }
            (_, Ok(_)) => Ok(false),
            (_, Err(error)) => {
                self.worker = None;
                Err(error)
            }
        }
    }

    /// Makes a checkpoint at `revision`, durable when this returns. False: not made, the disk did not take it.
    pub(crate) fn make(&mut self, revision: u64) -> io::Result<bool> {
        self.make_one(revision, false)
    }

    /// The same, as the last thing that happens to the file.
    pub(crate) fn close(mut self, revision: u64) -> io::Result<bool> {
        self.make_one(revision, true)
    }

    fn make_one(&mut self, revision: u64, closed: bool) -> io::Result<bool> {
        self.hurry();
        self.look(true)?;
        let ordered = self.order(revision, closed)?;
        self.hurry();
        Ok(self.look(true)? && ordered)
    }
}

impl std::fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoints")
            .field("path", &self.maker.path)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

fn gone() -> io::Error {
    io::Error::other("the checkpoints' thread is gone")
}
