//! The system's calls that a store makes, in front of libc's: an executable's own symbols are found before a shared
//! library's, by Rust's standard library and by LMDB's C alike. While a run is on, the simulation's disk and clock have a
//! say in each; else they go to the kernel as they are.
#![allow(unsafe_code, reason = "libc's symbols take pointers, and the kernel's calls are made by number")]
#![allow(unreachable_pub, reason = "the linker is who reaches them")]

use std::cell::Cell;
use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use libc::{
    c_char, c_int, c_long, c_uint, c_void, clockid_t, iovec, mode_t, off_t, size_t, ssize_t, timespec,
};

use super::disk::{self, Verdict};
use super::time;

/// What asking for the time takes: no loop waits for ever.
const LOOK: Duration = Duration::from_nanos(200);

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// From now on, this thread's calls are the simulation's, or the system's.
pub(crate) fn set(on: bool) {
    ON.set(on);
}

/// Whether they are the simulation's. Also asked when the thread ends.
pub(crate) fn is_on() -> bool {
    ON.try_with(Cell::get).unwrap_or(false)
}

/// Has the C library keep the memory that runs give back, and take what is large and seldom touched from the kernel anew.
pub(crate) fn keep_memory() {
    for (what, bytes) in
        [(libc::M_MMAP_THRESHOLD, 1 << 20), (libc::M_TRIM_THRESHOLD, 256 << 20), (libc::M_TOP_PAD, 16 << 20)]
    {
        // SAFETY: sets a number before anything else runs.
        unsafe { libc::mallopt(what, bytes) };
    }
}

/// LMDB wants a list of so many pairs of words at each opening, all of them zero, and touches few.
const PAIRS: (size_t, size_t) = (1 << 17, 16);
const LIST_BYTES: size_t = PAIRS.0 * PAIRS.1;
/// A list's place is a page's: what is used of it has this bit set.
const USED: usize = 1;

/// Lists that were made, and are used again: the kernel makes their pages zero sooner than the C library all of their bytes.
static LISTS: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];

/// A list that nobody uses; `None`: there is no place for one more.
fn take_list() -> Option<*mut c_void> {
    let list = LISTS.iter().find(|list| list.load(Ordering::Relaxed) & USED == 0)?;
    let mut place = list.load(Ordering::Relaxed);
    if place == 0 {
        let how = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: asks for new memory.
        let made = unsafe { libc::mmap(std::ptr::null_mut(), LIST_BYTES, how.0, how.1, -1, 0) };
        if made == libc::MAP_FAILED {
            return None;
        }
        place = made.expose_provenance();
    }
    list.store(place | USED, Ordering::Relaxed);
    Some(std::ptr::with_exposed_provenance_mut(place))
}

/// Takes a list back, if it is one.
fn give_back(memory: *mut c_void) -> bool {
    let Some(list) = LISTS.iter().find(|list| list.load(Ordering::Relaxed) == memory.addr() | USED) else {
        return false;
    };
    // SAFETY: it is ours, of this size, and nobody's any more.
    let emptied = unsafe { libc::madvise(memory, LIST_BYTES, libc::MADV_DONTNEED) } == 0;
    if emptied {
        list.store(memory.addr(), Ordering::Relaxed);
    }
    true
}

unsafe extern "C" {
    fn __libc_calloc(count: size_t, size: size_t) -> *mut c_void;
    fn __libc_free(memory: *mut c_void);
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(count: size_t, size: size_t) -> *mut c_void {
    let list = if (count, size) == PAIRS && is_on() { take_list() } else { None };
    // SAFETY: as the caller's call.
    list.unwrap_or_else(|| unsafe { __libc_calloc(count, size) })
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(memory: *mut c_void) {
    if memory.is_null() || !memory.addr().is_multiple_of(4096) || !give_back(memory) {
        // SAFETY: as the caller's call.
        unsafe { __libc_free(memory) }
    }
}

/// Does `work` with the system's own calls.
pub(crate) fn off<R>(work: impl FnOnce() -> R) -> R {
    let before = ON.replace(false);
    let done = work();
    ON.set(before);
    done
}

fn fail(number: c_int) {
    // SAFETY: the place of this thread's errno.
    unsafe { *libc::__errno_location() = number };
}

fn ended(found: c_long) -> c_int {
    c_int::try_from(found).unwrap_or(-1)
}

/// A write at `at`, or where the file stands.
fn write_at(fd: c_int, bytes: *const c_void, count: size_t, at: Option<off_t>) -> ssize_t {
    let raw = |count: size_t| {
        // SAFETY: the caller's pointer and length, or less.
        let done = unsafe {
            match at {
                Some(at) => libc::syscall(libc::SYS_pwrite64, fd, bytes, count, at),
                None => libc::syscall(libc::SYS_write, fd, bytes, count),
            }
        };
        ssize_t::try_from(done).unwrap_or(-1)
    };
    if !is_on() || count == 0 || !disk::with(|disk| disk.has(fd)) {
        return raw(count);
    }
    // SAFETY: asks where the file stands; a pipe stands nowhere, and is none of the disk's.
    let place = at.unwrap_or_else(|| unsafe { libc::syscall(libc::SYS_lseek, fd, 0, libc::SEEK_CUR) });
    // SAFETY: the caller's pointer and length.
    let content = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count) };
    let verdict = disk::with(|disk| disk.write(fd, content, u64::try_from(place).unwrap_or(0)));
    match verdict {
        Verdict::Go => raw(count),
        Verdict::Short(count) => raw(count),
        Verdict::Done => ssize_t::try_from(count).unwrap_or(-1),
        Verdict::Fail(number) => {
            fail(number);
            -1
        }
    }
}

