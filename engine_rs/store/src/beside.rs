//! Work that is done beside the writer, one piece at a time: what comes next is decided meanwhile.

use std::io;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

/// A turn of a thread that takes short ones, nanoseconds: the shortest that Linux gives.
#[cfg(target_os = "linux")]
const TURN_NS: u64 = 100_000;

/// A thread that carries out one `Job` at a time, and tells how it `Ended`.
#[derive(Debug)]
pub(crate) struct Beside<Job, Ended> {
    jobs: Option<Sender<Job>>,
    done: Receiver<Ended>,
    thread: Option<JoinHandle<()>>,
}

impl<Job: Send + 'static, Ended: Send + 'static> Beside<Job, Ended> {
    /// Starts it. `first` is done before all else.
    pub(crate) fn new(name: &str, first: fn(), carry_out: fn(Job) -> Ended) -> io::Result<Self> {
        let (jobs, waiting) = bounded::<Job>(1);
        let (told, done) = bounded(1);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            first();
            for job in waiting {
                if told.send(carry_out(job)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs: Some(jobs), done, thread: Some(thread) })
    }

    /// Begins one. One at a time: what the last one came to has been taken.
    ///
    /// # Errors
    /// The thread is gone.
    pub(crate) fn begin(&self, job: Job) -> io::Result<()> {
        let begun = self.jobs.as_ref().map(|jobs| jobs.try_send(job).is_ok());
        if begun == Some(true) { Ok(()) } else { Err(gone()) }
    }

    /// Where it is told what it came to.
    pub(crate) fn done(&self) -> &Receiver<Ended> {
        &self.done
    }
}

/// A thread ended that others rely on.
pub(crate) fn gone() -> io::Error {
    io::Error::other("a thread beside the writer is gone")
}

/// Asks for a processor soon after each time it is woken (Linux 6.12 and later; elsewhere nothing changes): all callers of a batch
/// wait for a thread that works for some microseconds, and would stand behind others that work for milliseconds.
#[cfg(target_os = "linux")]
pub(crate) fn take_short_turns() {
    if let Some(mut own) = own_schedule().filter(|own| own.sched_policy == libc::SCHED_OTHER.cast_unsigned())
    {
        own.sched_runtime = TURN_NS;
        // SAFETY: the kernel reads the struct, as much of it as it says itself. What it does not take leaves all as it is.
        #[allow(unsafe_code, reason = "a system call that the standard library does not have")]
        unsafe {
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const own, 0)
        };
    }
}

/// How the kernel schedules this thread.
#[cfg(target_os = "linux")]
fn own_schedule() -> Option<libc::sched_attr> {
    let size = size_of::<libc::sched_attr>();
    // SAFETY: all of its fields are numbers, and the kernel writes at most `size` bytes of it.
    #[allow(unsafe_code, reason = "a system call that the standard library does not have")]
    unsafe {
        let mut own: libc::sched_attr = std::mem::zeroed();
        (libc::syscall(libc::SYS_sched_getattr, 0, &raw mut own, size, 0) == 0).then_some(own)
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn take_short_turns() {}

impl<Job, Ended> Drop for Beside<Job, Ended> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Before Linux 6.12 a thread's turns are the kernel's alone, and it tells of none.
    #[test]
    fn a_thread_asks_for_short_turns_and_stays_what_it_was() {
        let thread = std::thread::spawn(|| {
            let before = own_schedule().expect("the kernel tells");
            take_short_turns();
            (before, own_schedule().expect("the kernel tells"))
        });
        let (before, after) = thread.join().unwrap();
        assert_eq!(after.sched_runtime, if before.sched_runtime == 0 { 0 } else { TURN_NS });
        assert_eq!((after.sched_policy, after.sched_nice), (before.sched_policy, before.sched_nice));
    }
}
