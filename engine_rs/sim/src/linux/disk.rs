//! The disk beneath the simulation's store. Its files lie on a real file system, which is what the kernel's cache would be;
//! beside it this keeps what of them is durable, and each write since. A power cut leaves any mixture of both.
//!
//! A directory's names are durable once it is synced. The files by which programs keep each other out are none of its
//! business: what is in them counts for nothing after a crash.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use kasir_store::{CHECKPOINT_FILE, DATA_FILE};

use super::content::{ALL, Change, Content, PAGE, lay};
use super::control::Control;
use super::trace::traced;
use super::{hooks, time};

/// Files that are not looked at.
const UNSEEN: [&str; 3] = ["lock", "lock.mdb", "onlookers"];

/// How the machine or the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process alone: all that it wrote is in the kernel's cache.
    Kill,
    /// The machine.
    PowerCut,
}

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// So many bytes are left. `strict`: it takes nothing, not even over what is there already.
    Full { room: u64, strict: bool },
    /// The sync after so many does not confirm; what was to be synced is there or not, for ever.
    Sync { after: u32 },
    /// The sync of the directory after so many does not confirm.
    Names { after: u32 },
    /// The write after so many fails, or is cut short.
    Write { after: u32, short: bool },
}

/// What the caller of a system call gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The kernel does it.
    Go,
    /// Of a write only so many bytes.
    Short(usize),
    /// Nothing, though it seems done.
    Done,
    /// This error.
    Fail(i32),
}

#[derive(Debug, Clone)]
enum NameChange {
    Made { name: String, file: usize },
    Moved { from: String, to: String, file: usize },
    Gone { name: String },
}

impl NameChange {
    /// Whether something got this name.
    fn is_of(&self, wanted: &str) -> bool {
        matches!(self, Self::Made { name, .. } | Self::Moved { to: name, .. } if name == wanted)
    }
}

type Names = BTreeMap<String, usize>;

/// All that a crash leaves.
struct Left {
    files: Vec<Content>,
    names: Names,
    durable_names: Names,
    name_changes: Vec<NameChange>,
}

/// How much was asked of the disk.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// By LMDB, which is C: pages of its data file.
    pub(crate) pages: u64,
    /// By the rest, which is Rust.
    pub(crate) others: u64,
    pub(crate) syncs: u64,
    pub(crate) kills: u64,
    pub(crate) power_cuts: u64,
}

/// What is known of a descriptor.
#[derive(Debug, Clone, Copy)]
enum Descriptor {
    Unknown,
    /// Of this file.
    Ours(usize),
    /// Of none in the directory.
    Another,
}

/// One directory with its files.
pub(crate) struct Disk {
    dir: PathBuf,
    dice: Rng,
    control: Option<Control>,
    /// Of the directory itself.
    own_inode: Option<u64>,
    files: Vec<Content>,
    inodes: BTreeMap<u64, usize>,
    /// By number, while they are open.
    descriptors: Vec<Descriptor>,
    names: Names,
    durable_names: Names,
    name_changes: Vec<NameChange>,
    /// After so many calls.
    crash: Option<(u64, Crash)>,
    left: Option<Left>,
    fault: Option<Fault>,
    /// A fault was met since [`Disk::forgive`].
    failed: bool,
    /// A write-ahead file was emptied while the name of the checkpoint that has all of it was not durable.
    pub(crate) hasty: bool,
    pub(crate) counts: Counts,
}

thread_local! {
    static DISK: RefCell<Option<Disk>> = const { RefCell::new(None) };
}

/// Puts a disk beneath `dir`, empty.
pub(crate) fn insert(dir: &Path, dice: Rng, control: Option<Control>) {
    DISK.set(Some(Disk {
        dir: dir.to_path_buf(),
        dice,
        control,
        own_inode: fs::metadata(dir).ok().map(|found| found.ino()),
        files: Vec::new(),
        inodes: BTreeMap::new(),
        descriptors: Vec::new(),
        names: Names::new(),
        durable_names: Names::new(),
        name_changes: Vec::new(),
        crash: None,
        left: None,
        fault: None,
        failed: false,
        hasty: false,
        counts: Counts::default(),
    }));
}

/// Works on the disk of this thread.
pub(crate) fn with<R>(work: impl FnOnce(&mut Disk) -> R) -> R {
    hooks::off(|| DISK.with_borrow_mut(|disk| work(disk.as_mut().expect("a run has a disk"))))
}

impl Disk {
    /// Crashes after so many calls.
    pub(crate) fn crash_after(&mut self, calls: Option<(u64, Crash)>) {
        self.crash = calls;
    }

