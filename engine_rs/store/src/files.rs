//! A store's files: the directory, who may open it, the LMDB environment and its tables.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use heed::{CommitOrAbort, Env, EnvFlags, EnvOpenOptions, MdbError, RwTxn, WithoutTls};
use kasir_core::records::Sale;
use kasir_core::{Fault, Table};

use crate::ahead::Ahead;
use crate::checkpoint::{self, CHECKPOINT_FILE, Checkpoints, Pins};
use crate::disk::{fits_into_memory, page_bytes};
use crate::error::{StoreError, StoreErrorKind, fault};
use crate::onlookers::Onlookers;
use crate::record::{Head, StoreInfo, decode, encode};
use crate::replay::recover;
use crate::schema::{self, FORMAT, FORMAT_READ, HEAD_KEY, OwnTable, STORE_KEY, Tables};
use crate::wal::{Frames, Wal};
use crate::world::{Sizes, Surroundings};

/// LMDB's data file in the store's directory.
pub const DATA_FILE: &str = "data.mdb";
/// Held (flock) by the process that has the store open; names it. The kernel frees it however that process ends.
pub const LOCK_FILE: &str = "lock";

/// After this the lock is tried once more.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// Maps are multiples of the largest page that any supported machine has.
const MAP_UNIT: usize = 64 * 1024;
/// The smallest map that holds an empty store.
const MAP_MIN: usize = 4 * MAP_UNIT;
/// How far a sound file may end before its last page: pages that LMDB took and gave back within one transaction are
/// never written. More is missing data.
const TAIL_MAX_BYTES: u64 = 1 << 20;

/// How much a store may grow between a look at its length and the moment that is read, when another process writes it.
const BESIDE_BYTES: usize = 1 << 30;

/// The largest page that LMDB makes.
const PAGE_MAX: usize = 0x8000;

/// How a store's map is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MapOptions {
    pub(crate) map_size: usize,
    pub(crate) max_readers: u32,
}

/// An open environment with all its tables. Clones share it; the last one dropped closes it and frees the lock.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    // The order counts: the environment is closed before the lock is freed.
    env: Env<WithoutTls>,
    tables: Arc<Tables<'static>>,
    /// What only the one who may write has.
    writable: Option<Arc<Writable>>,
}

#[derive(Debug)]
struct Writable {
    onlookers: Mutex<Onlookers>,
    pins: Pins,
    // Dropped last: whoever opens the store next finds nothing of this one open.
    _lock: File,
}

/// An LMDB error on its way out of one of heed's closures.
pub(crate) struct Failed(pub(crate) Fault);

impl From<heed::Error> for Failed {
    fn from(error: heed::Error) -> Self {
        Self(fault(error))
    }
}

impl Files {
    /// Opens the store in `dir`, or makes it there; `now_ms` is when it is made. The head's epoch is a new one. What
    /// was decided before is all there, and durable.
    pub(crate) fn open(
        dir: &Path,
        options: MapOptions,
        surroundings: &Surroundings,
        now_ms: i64,
    ) -> Result<(Self, Head, Ahead), StoreError> {
        let doing = format!("The store {} cannot be opened", dir.display());
        fs::create_dir_all(dir).map_err(|error| StoreError::io(&doing, &error))?;
        let failed = |error: &_| StoreError::io(&doing, error);
        let lock = take_lock(dir)?;
        let onlookers = Onlookers::new(dir)?;
        let nobody_looks = onlookers.wait()?;
        let put_back = checkpoint::put_back(dir)?;
        let data = dir.join(DATA_FILE);
        if !dir.join(CHECKPOINT_FILE).exists() && is_unborn(&data).map_err(|error| failed(&error))? {
            File::options()
                .write(true)
                .open(&data)
                .and_then(|file| file.set_len(0))
                .map_err(|error| failed(&error))?;
        }
        let begun = onlookers.begin(nobody_looks).and_then(|()| sign(&lock).map_err(|error| failed(&error)));
        let opened = begun.and_then(|()| open_environment(dir, options));
        let opened = opened.and_then(|(env, head)| match &put_back {
            Some(found) if found.revision != head.revision => Err(StoreError::new(
                StoreErrorKind::Corrupt,
                format!("{doing}: its files are of different stores, or of different days."),
            )),
            _ => Ok((env, head)),
        });
        let (env, head) = opened.inspect_err(|_| {
            if let Some(found) = &put_back {
                found.undo();
            }
        })?;
        let (sizes, has_threads) = (surroundings.sizes, surroundings.world.is_none());
        let created = if put_back.is_none() {
            Some(Wal::create(dir, sizes, has_threads).map_err(|error| failed(&error))?)
        } else {
            None
        };
        // What is synced is what is in the files, not that they are there.
        sync_dir_of(&dir.join(DATA_FILE)).and_then(|()| sync_dir_of(dir)).map_err(|error| failed(&error))?;
        let world = surroundings.world.clone();
        let mut checkpoints = Checkpoints::begin(&env, dir, head.revision, put_back.is_some(), world)
            .map_err(|error| failed(&error))?;
        let (tables, head, described) = loop {
            match take_over(&env, now_ms) {
                Ok(opened) => break opened,
                Err(Fault::Full) => grow(&env).map_err(|fault| StoreError::fault(&doing, &fault))?,
                Err(fault) => return Err(StoreError::fault(&doing, &fault)),
            }
        };
        if described && !checkpoints.make(head.revision).map_err(|error| failed(&error))? {
            return Err(failed(&checkpoint::not_taken()));
        }
        let writable = Some(Arc::new(Writable {
            onlookers: Mutex::new(onlookers),
            pins: checkpoints.pins(),
            _lock: lock,
        }));
        let files = Self { env, tables: Arc::new(tables), writable };
        // Dropped before `files`, should something fail: the lock is freed when nothing is open any more.
        let checkpoints = checkpoints;
        let (wal, head) = match created {
            Some(wal) => (wal, head),
            None => files.recover(dir, head, sizes, has_threads)?,
        };
        let ahead = Ahead::begin(wal, checkpoints, head.revision, sizes.commits, has_threads)
            .map_err(|error| failed(&error))?;
        Ok((files, head, ahead))
    }

