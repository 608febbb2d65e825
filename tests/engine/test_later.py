"""Goal: a store that a later program wrote is refused by all, in words that say what to do, and is left as it
is.

Method: the format's number is raised where it lies in the file, as a later program would have written it: in
a store that was closed, in one that was killed, and in one that was killed in its first moments. Each command
that takes a store is asked for it. What no program may change is compared byte for byte.
"""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from engine.layout import FORMATS
from kasir.audit.heads import make_keys
from tests.conftest import ROOT, ServerProcess
from tests.server.support import Shop

FORMAT = max(FORMATS)
LATER = FORMAT + 1
# Who comes takes a lock, and leaves its number there.
LOCKS = frozenset({"lock", "lock.mdb", "onlookers"})
# More commits than go by until there is a checkpoint
MANY = 1_500


def raise_format(data: Path) -> None:
    """LMDB's pages carry no checksums."""
    file = data / "data.mdb"
    was, now = (b"\xa6format" + bytes([number]) for number in (FORMAT, LATER))
    pages = file.read_bytes()
    assert was in pages
    file.write_bytes(pages.replace(was, now))


def contents(data: Path) -> dict[str, str]:
    """A hash of each file that counts."""
    files = (each for each in data.rglob("*") if each.is_file() and each.name not in LOCKS)
    return {str(each.relative_to(data)): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


@pytest.fixture(params=["closed", "killed later", "killed at once"])
def later(request: pytest.FixtureRequest, serve: Callable[..., ServerProcess]) -> Path:
    """The data of a shop that a later program served."""
    server = serve()
    with grpc.insecure_channel(server.target) as channel:
        shop = Shop(channel)
        for _ in range(MANY if request.param == "killed later" else 3):
            shop.receive(shop.item_id, 1)
    if request.param == "closed":
        assert server.stop() == 0
    else:
        server.kill()
    raise_format(server.data)
    return server.data


COMMANDS = {
    "serve": ["serve", "--data", "DATA", "--listen", "127.0.0.1:0"],
    "verify": ["verify", "--data", "DATA"],
    "doctor": ["doctor", "--data", "DATA", "--json"],
    "backup": ["backup", "DATA", "--to", "NEW"],
    "audit verify": ["audit", "verify", "--data", "DATA"],
    "audit head": ["audit", "head", "--data", "DATA", "--key", "KEY", "--to", "NEW"],
    "inspect": ["inspect", "DATA"],
    "export": ["export", "DATA", "--out", "NEW"],
}


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kasir.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def test_no_command_takes_a_store_of_a_later_program_or_changes_it(
    later: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    make_keys(tmp_path / "key")
    before = contents(later)
    was_closed = "[closed]" in request.node.name
    for name, words in COMMANDS.items():
        places = {"DATA": later, "NEW": tmp_path / name, "KEY": tmp_path / "key"}
        done = run([str(places.get(word, word)) for word in words])
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode in {1, 2}, (name, said)
        assert "Traceback" not in said, (name, said)
        assert contents(later) == before, name
        # Who only looks on takes none that was not closed, and tells who does.
        if was_closed or name in {"serve", "verify"}:
            assert f"format {LATER}" in said, (name, said)
            assert "Use the Kasir that wrote it." in said, (name, said)
