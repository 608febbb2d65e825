//! The disk: what a failed commit says about it, and how much is written to it at a time.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use heed::MdbError;

/// Bytes of the file that are written out at a time, least and most. Of a file much larger than what changed, most slices are
/// clean: looking through all of it in small ones took longer than to write what was dirty.
const SLICE_LEAST: u64 = 256 << 10;
const SLICE_MOST: u64 = 4 << 20;
/// Longest time that a slice may take while the next is to be a larger one, and longest that it may take at all.
const SLICE_QUICK: Duration = Duration::from_micros(250);
const SLICE_SLOW: Duration = Duration::from_millis(1);
/// A slice that took less had nothing to write.
const SLICE_CLEAN: Duration = Duration::from_micros(50);
/// How long others may write after each that had, at most.
const SLICE_PAUSE: Duration = Duration::from_millis(1);

/// Files up to this size are asked what is dirty before a large slice of them is written: that looks at each page (5 ms a GiB).
#[cfg(target_os = "linux")]
const TOLD_MOST: u64 = 2 << 30;

/// How much is written out at a time: more where little is dirty.
#[derive(Debug, Clone, Copy)]
struct Slice(u64);

impl Slice {
    /// The last one took so long.
    fn learn(&mut self, took: Duration) {
        if took > SLICE_SLOW {
            self.0 = (self.0 / 2).max(SLICE_LEAST);
        } else if took < SLICE_QUICK {
            self.0 = (self.0 * 2).min(SLICE_MOST);
        }
    }
}

/// Writes out what the kernel still holds of `file`, little by little: a sync afterwards has little left to do, and a sync
/// of another file meanwhile never waits for all of it. In a `hurry` without pauses. What fails here fails again in that
/// sync.
#[cfg(target_os = "linux")]
pub(crate) fn write_out(file: &File, hurry: &AtomicBool) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    const HOW: libc::c_uint = libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    let length = file.metadata()?.len();
    let (mut start, mut slice) = (0, Slice(SLICE_LEAST));
    while start < length {
        while length <= TOLD_MOST && slice.0 > SLICE_LEAST && has_much_to_write(file, start, slice.0) {
            slice.0 /= 2;
        }
        let (Ok(from), Ok(bytes)) = (start.try_into(), slice.0.try_into()) else { break };
        let begun = Instant::now();
        // SAFETY: the descriptor is open as long as `file` is; no memory is handed over.
        #[allow(unsafe_code, reason = "a system call that the standard library does not have")]
        let _ = unsafe { libc::sync_file_range(file.as_raw_fd(), from, bytes, HOW) };
        let took = begun.elapsed();
        start += slice.0;
        slice.learn(took);
        if took > SLICE_CLEAN && !hurry.load(Ordering::Relaxed) {
            std::thread::sleep(took.min(SLICE_PAUSE));
        }
    }
    Ok(())
}

/// Whether a range has more dirty bytes than are to be written at a time, as far as the kernel tells.
#[cfg(target_os = "linux")]
fn has_much_to_write(file: &File, start: u64, length: u64) -> bool {
    dirty_bytes(file, start, length).is_some_and(|dirty| dirty > SLICE_LEAST)
}

