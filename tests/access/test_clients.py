"""A machine of the shop's: enrolled by code, logged in by PIN, kept so while somebody works.

Goal: the programs need no more than a code and a PIN, never forget what was not answered, and give no secret
away. Method: the clients' own modules against a real server; certificates and sessions that end soon.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest

from clients.common.client import Client
from clients.common.connection import CHANNEL_OPTIONS, connection
from clients.common.enrolment import Enrolment, Session, server_pin, split_code
from clients.common.journal import RequestJournal
from clients.common.problems import BadInput, CallFailed
from kasir.v1 import access_pb2 as pb
from kasir.v1 import stock_pb2
from server.access import pins
from tests.access.conftest import OWNER, OWNER_PIN
from tests.access.machines import ended_at_the_server, enrolled, grpc_line, log_in, settings

LOCATION = stock_pb2.Location(code="GUDANG", name="Gudang", kind=stock_pb2.LOCATION_KIND_WAREHOUSE)


def test_a_code_and_a_pin_are_all_it_takes(guarded, machine):
    log_in(machine)
    line = connection(guarded.running.target)
    assert line.actor == OWNER
    with Client(line) as client:
        assert settings(client).currency_code == "IDR"


def test_what_is_kept_is_this_users_alone(machine, home):
    log_in(machine)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) == 5
    assert all(not path.stat().st_mode & 0o077 for path in files)
    assert OWNER_PIN not in "".join(path.read_text() for path in files)


def test_a_server_in_the_middle_is_seen_before_the_code_is_sent(guarded, home, tmp_path):
    request = pb.CreateEnrolmentCodeRequest(device="till-1")
    code = guarded.manage("CreateEnrolmentCode", request).code
    secret, _ = split_code(code)
    false = secret + server_pin(b"another certificate")
    enrolment = Enrolment(guarded.running.target)
    with pytest.raises(BadInput, match="somebody is between"):
        enrolment.enrol(false, CHANNEL_OPTIONS)
    assert not enrolment.exists
    # The code was not used up.
    assert enrolment.enrol(code, CHANNEL_OPTIONS).name == "till-1"


@pytest.mark.parametrize("code", ["", "ABCD", "1" * 28, "A" * 29, "A" * 27])
def test_what_is_no_code_is_not_sent(home, code):
    with pytest.raises(BadInput):
        split_code(code)


def test_both_sides_know_a_server_by_the_same(guarded):
    der = guarded.authority.server_der()
    assert server_pin(der) == pins.pin_of_server(der)


def test_nobody_logged_in_is_asked_for(guarded, machine):
    asked = []

    def ask(client):
        asked.append(client)
        machine.log_in(client.channel, OWNER, OWNER_PIN)
        return True

    with Client(connection(guarded.running.target), log_in=ask) as client:
        assert settings(client).currency_code == "IDR"
        assert settings(client).currency_code == "IDR"
    assert len(asked) == 1
    machine.forget_session(OWNER)
    with Client(connection(guarded.running.target), log_in=lambda _client: False) as client:
        with pytest.raises(CallFailed) as failed:
            settings(client)
        assert failed.value.reason == "SESSION_REQUIRED"


def test_work_is_written_down_for_who_logged_in_for_it(guarded, machine, monkeypatch):
    guarded.user("budi", "cashier", "manager")
    log_in(machine)
    line = connection(guarded.running.target)
    machine.forget_session(OWNER)
    journal = RequestJournal()
    seen = []

    def ask(client):
        return bool(machine.log_in(client.channel, "budi", "kata-sandi"))

    with Client(line, journal, log_in=ask) as client:
        metadata = client._metadata

        def sent(*actor):
            seen.append([each.actor for each in journal.pending()])
            return metadata(*actor)

        monkeypatch.setattr(client, "_metadata", sent)
        client.call(stock_pb2.CreateLocationRequest(location=LOCATION), stock_pb2.CreateLocationResponse)
        assert seen == [[OWNER], ["budi"]]
        assert client.connection.actor == "budi"


def test_an_agent_calls_by_its_certificate(guarded, home):
    from kasir.v1.hardware_pb2 import ListDevicesRequest, ListDevicesResponse

    enrolled(guarded, "printers", ("hardware",))
    line = connection(guarded.running.target)
    assert line.actor == "device:printers"
    with Client(line) as client:
        assert not client.call(ListDevicesRequest(), ListDevicesResponse).devices


def test_who_logs_in_at_once_is_known_of_each(machine):
    """Several programs write beside one another."""
    people = [f"cashier-{number}" for number in range(24)]

    def keep(user):
        Enrolment(machine.server).keep_session(Session(user, "token", 1, 1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(keep, people))
    assert all(machine.kept_session(user).user == user for user in people)
    assert machine.user in people


def test_an_agent_keeps_nobody_logged_in(guarded, home):
    from kasir.v1.hardware_pb2 import ListDevicesRequest, ListDevicesResponse

    machine = enrolled(guarded, "printers", ("hardware",))
    log_in(machine)
    line = connection(guarded.running.target, "device:printers")
    ends = int(time.time()) + 60
    machine.renewed(replace(machine.session(), expires_s=ends))
    with Client(line) as client:
        client.call(ListDevicesRequest(), ListDevicesResponse)
    assert machine.session().expires_s == ends


def test_what_lies_here_is_read_again_only_when_it_changed(guarded, machine, monkeypatch):
    log_in(machine)
    with Client(connection(guarded.running.target)) as client:
        settings(client)
        read = []
        before = Path.read_bytes
        monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or before(path))
        client._next_look = client._next_renewal = 0.0
        settings(client)
        assert read == []
        other = Enrolment(machine.server)
        token = log_in(other).token
        client._next_look = client._next_renewal = 0.0
        settings(client)
        assert client.connection.enrolment.session().token == token


def test_what_was_not_answered_is_kept_while_nobody_is_let_in(guarded, machine):
    log_in(machine)
    journal = RequestJournal()
    request = stock_pb2.CreateLocationRequest(location=LOCATION)
    line = connection(guarded.running.target)
    with Client(line, journal) as client:
        # Asked once, and nobody knows what became of it; then the session ends.
        request.request_id = "01234567-89ab-cdef-0123-456789abcdef"
        journal.add(client._pending(request.request_id, "/kasir.v1.StockService/CreateLocation", "", request))
        machine.forget_session(OWNER)
        (pending,) = journal.pending()
        with pytest.raises(CallFailed) as failed:
            client.resend(pending)
        assert failed.value.reason == "SESSION_REQUIRED"
        assert failed.value.kept
        assert len(journal.pending()) == 1
        log_in(machine)
        client.resend(pending)
        assert journal.pending() == []


def test_what_somebody_did_here_is_sent_by_who_is_logged_in_now(guarded, machine):
    guarded.user("budi", "cashier", "manager")
    log_in(machine, "budi", "kata-sandi")
    machine.forget_session("budi")
    log_in(machine)
    with Client(connection(guarded.running.target)) as client:
        hold = stock_pb2.ReleaseHoldRequest(request_id="01234567-89ab-cdef-0123-456789abcdef", hold_id=7)
        for actor, reason in (("budi", "HOLD_NOT_FOUND"), ("joko", "ACTOR_MISMATCH")):
            pending = client._pending(hold.request_id, "/kasir.v1.StockService/ReleaseHold", "", hold)
            with pytest.raises(CallFailed) as failed:
                client.resend(replace(pending, actor=actor))
            assert (failed.value.reason, failed.value.settled) == (reason, actor == "budi")


def test_a_session_that_the_server_ended_is_sent_no_more_and_who_is_there_sends(guarded, machine):
    for name in ("budi", "wati"):
        guarded.user(name, "cashier", "manager")
        log_in(machine, name, "kata-sandi")
    ended_at_the_server(machine, "budi")
    journal = RequestJournal()
    hold = stock_pb2.ReleaseHoldRequest(request_id="01234567-89ab-cdef-0123-456789abcdef", hold_id=7)

    def resent(client):
        path = "/kasir.v1.StockService/ReleaseHold"
        journal.add(replace(client._pending(hold.request_id, path, "", hold), actor="budi"))
        with pytest.raises(CallFailed) as failed:
            client.resend(journal.pending()[0])
        return failed.value.reason, failed.value.kept

    with Client(connection(guarded.running.target), journal) as client:
        # The engine looked at it: it was let in.
        assert resent(client) == ("HOLD_NOT_FOUND", False)
        assert machine.kept_session("budi") is None
        ended_at_the_server(machine, "wati")
        assert resent(client) == ("SESSION_REQUIRED", True)
        assert machine.kept_session("wati") is None
        assert machine.user == "wati"


def locked_out(machine):
    """Somebody guesses at this machine until nobody is let in here."""
    reason = ""
    while reason != "LOGIN_LOCKED":
        with pytest.raises(CallFailed) as failed:
            log_in(machine, pin="no-such-pin")
        reason = failed.value.reason


def test_what_was_not_answered_is_kept_while_the_login_is_refused(guarded, machine):
    log_in(machine)
    journal = RequestJournal()
    request = stock_pb2.ReceiveStockRequest(request_id="01234567-89ab-cdef-0123-456789abcdef")
    line = connection(guarded.running.target)
    machine.forget_session(OWNER)
    locked_out(machine)

    def ask(client):
        return bool(machine.log_in(client.channel, OWNER, OWNER_PIN))

    with Client(line, journal, log_in=ask) as client:
        journal.add(client._pending(request.request_id, "/kasir.v1.StockService/ReceiveStock", "", request))
        (pending,) = journal.pending()
        with pytest.raises(CallFailed) as failed:
            client.resend(pending)
        assert (failed.value.reason, failed.value.kept) == ("SESSION_REQUIRED", True)
        assert failed.value.__cause__.reason == "LOGIN_LOCKED"
        assert journal.pending() == [pending]


def test_who_is_locked_out_is_told_so(guarded, machine, capsys, monkeypatch):
    from kasir.cli import app

    locked_out(machine)
    monkeypatch.setattr("typer.prompt", lambda *_words, **_how: OWNER_PIN)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(SystemExit) as left:
        app(["access", "users", "list", "--server", guarded.running.target], prog_name="kasir")
    assert left.value.code == 1
    assert "Too many wrong PINs" in capsys.readouterr().err


def test_what_was_refused_at_the_door_the_first_time_is_not_kept(guarded, machine):
    journal = RequestJournal()
    with Client(connection(guarded.running.target), journal) as client, pytest.raises(CallFailed):
        client.call(stock_pb2.CreateLocationRequest(location=LOCATION), stock_pb2.CreateLocationResponse)
    assert journal.pending() == []


def test_logging_out_ends_it_on_both_sides(guarded, machine):
    session = log_in(machine)
    with grpc_line(machine) as channel:
        assert machine.log_out(channel) == OWNER
        metadata = (("authorization", f"Bearer {session.token}"),)
        with pytest.raises(grpc.RpcError):
            channel.unary_unary("/kasir.v1.AdminService/GetSettings")(b"", metadata=metadata, timeout=20)
    assert machine.session() is None


def test_the_commands(guarded, machine, tmp_path, capsys):
    """What an owner types, from the login to a key."""
    from kasir.cli import app

    (tmp_path / "pin").write_text(OWNER_PIN)

    def kasir(*words):
        with pytest.raises(SystemExit) as left:
            app([*words, "--server", guarded.running.target], prog_name="kasir")
        return left.value.code, capsys.readouterr()

    assert kasir("login", OWNER, "--pin-file", str(tmp_path / "pin"))[0] == 0
    added = ("--role", "cashier", "--pin-file", str(tmp_path / "pin"))
    assert kasir("access", "users", "add", "sari", *added)[0] == 0
    status, said = kasir("access", "users", "list", "--json")
    assert (status, len(json.loads(said.out)["users"])) == (0, 2)
    status, said = kasir("access", "keys", "create", "web", "--scope", "stock.read", "--json")
    assert json.loads(said.out)["secret"].startswith("kasir_")
    status, said = kasir("access", "devices", "code", "till-2", "--json")
    assert len(split_code(json.loads(said.out)["secret"])[0]) == 12
    assert kasir("access", "devices", "revoke", "nothing")[0] == 1
    assert kasir("access", "log", "show")[0] == 0
    assert kasir("logout")[0] == 0
    status, said = kasir("access", "users", "list")
    assert status == 1
    assert "kasir login" in said.err


@pytest.mark.parametrize("named", [[], [OWNER]])
def test_ones_own_pin_is_changed_with_the_old_one(guarded, machine, tmp_path, capsys, monkeypatch, named):
    from kasir.cli import app

    log_in(machine)
    asked = []
    monkeypatch.setattr("typer.prompt", lambda words, **_how: asked.append(words) or OWNER_PIN)
    (tmp_path / "new").write_text("another-pin-7")
    words = ["access", "users", "pin", *named, "--pin-file", str(tmp_path / "new")]
    with pytest.raises(SystemExit) as left:
        app([*words, "--server", guarded.running.target], prog_name="kasir")
    assert left.value.code == 0, capsys.readouterr().err
    assert asked == ["Your old PIN"]
    assert log_in(machine, pin="another-pin-7").user == OWNER


def test_who_enrolled_is_told_how_to_log_in_at_that_server(guarded, home, capsys):
    from kasir.cli import app

    code = guarded.manage("CreateEnrolmentCode", pb.CreateEnrolmentCodeRequest(device="till-1")).code
    with pytest.raises(SystemExit) as left:
        app(["enrol", code, "--server", guarded.running.target], prog_name="kasir")
    assert left.value.code == 0
    said = capsys.readouterr()
    assert f"--server {guarded.running.target}" in " ".join((said.out + said.err).split())


@pytest.fixture
def typed(capsys):
    """What is said to somebody who types a command, in one line, and the status."""
    from kasir.cli import app

    def type_it(*words):
        with pytest.raises(SystemExit) as left:
            app(list(words), prog_name="kasir")
        return left.value.code, " ".join(capsys.readouterr().err.split())

    return type_it


@pytest.mark.parametrize("words", [("login", OWNER), ("logout",)])
def test_who_is_not_enrolled_is_told_to(home, typed, words):
    status, said = typed(*words, "--server", "toko.example:50051")
    assert (status, "kasir enrol CODE" in said) == (2, True), said


def test_a_code_that_is_refused_is_told_so(guarded, home, typed):
    code = guarded.manage("CreateEnrolmentCode", pb.CreateEnrolmentCodeRequest(device="till-1")).code
    Enrolment(guarded.running.target).enrol(code, CHANNEL_OPTIONS)
    status, said = typed("enrol", code, "--server", guarded.running.target)
    assert (status, "code" in said) == (1, True), said


def test_what_is_no_address_is_told_so(home, typed):
    for words in (("enrol", "A" * 28), ("login", OWNER), ("logout",)):
        status, said = typed(*words, "--server", "toko")
        assert (status, "HOST:PORT" in said) == (2, True), said


def wrong_by(seconds):
    return SimpleNamespace(time=lambda: time.time() + seconds, monotonic=time.monotonic)


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_clock_that_is_wrong_locks_nobody_out(guarded, machine, monkeypatch, hours):
    monkeypatch.setattr("clients.common.enrolment.time", wrong_by(hours * 3_600))
    log_in(machine)
    assert machine.session() is not None
    with Client(connection(guarded.running.target)) as client:
        assert settings(client).currency_code == "IDR"
    before = machine.session()
    near_its_end = int(machine.now_s()) + 60
    machine.renewed(Session(before.user, before.token, near_its_end, before.end_s))
    with Client(connection(guarded.running.target)) as client:
        settings(client)
    assert machine.session().expires_s > near_its_end + 600


def test_a_clock_that_jumps_after_the_login_does_neither(guarded, machine, monkeypatch):
    log_in(machine)
    monkeypatch.setattr("clients.common.enrolment.time", wrong_by(30 * 3_600))
    with Client(connection(guarded.running.target)) as client:
        assert settings(client).currency_code == "IDR"
    assert machine.session() is not None


def test_a_session_that_is_over_is_not_sent_for_ever(guarded, home):
    """What the device may do by itself it does, whoever was logged in there last."""
    from kasir.v1.hardware_pb2 import ListDevicesRequest, ListDevicesResponse

    machine = enrolled(guarded, "printers", ("hardware",))
    session = log_in(machine)
    machine.keep_session(Session(session.user, "of-yesterday", int(time.time()) - 1, int(time.time()) - 1))
    with Client(connection(guarded.running.target)) as client:
        assert not client.call(ListDevicesRequest(), ListDevicesResponse).devices
    assert machine.kept_session() is None
    assert machine.user == OWNER
