"""What is done on the server's machine beside a server that runs.

Goal: a new PIN of an owner ends the sessions of the old one, in the server too; files that cannot be read are
told in a sentence. Method: the commands' own functions, and a store whose files were damaged.
"""

import datetime as dt
import errno
import shutil
import ssl
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import grpc
import pytest
from cryptography import x509
from typer.testing import CliRunner

from kasir.v1 import access_pb2 as pb
from server import certificate
from server.access import ca, pins, upkeep
from server.access.cli import access_app
from server.settings import SettingsError, parse_address
from tests.access.conftest import OWNER, OWNER_PIN, Guarded, first_owner
from tests.access.test_door import SETTINGS, refused
from tests.server.support import until


def test_a_new_pin_of_an_owner_ends_the_sessions_of_the_old_one(guarded):
    control = guarded.control
    guarded.user("sari", "cashier")
    sari = guarded.login(guarded.office, "sari")
    # As a process beside does it: the store is all that it shares with the server.
    control._thread.submit(control.add_owner, OWNER, "owner-pin-2").result(20)
    again = guarded.login(guarded.office, OWNER, "owner-pin-2")

    def is_over():
        try:
            guarded.ask(SETTINGS, b"", guarded.office, guarded.owner)
        except grpc.RpcError:
            return True
        return False

    until(is_over, "the end of the session")
    assert refused(guarded.ask, SETTINGS, b"", guarded.office, guarded.owner).reason == "SESSION_REQUIRED"
    assert refused(guarded.login, guarded.office, OWNER, OWNER_PIN).reason == "LOGIN_FAILED"
    for token in (again, sari):
        assert guarded.ask(SETTINGS, b"", guarded.office, token)


def test_the_sessions_of_an_old_pin_are_over_at_the_next_start_too(guarded, start_server):
    control = guarded.control
    control._thread.submit(control.add_owner, OWNER, "owner-pin-2").result(20)
    guarded.running.stop()
    guarded.running = start_server(access=guarded.authority.directory)
    guarded.__dict__.pop("_lines")
    assert refused(guarded.ask, SETTINGS, b"", guarded.office, guarded.owner).reason == "SESSION_REQUIRED"


def test_a_server_whose_certificate_ends_soon_says_so(start_server, authority, monkeypatch):
    monkeypatch.setattr(ca, "WARN_BELOW", ca.SERVER_LASTS)
    running = start_server(access=authority.directory)
    until(lambda: any("could not be renewed" in str(line) for line in running.log), "the warning")


def shown(running) -> x509.Certificate:
    """The certificate that whoever connects is shown now."""
    host, _, port = running.target.rpartition(":")
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((host, int(port))).encode())


@pytest.fixture
def hasty(monkeypatch):
    """What takes months and minutes takes seconds: enough of them to start a server and log in."""
    monkeypatch.setattr(ca, "SERVER_LASTS", dt.timedelta(seconds=24))
    monkeypatch.setattr(upkeep, "RENEW_S", 0.0)
    monkeypatch.setattr(upkeep, "PACE_S", 0.1)
    monkeypatch.setattr(certificate, "LOOK_S", 0.1)


def test_a_certificate_that_ends_is_renewed_and_taken_without_a_restart(
    start_server, engine, authority, hasty, monkeypatch
):
    authority.renew_server()
    code = first_owner(engine.path, authority.directory)
    running = start_server(access=authority.directory, metrics_listen=parse_address("127.0.0.1:0"))
    guarded = Guarded(running, authority, code)
    first = shown(running)
    watching = guarded.line(guarded.office).unary_stream("/kasir.v1.WatchService/Watch")
    stream = watching(b"", metadata=[("authorization", f"Bearer {guarded.owner}")])
    next(stream)
    # By this the first one is in its last third.
    monkeypatch.setattr(ca, "SERVER_LASTS", dt.timedelta(days=1))
    until(lambda: shown(running).serial_number != first.serial_number, "the next certificate")
    until(lambda: dt.datetime.now(dt.UTC) > first.not_valid_after_utc, "the end of the first one", 60)

    # Nobody trusts the first one any more. The line opened with it goes on, beyond what was read ahead.
    look_until = time.monotonic() + 1.0
    while time.monotonic() < look_until:
        next(stream)
    guarded.ask(SETTINGS, b"", guarded.office, guarded.owner)
    newcomer = guarded.channel(guarded.office)
    newcomer.unary_unary(SETTINGS)(b"", timeout=20, metadata=[("authorization", f"Bearer {guarded.owner}")])
    ends_s = shown(running).not_valid_after_utc.timestamp()
    with urlopen(f"http://{running.service.metrics_address}/metrics", timeout=10) as answer:
        told = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines())
    assert float(told["kasir_certificate_end_time_seconds"]) == ends_s
    stream.cancel()
    guarded.close()