/// How much of a range the kernel still has to write; `None` where it does not tell (before Linux 6.5).
#[cfg(target_os = "linux")]
fn dirty_bytes(file: &File, start: u64, length: u64) -> Option<u64> {
    use std::os::fd::AsRawFd;
    /// See cachestat(2); the number is that of all of Linux's machines but Alpha.
    const SYS_CACHESTAT: libc::c_long = 451;
    #[repr(C)]
    struct Range(u64, u64);
    #[repr(C)]
    #[derive(Default)]
    struct Pages {
        cached: u64,
        dirty: u64,
        others: [u64; 3],
    }
    let (range, mut pages) = (Range(start, length), Pages::default());
    // SAFETY: the descriptor is open as long as `file` is; the kernel reads the one struct and writes the other.
    #[allow(unsafe_code, reason = "a system call that the standard library does not have")]
    let told = unsafe { libc::syscall(SYS_CACHESTAT, file.as_raw_fd(), &raw const range, &raw mut pages, 0) };
    (told == 0).then(|| pages.dirty * page_bytes() as u64)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn write_out(_file: &File, _hurry: &AtomicBool) -> io::Result<()> {
    Ok(())
}

/// The part of the machine's memory that a data file may hope for: others need some, too.
const MEMORY_PART: u64 = 2;

/// Where a file is mapped in this process.
#[cfg(target_os = "linux")]
fn maps_of(file: &File) -> io::Result<Vec<std::ops::Range<usize>>> {
    use std::os::unix::fs::MetadataExt;
    let facts = file.metadata()?;
    let device = format!("{:02x}:{:02x}", libc::major(facts.dev()), libc::minor(facts.dev()));
    // 7f0a4c000000-7f0a4c021000 rw-s 00000000 fd:00 2101 /shop/data.mdb
    let range = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().take(5).collect();
        let [addresses, _, _, its_device, inode] = words[..] else { return None };
        let (start, end) = addresses.split_once('-').filter(|_| its_device == device)?;
        let hex = |text| usize::from_str_radix(text, 16).ok();
        (inode.parse() == Ok(facts.ino())).then_some(hex(start)?..hex(end)?)
    };
    Ok(std::fs::read_to_string("/proc/self/maps")?.lines().filter_map(range).collect())
}

