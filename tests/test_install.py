"""Goal: what docs/install.md has systemd run works as it stands there. Method: the units' own commands over
directories of the test, and systemd's own checker.
"""

import configparser
import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[1] / "docs" / "systemd"
PATIENCE_S = 60


def command_of(unit: str, places: dict[str, str]) -> list[str]:
    """What a unit starts, with this interpreter and other places."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(UNITS / unit)
    program, *words = shlex.split(parser["Service"]["ExecStart"])
    assert program == "/opt/kasir/bin/kasir"
    for place, other in places.items():
        assert place in words, f"{unit} does not name {place}"
        words[words.index(place)] = other
    return [sys.executable, "-m", "kasir.cli", *words]


@contextlib.contextmanager
def started(command: list[str], ready: str) -> Iterator[None]:
    """A program that has said `ready`; stopped as systemd does."""
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
    ) as process:
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if ready in line:
                    break
            else:
                pytest.fail("".join(said))
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


def kasir(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "kasir.cli", *words], check=True, timeout=PATIENCE_S, capture_output=True
    )


def test_what_the_units_start_works(tmp_path: Path) -> None:
    data, access, backup = (tmp_path / name for name in ("data", "access", "backup"))
    heads, key, pin = tmp_path / "heads.jsonl", tmp_path / "audit.key", tmp_path / "pin"
    pin.write_text("284619\n")
    pin.chmod(0o600)
    kasir("ca", "init", str(access), "--name", "localhost")
    kasir(
        *("access", "init", "--data", str(data), "--access", str(access)),
        *("--owner", "bos", "--pin-file", str(pin)),
    )
    kasir("audit", "keygen", str(key))
    server = command_of(
        "kasir.service",
        {
            "/var/lib/kasir": str(data),
            "/etc/kasir/access": str(access),
            "0.0.0.0:50051": "127.0.0.1:0",
            "127.0.0.1:9464": "127.0.0.1:0",
        },
    )
    follower = command_of(
        "kasir-backup.service",
        {
            "/var/lib/kasir": str(data),
            "/mnt/backup/kasir": str(backup),
            "/mnt/audit/heads.jsonl": str(heads),
            "/etc/kasir/audit.key": str(key),
            "127.0.0.1:9465": "127.0.0.1:0",
        },
    )
    with started(server, "kasir serving on"), started(follower, "Checked in"):
        pass
    kasir("backup", "check", str(backup))
    assert heads.read_text().count("\n") > 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.iterdir()))
def test_systemd_takes_the_units(unit: str, tmp_path: Path) -> None:
    text = (UNITS / unit).read_text().replace("/opt/kasir/bin/kasir", shutil.which("true") or "true")
    (tmp_path / unit).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
