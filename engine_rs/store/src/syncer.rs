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

impl Drop for Syncer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
