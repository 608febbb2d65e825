"""Files that are whole and on the disk, or not there."""

import os
import tempfile
from pathlib import Path

# For this user alone: customers' names and numbers may be in there.
PRIVATE = 0o600
# For whoever works on this machine.
READABLE = 0o644


def write_durably(path: Path, content: bytes, *, mode: int = PRIVATE) -> None:
    """Puts a whole file in the place of whatever is there. Its name is durable after `sync_directory`.

    Raises OSError; then what was there stands.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Makes the names in a directory durable. Windows keeps them with the files and has no call for it."""
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
