//! A frame's way to the disk, in whichever thread: written, then synced.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::blocks::BLOCK;
use crate::wal::Frame;

/// A write-ahead file.
#[derive(Debug)]
pub(crate) struct WalFile {
    pub(crate) file: File,
    /// The same, past the kernel's cache: that saves a copy and the search for what of it is dirty, a third of the time and of
    /// the work of a small frame. `None` where the file system has no such thing.
    direct: Option<File>,
}

impl WalFile {
    /// The file at `path`, which `file` is, too.
    pub(crate) fn new(file: File, path: &Path, directly: bool) -> Self {
        Self { file, direct: directly.then(|| open_directly(path)).flatten() }
    }

    /// Writes whole blocks from memory that begins at one.
    fn write(&self, blocks: &[u8], offset: u64) -> io::Result<()> {
        match self.direct.as_ref().map(|direct| direct.write_all_at(blocks, offset)) {
            // Of a disk with larger blocks than ours.
            None => self.file.write_all_at(blocks, offset),
            Some(Err(error)) if error.kind() == ErrorKind::InvalidInput => {
                self.file.write_all_at(blocks, offset)
            }
            Some(done) => done,
        }
    }

    /// What it means that `blocks` could not be written at `offset`. All of them may be there all the same: then no frame begins
    /// there any more.
    fn failed(&self, error: io::Error, blocks: &[u8], offset: u64) -> Trouble {
        if self.file.write_all_at(&[0; BLOCK], offset).is_ok() {
            return self.file.sync_data().map_or_else(Trouble::Sync, |()| Trouble::Write(error));
        }
        let mut found = vec![0; blocks.len()];
        match self.file.read_exact_at(&mut found, offset) {
            Ok(()) if found == blocks => Trouble::Sync(error),
            Ok(()) => Trouble::Write(error),
            // The file ends before.
            Err(end) if end.kind() == ErrorKind::UnexpectedEof => Trouble::Write(error),
            Err(_) => Trouble::Sync(error),
        }
    }
}

#[cfg(target_os = "linux")]
fn open_directly(path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().write(true).custom_flags(libc::O_DIRECT).open(path).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_directly(_path: &Path) -> Option<File> {
    None
}

/// A frame that is to be made durable, for whichever thread.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) files: Arc<[WalFile; 2]>,
    /// Which of them.
    pub(crate) file: usize,
    pub(crate) offset: u64,
    pub(crate) frame: Frame,
    /// Its last record.
    pub(crate) last: u64,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Ended {
    /// To be used again.
    pub(crate) frame: Frame,
    /// Where it ends in the file.
    pub(crate) end: u64,
    /// Its last record.
    pub(crate) last: u64,
    pub(crate) passed: Result<Passed, Trouble>,
}

/// When a frame had come so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) written: Instant,
    pub(crate) synced: Instant,
}

impl Job {
    /// Writes the frame and syncs its file. No frame is written before the one before it is durable.
    pub(crate) fn carry_out(self) -> Ended {
        let Self { files, file, offset, mut frame, last } = self;
        let file = &files[file];
        let written = frame.seal(last).map_err(Trouble::Write).and_then(|blocks| {
            file.write(blocks, offset).map_err(|error| file.failed(error, blocks, offset))
        });
        let passed = written.and_then(|()| {
            let written = Instant::now();
            file.file.sync_data().map_err(Trouble::Sync)?;
            Ok(Passed { written, synced: Instant::now() })
        });
        Ended { end: offset + frame.extent(), frame, last, passed }
    }
}

/// Why a frame could not be appended.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It was not written, or not all of it: the next frame takes its place.
    Write(io::Error),
    /// The disk did not confirm: nobody knows whether it is there.
    Sync(io::Error),
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;
    use crate::blocks::Blocks;

    /// Where nothing can be written any more.
    #[test]
    fn nobody_is_told_that_nothing_was_done_when_all_of_it_is_there() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("file");
        let frame = [7; 2 * BLOCK];
        for (there, is_sure) in
            [(&frame[..], false), (&frame[..BLOCK], true), (&[], true), (&[0; 3 * BLOCK], true)]
        {
            std::fs::write(&path, there).unwrap();
            let file = WalFile::new(File::open(&path).unwrap(), &path, false);
            let failed = file.write(&frame, 0).unwrap_err();
            let trouble = file.failed(failed, &frame, 0);
            assert_eq!(matches!(trouble, Trouble::Write(_)), is_sure, "{} bytes are there", there.len());
        }
    }

    #[test]
    fn blocks_are_written_directly_or_not_and_read_alike() {
        let dir = tempdir().unwrap();
        for (directly, skew) in [(true, 0), (false, 0), (true, 7)] {
            let path = dir.path().join(format!("{directly} {skew}"));
            let open = || File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let file = WalFile::new(open().unwrap(), &path, directly);
            // The kernel's cache has this, not on the disk yet.
            file.file.write_all_at(&[1; 3 * BLOCK], 0).unwrap();
            let mut blocks = Blocks::default();
            blocks.resize(2 * BLOCK + skew);
            blocks.fill(2);
            // What does not begin at a block no disk takes directly.
            file.write(&blocks[skew..], BLOCK as u64).unwrap();
            file.file.sync_data().unwrap();
            let found = std::fs::read(&path).unwrap();
            assert!(found[..BLOCK] == [1; BLOCK] && found[BLOCK..] == [2; 2 * BLOCK], "{directly} {skew}");
        }
    }
}