    /// Applies what was written ahead after `head`, a checkpoint's, and goes on behind it.
    fn recover(
        &self,
        dir: &Path,
        head: Head,
        sizes: Sizes,
        has_threads: bool,
    ) -> Result<(Wal, Head), StoreError> {
        let doing = format!("The store {} cannot be opened", dir.display());
        let failed = |fault: &Fault| StoreError::fault(&doing, fault);
        let mut frames = Frames::between(dir, head.revision, u64::MAX)?;
        let head =
            recover(self, &mut frames, head, &|| self.grow(), has_threads).map_err(|fault| failed(&fault))?;
        if frames.has_gap_after(&head).map_err(|fault| failed(&fault))? {
            let what = format!("what was written ahead after revision {} is damaged", head.revision);
            return Err(failed(&Fault::Corrupt(what)));
        }
        let wal = Wal::go_on(dir, frames.end(), sizes, has_threads)
            .map_err(|error| StoreError::io(&doing, &error))?;
        Ok((wal, head))
    }

    /// Opens a copy of a store's data file for reading: a snapshot, which nobody writes.
    pub(crate) fn open_copy(file: &Path) -> Result<Self, StoreError> {
        Self::open_to_read(file, 0)
    }

    /// Opens a store's data file for reading beside the engine that writes it; the caller is an onlooker.
    pub(crate) fn open_beside(file: &Path) -> Result<Self, StoreError> {
        Self::open_to_read(file, BESIDE_BYTES)
    }

    /// Opens a data file without LMDB's locks, in a map that has `beyond` bytes more than it.
    fn open_to_read(file: &Path, beyond: usize) -> Result<Self, StoreError> {
        let doing = format!("The file {} cannot be opened", file.display());
        let length = fs::metadata(file).map_err(|error| StoreError::io(&doing, &error))?.len();
        let map_size = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(beyond);
        let mut builder = EnvOpenOptions::new().read_txn_without_tls();
        builder.map_size(map_bytes(map_size)).max_dbs(schema::count());
        // SAFETY: without locks LMDB wants that nobody writes over what is read: it is a finished copy, ours alone, or the
        // engine that writes it spares what an onlooker sees. Not one that opens it anew: of that the onlooker learns, but LMDB
        // does not, and may end the program before (docs/adr/0010-onlookers.md).
        #[allow(unsafe_code, reason = "heed marks opening a memory map, and doing so without locks, unsafe")]
        let env = unsafe {
            builder.flags(EnvFlags::READ_ONLY | EnvFlags::NO_SUB_DIR | EnvFlags::NO_LOCK);
            builder.open(file)
        }
        .map_err(|error| StoreError::lmdb(&doing, error))?;
        check_length(&env, file, if beyond == 0 { Missing::Nothing } else { Missing::Tail })?;
        check_format(&env, file)?;
        let tables = {
            let txn = env.read_txn().map_err(|error| StoreError::lmdb(&doing, error))?;
            env.open_databases_and_commit(txn, |opener, txn| {
                Tables::open(opener, txn).map(CommitOrAbort::<_, ()>::Commit).map_err(Failed)
            })
            .map_err(|Failed(fault)| StoreError::fault(&doing, &fault))?
            .unwrap_commit()
        };
        Ok(Self { env, tables: Arc::new(tables), writable: None })
    }