    /// Fails from now on, or is sound again.
    pub(crate) fn break_by(&mut self, fault: Option<Fault>) {
        traced!("disk {fault:?}");
        self.fault = fault;
    }

    /// Whether a call failed since this was asked last.
    pub(crate) fn forgive(&mut self) -> bool {
        std::mem::take(&mut self.failed)
    }

    /// Whether a call failed lately.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether nothing counts any more that is done to it.
    pub(crate) fn is_dead(&self) -> bool {
        self.left.is_some()
    }

    /// A call takes its time, and may be the last.
    pub(crate) fn work(&mut self) {
        time::pass(Duration::from_micros(self.dice.u64(1..40)));
        match &mut self.crash {
            Some((0, crash)) => {
                let crash = *crash;
                self.die(crash, None);
            }
            Some((left, _)) => *left -= 1,
            None => {}
        }
    }

    /// The file behind a descriptor, or none of ours.
    fn file(&mut self, fd: RawFd) -> Option<usize> {
        let place = usize::try_from(fd).ok()?;
        if self.descriptors.len() <= place {
            self.descriptors.resize(place + 1, Descriptor::Unknown);
        }
        match self.descriptors[place] {
            Descriptor::Ours(file) => return Some(file),
            Descriptor::Another => return None,
            Descriptor::Unknown => {}
        }
        let found = self.inodes.get(&inode(fd)?).copied();
        self.descriptors[place] = found.map_or(Descriptor::Another, Descriptor::Ours);
        found
    }

    /// Whether a descriptor is of one of its files.
    pub(crate) fn has(&mut self, fd: RawFd) -> bool {
        self.file(fd).is_some()
    }

    /// A descriptor is not that any more which it was.
    pub(crate) fn forget(&mut self, fd: RawFd) {
        let known = usize::try_from(fd).ok().and_then(|place| self.descriptors.get_mut(place));
        if let Some(known) = known {
            *known = Descriptor::Unknown;
        }
    }

    fn name(&self, path: &[u8]) -> Option<String> {
        let path = Path::new(OsStr::from_bytes(path));
        let name = path.strip_prefix(&self.dir).ok()?.to_str()?;
        (!UNSEEN.contains(&name)).then(|| name.to_owned())
    }

    fn name_of(&self, file: usize) -> &str {
        self.names.iter().find(|(_, found)| **found == file).map_or("?", |(name, _)| name)
    }

    /// A file was opened that may not have been there, or is cut to nothing.
    pub(crate) fn opened(&mut self, fd: RawFd, path: &[u8], emptied: bool) {
        // Whatever it was before: its number may have been closed unseen.
        self.forget(fd);
        if self.is_dead() {
            return;
        }
        let (Some(name), Some(inode)) = (self.name(path), inode(fd)) else { return };
        let file = if let Some(file) = self.names.get(&name) {
            let file = *file;
            if emptied {
                self.hasty |= name.starts_with("wal")
                    && self.files[file].cached.iter().any(|byte| *byte != 0)
                    && self.name_changes.iter().any(|change| change.is_of(CHECKPOINT_FILE));
                self.files[file].cut(0);
            }
            file
        } else {
            self.files.push(Content::default());
            let file = self.files.len() - 1;
            self.names.insert(name.clone(), file);
            self.name_changes.push(NameChange::Made { name: name.clone(), file });
            file
        };
        self.inodes.insert(inode, file);
        traced!("disk open {name}");
        self.work();
    }

    /// A write at a place of a file.
    pub(crate) fn write(&mut self, fd: RawFd, bytes: &[u8], at: u64) -> Verdict {
        if self.is_dead() {
            return Verdict::Go;
        }
        let Some(file) = self.file(fd) else { return Verdict::Go };
        if self.name_of(file) == DATA_FILE && at >= 2 * PAGE as u64 {
            self.counts.pages += 1;
        } else {
            self.counts.others += 1;
        }
        let verdict = self.write_fails(file, bytes.len(), at);
        traced!("disk write {} {at}+{} {verdict:?}", self.name_of(file), bytes.len());
        let taken = match verdict {
            Verdict::Go | Verdict::Done => bytes.len(),
            Verdict::Short(taken) => taken,
            Verdict::Fail(_) => {
                self.work();
                return verdict;
            }
        };
        if let Some((0, crash)) = self.crash {
            self.die(crash, Some((file, at, &bytes[..taken])));
            return verdict;
        }
        self.files[file].write(at, &bytes[..taken]);
        self.work();
        verdict
    }