/// Has the kernel read only the pages that are asked for of a file in this process's maps, and none around them. LMDB can say
/// so when it opens a file, and not of one that has grown since. It is a hint: what fails costs time.
///
/// # Errors
/// The file's facts or the list of maps cannot be read.
#[cfg(target_os = "linux")]
pub(crate) fn read_only_what_is_asked_for(file: &File) -> io::Result<()> {
    for map in maps_of(file)? {
        // SAFETY: a hint. Should something else lie there by now, it is read a little slower.
        #[allow(unsafe_code, reason = "a system call that the standard library does not have")]
        let _ = unsafe { libc::madvise(map.start as *mut libc::c_void, map.len(), libc::MADV_RANDOM) };
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn read_only_what_is_asked_for(_file: &File) -> io::Result<()> {
    Ok(())
}

/// What the system says of itself.
#[cfg(unix)]
fn asked(name: libc::c_int) -> Option<u64> {
    // SAFETY: asks for a number, and hands no memory over.
    #[allow(unsafe_code, reason = "a system call that the standard library does not have")]
    let found = unsafe { libc::sysconf(name) };
    u64::try_from(found).ok().filter(|number| *number > 0)
}

/// Whether a file of so many bytes can stay in memory; `None` where the system does not tell.
#[cfg(unix)]
pub(crate) fn fits_into_memory(bytes: u64) -> Option<bool> {
    let memory = asked(libc::_SC_PHYS_PAGES)?.checked_mul(asked(libc::_SC_PAGESIZE)?)?;
    Some(bytes <= memory / MEMORY_PART)
}

#[cfg(not(unix))]
pub(crate) fn fits_into_memory(_bytes: u64) -> Option<bool> {
    None
}

/// Bytes of the machine's pages.
#[cfg(unix)]
pub(crate) fn page_bytes() -> usize {
    asked(libc::_SC_PAGESIZE).and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(PAGE_BYTES)
}

#[cfg(not(unix))]
pub(crate) fn page_bytes() -> usize {
    PAGE_BYTES
}

/// What most machines' pages have.
const PAGE_BYTES: usize = 4_096;

/// What to make of a failed commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The map is too small.
    MapFull,
    /// The disk did not take it: nothing was changed, and it may take the next.
    Unwritten,
    /// It failed otherwise.
    Broken,
    /// The file is damaged.
    Corrupt,
}

/// Judges the error of a commit.
pub(crate) fn verdict(error: &heed::Error) -> Verdict {
    match error {
        heed::Error::Mdb(MdbError::MapFull) => Verdict::MapFull,
        // What comes last in the journal is there already.
        heed::Error::Mdb(
            MdbError::Corrupted | MdbError::PageNotFound | MdbError::Invalid | MdbError::KeyExist,
        ) => Verdict::Corrupt,
        // EIO also for a write that was cut short. It does not sync.
        heed::Error::Io(_) => Verdict::Unwritten,
        heed::Error::Mdb(_)
        | heed::Error::Encoding(_)
        | heed::Error::Decoding(_)
        | heed::Error::EnvAlreadyOpened => Verdict::Broken,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_clean_is_passed_in_large_steps_and_what_is_dirty_is_written_in_small_ones() {
        let mut slice = Slice(SLICE_LEAST);
        let (mut start, mut steps) = (0, 0);
        while start < 64_u64 << 30 {
            start += slice.0;
            slice.learn(Duration::from_micros(5));
            steps += 1;
        }
        assert!(steps < 20_000, "{steps} steps through 64 GiB");
        for _ in 0..4 {
            slice.learn(Duration::from_millis(4));
        }
        assert_eq!(slice.0, SLICE_LEAST);
        slice.learn(Duration::from_micros(600));
        assert_eq!(slice.0, SLICE_LEAST, "neither quick nor slow: it stays");
    }

    #[test]
    #[cfg(unix)]
    fn a_small_file_fits_into_memory_and_a_huge_one_does_not() {
        assert_eq!(fits_into_memory(1 << 20), Some(true));
        assert_eq!(fits_into_memory(1 << 60), Some(false));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_tells_what_it_has_to_write() {
        use std::os::unix::fs::FileExt;
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("data")).unwrap();
        file.set_len(8 << 20).unwrap();
        if dirty_bytes(&file, 0, 1).is_none() {
            // An old kernel does not know the call, a container may forbid it; anything else is our mistake.
            let why = io::Error::last_os_error().raw_os_error();
            assert!(matches!(why, Some(libc::ENOSYS | libc::EPERM)), "{why:?}");
            return;
        }
        // Some of it may be written out already, not all of it ten times.
        let is_told = (0..10).any(|_| {
            file.write_all_at(&vec![7; 1 << 20], 0).unwrap();
            let told = dirty_bytes(&file, 0, 2 << 20).unwrap();
            assert!(told <= 1 << 20, "{told}");
            has_much_to_write(&file, 0, 2 << 20)
        });
        assert!(is_told);
        assert_eq!(dirty_bytes(&file, 1 << 20, 4 << 20), Some(0));
        file.sync_all().unwrap();
        assert_eq!(dirty_bytes(&file, 0, 8 << 20), Some(0));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_what_is_asked_for_is_read_of_a_mapped_file() {
        let dir = tempfile::tempdir().unwrap();
        // SAFETY: nobody else knows the directory.
        #[allow(unsafe_code, reason = "heed marks opening a memory map unsafe")]
        let env = unsafe { heed::EnvOpenOptions::new().map_size(1 << 20).open(dir.path()) }.unwrap();
        let file = File::open(dir.path().join("data.mdb")).unwrap();
        let map = maps_of(&file).unwrap();
        assert_eq!(map.iter().map(std::ops::Range::len).sum::<usize>(), 1 << 20);
        let is_random = || {
            let all = std::fs::read_to_string("/proc/self/smaps").unwrap();
            let own = all.split_once(&format!("{:x}-", map[0].start)).expect("it is mapped").1;
            let flags = own.lines().find(|line| line.starts_with("VmFlags:")).expect("a map has flags");
            flags.split_ascii_whitespace().any(|flag| flag == "rr")
        };
        assert!(!is_random());
        read_only_what_is_asked_for(&file).unwrap();
        assert!(is_random());
        drop(env);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn all_is_written_out() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = File::create(dir.path().join("data")).unwrap();
        file.set_len(1 << 30).unwrap();
        file.write_all(&vec![7; 3 << 20]).unwrap();
        write_out(&file, &AtomicBool::new(false)).unwrap();
        write_out(&file, &AtomicBool::new(true)).unwrap();
    }

    #[test]
    fn what_the_disk_did_not_take_is_no_end() {
        let os = |number| heed::Error::Io(io::Error::from_raw_os_error(number));
        assert_eq!(verdict(&heed::Error::Mdb(MdbError::MapFull)), Verdict::MapFull);
        for (number, name) in [(28, "ENOSPC"), (122, "EDQUOT"), (5, "EIO"), (30, "EROFS")] {
            assert_eq!(verdict(&os(number)), Verdict::Unwritten, "{name}");
        }
        assert_eq!(verdict(&heed::Error::Mdb(MdbError::Panic)), Verdict::Broken);
        assert_eq!(verdict(&heed::Error::Mdb(MdbError::Corrupted)), Verdict::Corrupt);
    }
}
