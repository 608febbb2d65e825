//! What a failed commit says about the disk.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use heed::MdbError;

/// What to make of a failed commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The map is too small.
    MapFull,
    /// The disk has no room: nothing was changed, and it may have room again.
    DiskFull,
    /// The disk did not confirm. A sync that failed once says nothing when it succeeds the next time: the kernel may
    /// have dropped what it could not write. Never tried again.
    Broken,
    /// The file is damaged.
    Corrupt,
}

/// Room that must be there when the disk is said not to be full.
const PROBE_BYTES: usize = 4 << 20;

/// Judges the error of a commit of the store in `dir`.
pub(crate) fn verdict(error: &heed::Error, dir: &Path) -> Verdict {
    match error {
        heed::Error::Mdb(MdbError::MapFull) => Verdict::MapFull,
        heed::Error::Mdb(MdbError::Corrupted | MdbError::PageNotFound | MdbError::Invalid) => {
            Verdict::Corrupt
        }
        heed::Error::Io(error) if is_full(error.kind()) => Verdict::DiskFull,
        // LMDB says EIO for a write that was cut short, which is how a disk fills up, and for a sync that failed.
        heed::Error::Io(_) if !has_room(dir) => Verdict::DiskFull,
        heed::Error::Io(_)
        | heed::Error::Mdb(_)
        | heed::Error::Encoding(_)
        | heed::Error::Decoding(_)
        | heed::Error::EnvAlreadyOpened => Verdict::Broken,
    }
}

fn is_full(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Whether a file of [`PROBE_BYTES`] can be written beside the store; anything but a full disk counts as room.
fn has_room(dir: &Path) -> bool {
    let path = dir.join("probe");
    let write = || File::create(&path).and_then(|mut file| file.write_all(&vec![0; PROBE_BYTES]));
    let room = !matches!(write(), Err(error) if is_full(error.kind()));
    let _ = fs::remove_file(&path);
    room
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn only_a_full_disk_lets_the_writer_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let judge = |error: heed::Error| verdict(&error, dir.path());
        let os = |number| heed::Error::Io(io::Error::from_raw_os_error(number));
        assert_eq!(judge(heed::Error::Mdb(MdbError::MapFull)), Verdict::MapFull);
        assert_eq!(judge(os(28)), Verdict::DiskFull, "ENOSPC");
        assert_eq!(judge(os(122)), Verdict::DiskFull, "EDQUOT");
        assert_eq!(judge(os(5)), Verdict::Broken, "EIO with room on the disk is a failed write or sync");
        assert_eq!(judge(heed::Error::Mdb(MdbError::Panic)), Verdict::Broken);
        assert_eq!(judge(heed::Error::Mdb(MdbError::Corrupted)), Verdict::Corrupt);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "the probe leaves nothing behind");
    }
}