    fn write_fails(&mut self, file: usize, count: usize, at: u64) -> Verdict {
        match &mut self.fault {
            Some(Fault::Full { room, strict }) => {
                let needed = if *strict {
                    count as u64
                } else {
                    (at + count as u64).saturating_sub(self.files[file].cached.len() as u64)
                };
                if needed <= *room {
                    *room -= needed;
                    return Verdict::Go;
                }
                self.failed = true;
                // What is there already is written over, and then what there is room for.
                let taken = (count as u64 - needed.min(count as u64) + *room).min(count as u64);
                *room = 0;
                match usize::try_from(taken).unwrap_or(0) {
                    0 => Verdict::Fail(libc::ENOSPC),
                    taken if taken < count => Verdict::Short(taken),
                    _ => Verdict::Fail(libc::ENOSPC),
                }
            }
            Some(Fault::Write { after: 0, short }) => {
                let short = *short && count > 1;
                self.fault = None;
                self.failed = true;
                if short { Verdict::Short(self.dice.usize(1..count)) } else { Verdict::Fail(libc::EIO) }
            }
            Some(Fault::Write { after, .. }) => {
                *after -= 1;
                Verdict::Go
            }
            Some(Fault::Sync { .. } | Fault::Names { .. }) | None => Verdict::Go,
        }
    }

    /// A file or the directory is made durable. The real file system is not asked: nothing of ours is to outlive a crash.
    pub(crate) fn sync(&mut self, fd: RawFd) -> Verdict {
        if self.is_dead() {
            return Verdict::Done;
        }
        time::pass(Duration::from_micros(self.dice.u64(20..3_000)));
        let Some(file) = self.file(fd) else { return self.sync_names(fd) };
        self.counts.syncs += 1;
        traced!("disk sync {}", self.name_of(file));
        self.work();
        if self.is_dead() {
            return Verdict::Done;
        }
        if let Some(Fault::Sync { after }) = &mut self.fault {
            if *after == 0 {
                traced!("disk does not confirm");
                self.fault = None;
                self.failed = true;
                let kept = self.dice.u8(0..5);
                self.files[file].lose(kept, &mut self.dice);
                self.files[file].lost = true;
                return Verdict::Fail(libc::EIO);
            }
            *after -= 1;
        }
        let name = self.name_of(file);
        let (log, pages, checkpoint) =
            (name.starts_with("wal"), name == DATA_FILE, name.starts_with(CHECKPOINT_FILE));
        let content = &mut self.files[file];
        let now = content.since.len();
        let synced = match self.control {
            Some(Control::NoSync) if log => 0,
            Some(Control::LateSync) if log => std::mem::replace(&mut content.seen, 0),
            Some(Control::NoPages) if pages => 0,
            Some(Control::NoHeaders) if checkpoint => 0,
            _ => now,
        };
        let done: Vec<Change> = content.since.drain(..synced).collect();
        lay(&mut content.durable, &done, ALL, &mut self.dice);
        content.seen = now - synced;
        Verdict::Done
    }

    fn sync_names(&mut self, fd: RawFd) -> Verdict {
        if self.own_inode.is_some() && self.own_inode == inode(fd) {
            self.work();
            match &mut self.fault {
                Some(Fault::Sync { after: 0 } | Fault::Names { after: 0 }) => {
                    traced!("disk does not confirm its names");
                    (self.fault, self.failed) = (None, true);
                    return Verdict::Fail(libc::EIO);
                }
                Some(Fault::Sync { after } | Fault::Names { after }) => *after -= 1,
                _ => {}
            }
            if !self.is_dead() && self.control != Some(Control::NoNames) {
                self.durable_names = self.names.clone();
                self.name_changes.clear();
            }
        }
        Verdict::Done
    }

    /// A file is made shorter or longer.
    pub(crate) fn cut(&mut self, fd: RawFd, length: u64) {
        if self.is_dead() {
            return;
        }
        if let Some(file) = self.file(fd) {
            traced!("disk cut {} to {length}", self.name_of(file));
            self.work();
            if !self.is_dead() {
                self.files[file].cut(length);
            }
        }
    }

    pub(crate) fn rename(&mut self, from: &[u8], to: &[u8]) {
        if self.is_dead() {
            return;
        }
        let (Some(from), Some(to)) = (self.name(from), self.name(to)) else { return };
        self.work();
        if self.is_dead() {
            return;
        }
        traced!("disk rename {from} {to}");
        if let Some(file) = self.names.remove(&from) {
            self.names.insert(to.clone(), file);
            self.name_changes.push(NameChange::Moved { from, to, file });
        }
    }