    pub(crate) fn env(&self) -> &Env<WithoutTls> {
        &self.env
    }

    pub(crate) fn tables(&self) -> &Tables<'static> {
        &self.tables
    }

    /// Begins the write transaction, once what onlookers see is spared.
    pub(crate) fn write_txn(&self) -> Result<RwTxn<'_>, heed::Error> {
        if let Some(writable) = &self.writable {
            writable.onlookers.lock().unwrap_or_else(PoisonError::into_inner).look(&writable.pins)?;
        }
        self.env.write_txn()
    }

    /// Doubles the map. No transaction of this process may be open, but for the one kept for onlookers: it is never
    /// read through, so that it holds nothing of the map.
    pub(crate) fn grow(&self) -> Result<(), Fault> {
        grow(&self.env)
    }

    /// Bytes of the file that LMDB has given out, freed pages included.
    pub(crate) fn used_bytes(&self) -> u64 {
        used_bytes(&self.env)
    }

    /// Bytes of the map.
    pub(crate) fn map_bytes(&self) -> u64 {
        self.env.info().map_size as u64
    }
}

/// Whether a data file is of a store that was just being made when it ended: header pages and nothing else. One of them may
/// never have come to the disk, or not all of it, and LMDB takes the file for none of its own then; or a sync of them failed,
/// after which the kernel takes them for written. So they are made once more.
fn is_unborn(file: &Path) -> std::io::Result<bool> {
    let page = page_bytes().min(PAGE_MAX);
    let length = fs::metadata(file).map_or(0, |file| file.len());
    if length == 0 || length > 2 * page as u64 {
        return Ok(false);
    }
    let bytes = fs::read(file)?;
    Ok(bytes.chunks(page).zip(0..).all(|(header, number)| {
        let is_missing = header.iter().all(|byte| *byte == 0);
        is_missing || header.iter().zip(header_begins(number)).all(|(found, wanted)| *found == wanted)
    }))
}

/// What stands first in LMDB's header page of a number: that, nothing, its kind, no bounds, and what tells the file.
fn header_begins(number: u64) -> impl Iterator<Item = u8> {
    const KIND: u16 = 8;
    const MAGIC: u32 = 0xBEEF_C0DE;
    let number = number.to_ne_bytes().into_iter();
    number.chain([0; 2]).chain(KIND.to_ne_bytes()).chain([0; 4]).chain(MAGIC.to_ne_bytes())
}

/// LMDB's environment in `dir`, checked, and the head in it.
fn open_environment(dir: &Path, options: MapOptions) -> Result<(Env<WithoutTls>, Head), StoreError> {
    let doing = format!("The store {} cannot be opened", dir.display());
    let mut builder = EnvOpenOptions::new().read_txn_without_tls();
    builder.map_size(map_bytes(options.map_size)).max_readers(options.max_readers).max_dbs(schema::count());
    let length = fs::metadata(dir.join(DATA_FILE)).map_or(0, |file| file.len());
    let mut flags = EnvFlags::NO_SYNC;
    if fits_into_memory(length) == Some(false) {
        // Pages that a command needs lie anywhere: what the kernel reads around each only drives others out.
        flags |= EnvFlags::NO_READ_AHEAD;
    }
    // SAFETY: the map is undefined behaviour when others change the file beneath it. The lock keeps every other engine out,
    // and programs that only look (kasir inspect) write nothing. Without syncs a power cut leaves pages of any age in the
    // file; the checkpoints see to that.
    #[allow(unsafe_code, reason = "heed marks opening a memory map, and doing so without syncs, unsafe")]
    let env = unsafe {
        builder.flags(flags);
        builder.open(dir)
    }
    .map_err(|error| not_opened(&doing, error))?;
    env.clear_stale_readers().map_err(|error| StoreError::lmdb(&doing, error))?;
    check_length(&env, &dir.join(DATA_FILE), Missing::Added)?;
    let head = check_format(&env, dir)?;
    Ok((env, head))
}

