"""Goal: what this machine refuses is told in the language of the window. Method: errors as the system, a
library and our own modules make them.
"""

import errno
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from clients.desktop import texts
from clients.desktop.os_words import os_words
from clients.till.store import Store


@pytest.fixture
def indonesian() -> Iterator[None]:
    texts.speak("id")
    yield
    texts.speak("en")


@pytest.mark.usefixtures("indonesian")
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Disk komputer ini penuh."),
        (TimeoutError(), "Tidak ada jawaban pada waktunya."),
        (OSError(), "Sebuah berkas di komputer ini tidak bisa dibaca atau ditulis."),
        (
            OSError("/x/1 is no pending request"),
            "Sebuah berkas di komputer ini tidak bisa dibaca atau ditulis. (/x/1 is no pending request)",
        ),
    ],
)
def test_it_is_told_in_the_windows_language(error: OSError, words: str) -> None:
    assert os_words(error) == words


def test_a_tills_full_disk_is_told_as_that(tmp_path: Path) -> None:
    texts.speak("en")
    store = Store(tmp_path)
    with pytest.raises(OSError, match="No space left") as full, store.write():
        raise lmdb.DiskError("mdb_txn_commit: No space left on device")
    assert os_words(full.value) == "The disk of this machine is full."
    store.close()