def test_a_certificate_is_not_taken_from_under_a_code_that_names_it(guarded, monkeypatch):
    control = guarded.control
    before = guarded.authority.server_certificate.read_bytes()
    monkeypatch.setattr(ca, "SERVER_LASTS", ca.SERVER_LASTS * 4)
    request = pb.CreateEnrolmentCodeRequest(device="till-1")
    code = guarded.manage("CreateEnrolmentCode", request).code
    renew = partial(control._thread.submit, control.upkeep.renew_in_time)
    renew().result(20)
    assert guarded.authority.server_certificate.read_bytes() == before
    guarded.enrol(code)
    renew().result(20)
    assert guarded.authority.server_certificate.read_bytes() != before
    # When hardly any time is left, nobody else could come in.
    guarded.manage("CreateEnrolmentCode", request)
    before = guarded.authority.server_certificate.read_bytes()
    monkeypatch.setattr(ca, "SERVER_LASTS", ca.SERVER_LASTS * 4)
    monkeypatch.setattr(upkeep, "RENEW_ANYWAY_S", 10**9)
    renew().result(20)
    assert guarded.authority.server_certificate.read_bytes() != before


@pytest.fixture
def read_only(monkeypatch):
    """The directory of the authority cannot be written."""

    def refuse(path, _content):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(ca, "_write", refuse)


def test_a_certificate_that_is_good_still_serves_where_none_can_be_written(
    start_server, authority, monkeypatch, read_only
):
    monkeypatch.setattr(ca, "SERVER_LASTS", ca.SERVER_LASTS * 4)
    running = start_server(access=authority.directory)
    assert [line["days_left"] for line in running.log if "not renewed" in str(line)] == [89]


def test_one_that_has_expired_serves_nobody(start_server, tmp_path, request):
    made = dt.datetime.now(dt.UTC) - ca.SERVER_LASTS
    old = ca.create(tmp_path / "access", ["localhost"], lambda: made)
    request.getfixturevalue("read_only")
    with pytest.raises(SettingsError, match="has expired"):
        start_server(access=old.directory)


@pytest.mark.parametrize("how", ["damaged", "no directory"])
def test_a_store_that_cannot_be_opened_is_told_in_a_sentence(tmp_path, authority, how):
    folder = tmp_path / "data" / "access"
    folder.parent.mkdir()
    if how == "damaged":
        folder.mkdir()
        (folder / "data.mdb").write_bytes(b"x" * 8192)
    else:
        folder.write_text("")
    arguments = ["audit", "--data", str(folder.parent), "--access", str(authority.directory)]
    found = CliRunner().invoke(access_app, arguments)
    assert found.exit_code == 1
    assert str(folder) in found.output
    assert "sudo -u kasir" in found.output
    assert "Traceback" not in found.output


def test_the_log_is_read_without_what_only_a_server_needs(guarded, engine):
    arguments = ["audit", "--data", engine.path, "--access", guarded.authority.directory, "--verify"]
    words = [str(each) for each in arguments]
    script = f"""
import sys
from typer.testing import CliRunner
from server.access.cli import access_app
found = CliRunner().invoke(access_app, {words!r})
assert found.exit_code == 0, found.output
print(*{"server.access.service", "grpc"} & sys.modules.keys())
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("command", ["code", "init"])
def test_who_only_makes_codes_guesses_no_pin(tmp_path, authority, monkeypatch, command):
    hashed = []
    monkeypatch.setattr(pins.Pins, "hash", lambda _self, user, _pin: hashed.append(user) or "x")
    (tmp_path / "pin").write_text(OWNER_PIN)
    words = {"code": ["till-1"], "init": ["--owner", OWNER, "--pin-file", str(tmp_path / "pin")]}[command]
    places = ["--data", str(tmp_path / "data"), "--access", str(authority.directory)]
    found = CliRunner().invoke(access_app, [command, *places, *words])
    assert found.exit_code == 0, found.output
    assert hashed == ([OWNER] if command == "init" else [])


def kasir(*words):
    command = [Path(sys.executable).with_name("kasir"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_copy_taken_beside_the_server_lets_the_same_ones_in(guarded, start_server, engine, tmp_path):
    guarded.user("sari", "cashier")
    to = tmp_path / "copies" / "monday"
    done = kasir("access", "copy", "--data", engine.path, "--to", to)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in to.parent.rglob("*") if path.is_file()] == ["data.mdb"]
    assert not (to / "data.mdb").stat().st_mode & 0o077
    again = kasir("access", "copy", "--data", engine.path, "--to", to)
    assert again.returncode == 1
    assert "there already" in again.stderr
    guarded.running.stop()
    shutil.rmtree(engine.path / "access")
    shutil.copytree(to, engine.path / "access")
    guarded.running = start_server(access=guarded.authority.directory)
    guarded.__dict__.pop("_lines")
    assert guarded.login(guarded.office, "sari")


def test_there_is_nothing_to_copy_without_access_control(tmp_path):
    found = CliRunner().invoke(access_app, ["copy", "--data", str(tmp_path), "--to", str(tmp_path / "to")])
    assert found.exit_code == 1
    assert not list(tmp_path.iterdir())


def test_a_backup_says_that_it_leaves_access_control_out(guarded, engine, tmp_path):
    done = kasir("backup", engine.path, "--to", tmp_path / "backup")
    assert done.returncode == 0, done.stderr
    assert "NOT in this backup" in done.stderr
