//! Syncs of the write-ahead files beside the writer: what comes next is decided meanwhile.

use std::fs::File;
use std::io;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};

/// When a sync had ended, or what it found wrong.
pub(crate) type Synced = io::Result<Instant>;

/// A thread that syncs a file at a time.
#[derive(Debug)]
pub(crate) struct Syncer {
    jobs: Option<Sender<usize>>,
    done: Receiver<Synced>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Of these files. What writing them out finds wrong is told to whoever syncs next through the same description, so
    /// these are the writer's own, doubled.
    pub(crate) fn new(files: &[File; 2]) -> io::Result<Self> {
        let files = [files[0].try_clone()?, files[1].try_clone()?];
        let (jobs, waiting) = bounded::<usize>(1);
        let (told, done) = bounded(1);
        let thread = std::thread::Builder::new().name("kasir-sync".into()).spawn(move || {
            take_short_turns();
            for file in waiting {
                let synced = files[file].sync_data().map(|()| Instant::now());
                if told.send(synced).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs: Some(jobs), done, thread: Some(thread) })
    }

    /// Begins the sync of a file. One at a time: what the last one came to has been taken.
    pub(crate) fn begin(&self, file: usize) -> io::Result<()> {
        let begun = self.jobs.as_ref().map(|jobs| jobs.try_send(file).is_ok());
        if begun == Some(true) { Ok(()) } else { Err(io::Error::other("the thread that syncs is gone")) }
    }

    /// Where it is told what a sync came to.
    pub(crate) fn done(&self) -> &Receiver<Synced> {
        &self.done
    }
}

/// Asks for a processor soon after each time it is woken (Linux 6.12 and later; elsewhere nothing changes): all callers of a batch
/// wait for a thread that works for some microseconds, and would stand behind others that work for milliseconds.
#[cfg(target_os = "linux")]
fn take_short_turns() {
    const TURN_NS: u64 = 100_000;
    let size = libc::c_uint::try_from(size_of::<libc::sched_attr>()).expect("a small struct");
    // SAFETY: all of its fields are numbers. The kernel writes at most `size` bytes of it, and reads as many.
    #[allow(unsafe_code, reason = "system calls that the standard library does not have")]
    unsafe {
        let mut own: libc::sched_attr = std::mem::zeroed();
        if libc::syscall(libc::SYS_sched_getattr, 0, &raw mut own, size, 0) == 0
            && own.sched_policy == libc::SCHED_OTHER.cast_unsigned()
        {
            own.sched_runtime = TURN_NS;
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const own, 0);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn take_short_turns() {}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