fn not_opened(doing: &str, error: heed::Error) -> StoreError {
    if matches!(error, heed::Error::Mdb(MdbError::VersionMismatch)) {
        let why = "another version of LMDB has it open, or wrote it. End the program that looks into it";
        return StoreError::new(StoreErrorKind::Unusable, format!("{doing}: {why}."));
    }
    StoreError::lmdb(doing, error)
}

/// Takes the lock of a directory. It is empty until it is signed.
fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK_FILE);
    let failed = |error: &_| StoreError::io(format!("The lock {} cannot be taken", path.display()), error);
    let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = options.map_err(|error| failed(&error))?;
    let taken = file.try_lock().or_else(|_| {
        // `kasir inspect` holds it for a moment, to find out whether somebody has the store.
        std::thread::sleep(LOCK_PAUSE);
        file.try_lock()
    });
    match taken {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message: whoever just took the lock may not have written its name yet.
            let _ = file.read_to_string(&mut holder);
            let holder =
                if holder.is_empty() { "another process".into() } else { format!("process {holder}") };
            return Err(StoreError::new(
                StoreErrorKind::Locked,
                format!("The store {} is in use by {holder}. Stop it first.", dir.display()),
            ));
        }
        Err(TryLockError::Error(error)) => return Err(failed(&error)),
    }
    file.set_len(0).map_err(|error| failed(&error))?;
    Ok(file)
}

/// Writes into the lock who has it: what is in the directory is in order.
fn sign(lock: &File) -> std::io::Result<()> {
    lock.write_all_at(std::process::id().to_string().as_bytes(), 0)
}

/// Refuses what is no store of this program's format. A new, empty environment passes. Returns the head.
fn check_format(env: &Env<WithoutTls>, path: &Path) -> Result<Head, StoreError> {
    let shown = path.display();
    let failed = |fault: &Fault| StoreError::fault(format!("The store {shown} cannot be read"), fault);
    let txn = env.read_txn().map_err(|error| failed(&fault(error)))?;
    let meta = env
        .open_databases_and_commit(txn, |opener, txn| -> Result<_, Failed> {
            Ok(CommitOrAbort::<_, ()>::Commit(schema::open_one(opener, txn, OwnTable::Meta.name())?))
        })
        .map_err(|Failed(fault)| failed(&fault))?
        .unwrap_commit();
    let foreign =
        || StoreError::new(StoreErrorKind::Format, format!("{shown} is an LMDB file, but no Kasir store."));
    let Some(meta) = meta else {
        return if env.unnamed_database_stat().entries == 0 { Ok(Head::empty()) } else { Err(foreign()) };
    };
    let txn = env.read_txn().map_err(|error| failed(&fault(error)))?;
    let bytes = meta.get(&txn, STORE_KEY).map_err(|error| failed(&fault(error)))?.ok_or_else(foreign)?;
    let info: StoreInfo = decode("the store's description", bytes).map_err(|fault| failed(&fault))?;
    if (FORMAT_READ..=FORMAT).contains(&info.format) {
        let head = meta.get(&txn, HEAD_KEY).map_err(|error| failed(&fault(error)))?;
        let head = head.map(|bytes| decode("the journal's head", bytes)).transpose();
        return Ok(head.map_err(|fault| failed(&fault))?.unwrap_or_else(Head::empty));
    }
    let format = info.format;
    Err(StoreError::new(
        StoreErrorKind::Format,
        format!(
            "The store {shown} has format {format}; this program writes format {FORMAT}, and reads from {FORMAT_READ} on. \
             Use the Kasir that wrote it."
        ),
    ))
}

/// Makes missing tables, describes a new store or one of an earlier format, and begins a new epoch: in one transaction.
/// Returns whether it described one: no checkpoint says of which format it is then, and what is written ahead says it nowhere. So there has to be one
/// first, or a program of another format would take the store for a new one of its own.
fn take_over(env: &Env<WithoutTls>, now_ms: i64) -> Result<(Tables<'static>, Head, bool), Fault> {
    let (mut head, mut described) = (Head::empty(), false);
    let txn = env.write_txn().map_err(fault)?;
    let tables = env
        .create_databases_and_commit(txn, |opener, txn| -> Result<_, Failed> {
            let receipts_listed = schema::open_one(opener, txn, Table::SalesByReceipt.name())?.is_some();
            let tables = Tables::create(opener, txn)?;
            if !receipts_listed {
                list_receipts(&tables, txn)?;
            }
            let meta = tables.written(OwnTable::Meta);
            let info = match meta.get(txn, STORE_KEY)? {
                Some(bytes) => decode("the store's description", bytes).map_err(Failed)?,
                None => StoreInfo { format: 0, create_ms: now_ms },
            };
            if info.format != FORMAT {
                let info = StoreInfo { format: FORMAT, ..info };
                meta.put(txn, STORE_KEY, &encode(&info).map_err(Failed)?)?;
                described = true;
            }
            if let Some(bytes) = meta.get(txn, HEAD_KEY)? {
                head = decode("the journal's head", bytes).map_err(Failed)?;
            }
            head.epoch += 1;
            meta.put(txn, HEAD_KEY, &encode(&head).map_err(Failed)?)?;
            Ok(CommitOrAbort::<_, ()>::Commit(tables))
        })
        .map_err(|Failed(fault)| fault)?
        .unwrap_commit();
    Ok((tables, head, described))
}

