"""What this machine itself refuses, in plain words: files that are gone, disks that are full."""

import errno
from pathlib import Path

from clients.desktop.texts import _, marked

_OF_A_FILE = {
    errno.ENOENT: marked("{file} is not there any more."),
    errno.EACCES: marked("{file} may not be opened by who is logged in here."),
    errno.EPERM: marked("{file} may not be opened by who is logged in here."),
    errno.EISDIR: marked("{file} is a folder."),
}
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def os_words(error: OSError) -> str:
    """Why a file could not be read or written."""
    if error.errno in _FULL:
        return _("The disk of this machine is full.")
    if error.errno is None:
        return _without_number(error)
    if error.filename is None:
        return _("A file of this machine cannot be read or written (error {number}).").format(
            number=error.errno
        )
    words = _OF_A_FILE.get(error.errno)
    if words is None:
        words = marked("{file} cannot be read or written (error {number}).")
    return _(words).format(file=Path(error.filename).name, number=error.errno)


def _without_number(error: OSError) -> str:
    """One of ours, or of a library: it may have words, in English."""
    if isinstance(error, TimeoutError):
        return _("There was no answer in time.")
    words = _("A file of this machine cannot be read or written.")
    return f"{words} ({error})" if str(error) else words