fn write_parts(fd: c_int, parts: *const iovec, count: c_int, at: Option<off_t>) -> ssize_t {
    // SAFETY: the caller's pointer and length.
    let parts = unsafe { std::slice::from_raw_parts(parts, usize::try_from(count).unwrap_or(0)) };
    let mut all = Vec::with_capacity(parts.iter().map(|part| part.iov_len).sum());
    for part in parts {
        // SAFETY: each part is the caller's pointer and length.
        all.extend_from_slice(unsafe {
            std::slice::from_raw_parts(part.iov_base.cast::<u8>(), part.iov_len)
        });
    }
    write_at(fd, all.as_ptr().cast(), all.len(), at)
}

fn sync(fd: c_int, number: c_long) -> c_int {
    match if is_on() { disk::with(|disk| disk.sync(fd)) } else { Verdict::Go } {
        // SAFETY: a call without memory.
        Verdict::Go => ended(unsafe { libc::syscall(number, fd) }),
        Verdict::Done | Verdict::Short(_) => 0,
        Verdict::Fail(number) => {
            fail(number);
            -1
        }
    }
}

fn open_at(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller's path.
    let fd = ended(unsafe { libc::syscall(libc::SYS_openat, dir, path, flags, mode) });
    if fd >= 0 && is_on() && flags & (libc::O_CREAT | libc::O_TRUNC) != 0 {
        // SAFETY: the caller's path.
        let path = unsafe { CStr::from_ptr(path) };
        disk::with(|disk| disk.opened(fd, path.to_bytes(), flags & libc::O_TRUNC != 0));
    }
    fd
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    open_at(libc::AT_FDCWD, path, flags, mode)
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    open_at(libc::AT_FDCWD, path, flags | libc::O_LARGEFILE, mode)
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    open_at(dir, path, flags | libc::O_LARGEFILE, mode)
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    if is_on() {
        disk::with(|disk| disk.forget(fd));
    }
    // SAFETY: a call without memory.
    ended(unsafe { libc::syscall(libc::SYS_close, fd) })
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    write_at(fd, bytes, count, None)
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t {
    write_at(fd, bytes, count, Some(at))
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t {
    write_at(fd, bytes, count, Some(at))
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    write_parts(fd, parts, count, None)
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev(fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t {
    write_parts(fd, parts, count, Some(at))
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev64(fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t {
    write_parts(fd, parts, count, Some(at))
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync)
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync)
}

/// Promises nothing, and does nothing here.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sync_file_range(fd: c_int, from: off_t, count: off_t, how: c_uint) -> c_int {
    if is_on() {
        disk::with(disk::Disk::work);
        return 0;
    }
    // SAFETY: a call without memory.
    ended(unsafe { libc::syscall(libc::SYS_sync_file_range, fd, from, count, how) })
}

fn cut(fd: c_int, length: off_t) -> c_int {
    if is_on() {
        disk::with(|disk| disk.cut(fd, u64::try_from(length).unwrap_or(0)));
    }
    // SAFETY: a call without memory.
    ended(unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) })
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    cut(fd, length)
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    cut(fd, length)
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    if is_on() {
        // SAFETY: the caller's paths.
        let (from, to) = unsafe { (CStr::from_ptr(from), CStr::from_ptr(to)) };
        disk::with(|disk| disk.rename(from.to_bytes(), to.to_bytes()));
    }
    // SAFETY: the caller's paths.
    ended(unsafe { libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) })
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    if is_on() {
        // SAFETY: the caller's path.
        let path = unsafe { CStr::from_ptr(path) };
        disk::with(|disk| disk.unlink(path.to_bytes()));
    }
    // SAFETY: the caller's path.
    ended(unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) })
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(which: clockid_t, place: *mut timespec) -> c_int {
    if !is_on() {
        // SAFETY: the caller's place.
        return ended(unsafe { libc::syscall(libc::SYS_clock_gettime, which, place) });
    }
    time::pass(LOOK);
    let now = if which == libc::CLOCK_REALTIME {
        Duration::from_millis(u64::try_from(time::clock_ms()).unwrap_or(0))
    } else {
        time::since_start()
    };
    let seconds = now.as_secs().try_into().unwrap_or(libc::time_t::MAX);
    // SAFETY: the caller's place.
    unsafe { *place = timespec { tv_sec: seconds, tv_nsec: now.subsec_nanos().into() } };
    0
}

/// How long a call wants to sleep.
fn asked(wanted: *const timespec) -> Duration {
    // SAFETY: the caller's place.
    let wanted = unsafe { *wanted };
    let seconds = Duration::from_secs(u64::try_from(wanted.tv_sec).unwrap_or(0));
    seconds + Duration::from_nanos(u64::try_from(wanted.tv_nsec).unwrap_or(0))
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanosleep(wanted: *const timespec, left: *mut timespec) -> c_int {
    if is_on() {
        time::pass(asked(wanted));
        return 0;
    }
    // SAFETY: the caller's places.
    ended(unsafe { libc::syscall(libc::SYS_nanosleep, wanted, left) })
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_nanosleep(
    which: clockid_t,
    flags: c_int,
    wanted: *const timespec,
    left: *mut timespec,
) -> c_int {
    if is_on() && flags == 0 {
        time::pass(asked(wanted));
        return 0;
    }
    // SAFETY: the caller's places. It says what was wrong, rather than by errno.
    match unsafe { libc::syscall(libc::SYS_clock_nanosleep, which, flags, wanted, left) } {
        0 => 0,
        // SAFETY: the place of this thread's errno.
        _ => unsafe { *libc::__errno_location() },
    }
}