/// Lists the sales by receipt that were made before there was such a list: what making them would write today.
fn list_receipts(tables: &Tables<'_>, txn: &mut RwTxn<'_>) -> Result<(), Failed> {
    let mut rows = Vec::new();
    for found in tables.written(Table::Sales).iter(txn)? {
        let (_, bytes) = found?;
        let sale: Sale = kasir_core::records::decode(bytes).map_err(Failed)?;
        rows.extend(sale.receipt_row());
    }
    let list = tables.written(Table::SalesByReceipt);
    for row in rows {
        list.put(txn, row.as_slice(), &[])?;
    }
    Ok(())
}

/// What may be missing at the end of a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Nothing,
    /// What LMDB never wrote, see [`TAIL_MAX_BYTES`]: nobody reads it.
    Tail,
    /// The same; added, since it will be written.
    Added,
}

/// Refuses a file that is too short for its pages: reading beyond its end would kill the process.
fn check_length(env: &Env<WithoutTls>, file: &Path, missing: Missing) -> Result<(), StoreError> {
    let failed = |error: &_| StoreError::io(format!("{} cannot be read", file.display()), error);
    // In this order: who writes meanwhile makes the file longer first.
    let needed = used_bytes(env);
    let length = fs::metadata(file).map_err(|error| failed(&error))?.len();
    if length >= needed {
        return Ok(());
    }
    if missing == Missing::Nothing || needed - length > TAIL_MAX_BYTES {
        return Err(StoreError::new(
            StoreErrorKind::Corrupt,
            format!("{} was cut off: it has {length} bytes of {needed}.", file.display()),
        ));
    }
    if missing == Missing::Tail {
        return Ok(());
    }
    let file = File::options().write(true).open(file).map_err(|error| failed(&error))?;
    file.set_len(needed).map_err(|error| failed(&error))
}

fn used_bytes(env: &Env<WithoutTls>) -> u64 {
    let page_size = u64::from(env.unnamed_database_stat().page_size);
    (env.info().last_page_number as u64 + 1) * page_size
}

fn grow(env: &Env<WithoutTls>) -> Result<(), Fault> {
    let size = env.info().map_size;
    let doubled =
        size.checked_mul(2).ok_or_else(|| Fault::Io(format!("the map of {size} bytes cannot double")))?;
    has_addresses(map_bytes(doubled)).map_err(|error| Fault::Io(format!("the map cannot grow: {error}")))?;
    // SAFETY: LMDB wants no transaction of this process to be open. The callers see to it: the sequencer holds the gate
    // that every reader passes and has dropped its own; before a store is shared there are none.
    #[allow(unsafe_code, reason = "heed marks resizing the map unsafe")]
    unsafe { env.resize(map_bytes(doubled)) }.map_err(fault)
}

/// Asks for so many bytes of addresses, and gives them back: LMDB lets go of the old map before it asks for the new one, and
/// whoever reads next dies when there was none (`ulimit -v`, systemd's `LimitAS`).
fn has_addresses(bytes: usize) -> std::io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a mapping of its own, which nobody reads or writes, and which is given back as it came.
    #[allow(unsafe_code, reason = "to be asked of the system")]
    unsafe {
        let room = libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0);
        if room == libc::MAP_FAILED || libc::munmap(room, bytes) != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}

fn map_bytes(wanted: usize) -> usize {
    wanted.max(MAP_MIN).div_ceil(MAP_UNIT).saturating_mul(MAP_UNIT)
}

/// Makes renames and new files in `file`'s directory durable.
pub(crate) fn sync_dir_of(file: &Path) -> std::io::Result<()> {
    File::open(directory_of(file))?.sync_all()
}

/// The directory a path lies in.
pub(crate) fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