    pub(crate) fn unlink(&mut self, path: &[u8]) {
        if self.is_dead() {
            return;
        }
        if let Some(name) = self.name(path)
            && self.names.remove(&name).is_some()
        {
            self.name_changes.push(NameChange::Gone { name });
            self.work();
        }
    }

    /// The process or the machine ends, in the middle of this write if there is one.
    pub(crate) fn die(&mut self, crash: Crash, writing: Option<(usize, u64, &[u8])>) {
        traced!("{crash:?}");
        self.crash = None;
        let mut left = Left {
            files: std::mem::take(&mut self.files),
            names: std::mem::take(&mut self.names),
            durable_names: std::mem::take(&mut self.durable_names),
            name_changes: std::mem::take(&mut self.name_changes),
        };
        if let Some((file, at, bytes)) = writing {
            // The kernel takes a write page by page, and may have come this far.
            let pages = self.dice.usize(0..=bytes.len() / PAGE + 1);
            let taken = (pages * PAGE).min(bytes.len());
            if taken > 0 {
                left.files[file].write(at, &bytes[..taken]);
            }
        }
        match crash {
            Crash::Kill => self.counts.kills += 1,
            Crash::PowerCut => {
                self.counts.power_cuts += 1;
                left.lose_power(&mut self.dice);
            }
        }
        self.left = Some(left);
    }

    /// The machine is there again, with what the crash left.
    pub(crate) fn revive(&mut self) -> std::io::Result<()> {
        let Some(left) = self.left.take() else { return Ok(()) };
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name().to_str().is_none_or(|name| !left.names.contains_key(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        self.inodes.clear();
        self.descriptors.clear();
        for (name, file) in &left.names {
            let content = &left.files[*file].cached;
            // What is there already is written over: the kernel need not find new pages for it.
            let mut there =
                File::options().write(true).create(true).truncate(false).open(self.dir.join(name))?;
            there.write_all(content)?;
            there.set_len(content.len() as u64)?;
            self.inodes.insert(there.metadata()?.ino(), *file);
        }
        self.files = left.files;
        self.names = left.names;
        self.durable_names = left.durable_names;
        self.name_changes = left.name_changes;
        let mut hasher = blake3::Hasher::new();
        for (name, file) in self.names.iter().filter(|(name, _)| name.starts_with("wal")) {
            hasher.update(name.as_bytes()).update(self.files[*file].cached.as_slice());
        }
        traced!("disk revived {:?} {}", self.names, hasher.finalize().to_hex());
        Ok(())
    }

    /// Nobody has the files open. What a failed sync left in the cache counts as written, and the kernel may drop it: who reads
    /// next finds what the disk has.
    pub(crate) fn forget_lost(&mut self) -> std::io::Result<()> {
        for (name, file) in &self.names {
            let content = &mut self.files[*file];
            if std::mem::take(&mut content.lost) {
                traced!("disk drops what it lost of {name}");
                content.cached.clone_from(&content.durable);
                lay(&mut content.cached, &content.since, ALL, &mut self.dice);
                fs::write(self.dir.join(name), &content.cached)?;
            }
        }
        Ok(())
    }

    /// A number from the disk's dice.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.dice.u64(..below)
    }
}

impl Left {
    /// What was not synced is there or not, sector by sector, name by name.
    fn lose_power(&mut self, dice: &mut Rng) {
        let kept = dice.u8(0..5);
        let mut names = std::mem::take(&mut self.durable_names);
        for change in std::mem::take(&mut self.name_changes) {
            if dice.u8(0..ALL) >= kept {
                continue;
            }
            match change {
                NameChange::Made { name, file } => {
                    names.insert(name, file);
                }
                NameChange::Moved { from, to, file } => {
                    names.retain(|name, found| *name != from || *found != file);
                    names.insert(to, file);
                }
                NameChange::Gone { name } => {
                    names.remove(&name);
                }
            }
        }
        for content in &mut self.files {
            let kept = dice.u8(0..5);
            content.lose(kept, dice);
            content.cached.clone_from(&content.durable);
        }
        self.names = names.clone();
        self.durable_names = names;
    }
}

/// The inode behind a descriptor.
#[allow(unsafe_code, reason = "looks at a descriptor that is another's")]
fn inode(fd: RawFd) -> Option<u64> {
    // SAFETY: the descriptor is open as long as its caller's call; it is not closed here.
    let file = std::mem::ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    file.metadata().ok().map(|found| found.ino())
}
