"""What people are told at the door.

Goal: whoever is not let in learns what to do next: to enrol, to call the server by its name, which file is
empty; what cannot be taken back is asked about. Method: commands over a real server that keeps watch.
"""

import sys

import grpc
import pytest
from typer.testing import CliRunner

from clients.common.client import Client, Patience
from clients.common.connection import Connection, connection
from clients.common.knocking import other_names
from clients.common.output import Output
from clients.common.problems import CallFailed
from clients.common.shop import Shop
from clients.doctor import Health, findings
from kasir.v1 import access_pb2 as pb
from kasir.v1.admin_pb2 import GetSettingsRequest, GetSettingsResponse
from kasir.v1.watch_pb2 import WatchRequest, WatchResponse
from server.access import ca
from server.access.cli import access_app, ca_app
from tests.access.conftest import OWNER, OWNER_PIN
from tests.access.machines import enrolled, log_in


@pytest.fixture
def machine(guarded, home):
    found = enrolled(guarded, "till-1")
    log_in(found)
    return found


@pytest.fixture
def kasir(guarded, home, capsys):
    """Types a command: the status, and what was said on both lines, each in one line."""
    from kasir.cli import app

    def run(*words, server=guarded.running.target):
        with pytest.raises(SystemExit) as left:
            app([*map(str, words), *(["--server", server] if server else [])], prog_name="kasir")
        said = capsys.readouterr()
        return left.value.code, " ".join(said.out.split()), " ".join(said.err.split())

    return run


# --- Who is not enrolled ---


@pytest.mark.parametrize("words", [("cs", "find", "kopi"), ("doctor",), ("till", "tills")])
def test_who_is_not_enrolled_is_told_to_at_once(kasir, guarded, words):
    status, out, err = kasir(*words, "--as", "sari")
    assert status != 0
    assert f"kasir enrol CODE --server {guarded.running.target}" in out + err
    assert "does not answer" not in out + err


def test_a_stream_of_who_is_not_enrolled_ends_with_that(guarded, home):
    with Client(Connection(guarded.running.target, "sari")) as client, pytest.raises(CallFailed) as failed:
        next(client.watch(WatchRequest(), WatchResponse))
    assert (failed.value.reason, failed.value.retriable) == ("DEVICE_UNKNOWN", False)


def test_a_server_that_is_away_is_told_as_that(guarded, home):
    target = guarded.running.target
    guarded.running.stop()
    client = Client(Connection(target, "sari"), patience=Patience(1.0, 1))
    with client, pytest.raises(CallFailed) as failed:
        client.call(GetSettingsRequest(), GetSettingsResponse)
    assert (failed.value.code, failed.value.reason) == (grpc.StatusCode.UNAVAILABLE, "")


def test_another_machine_is_told_of_enrolment(kasir):
    status, _, err = kasir("cs", "find", "kopi", "--as", "sari", server="kasir.toko:50051")
    assert (status, "kasir enrol CODE" in err) == (2, True), err


def test_a_machine_that_was_taken_out_is_told_whom_to_ask(guarded, machine, kasir):
    guarded.manage("RevokeDevice", pb.RevokeDeviceRequest(name="till-1"))
    status, _, err = kasir("cs", "find", "kopi")
    assert status == 1
    assert "was taken out" in err
    assert "Ask an owner or a manager" in err


# --- What the server is called ---


@pytest.mark.parametrize(
    ("server", "fits"),
    [
        ("kasir.toko:1", True),
        ("KASIR.toko:1", True),
        ("192.168.1.10:1", True),
        ("[::1]:1", True),
        ("[0:0:0:0:0:0:0:1]:1", True),
        ("till.pusat.toko:1", True),
        ("a.till.pusat.toko:1", False),
        ("192.168.1.11:1", False),
        ("toko:1", False),
    ],
)
def test_a_name_fits_the_certificate_or_its_names_are_told(tmp_path, server, fits):
    names = ["kasir.toko", "192.168.1.10", "::1", "*.pusat.toko"]
    der = ca.create(tmp_path / "access", names).server_der()
    assert other_names(server, der) == ([] if fits else names)


def test_who_enrols_by_another_name_is_told_the_servers_names(home, kasir_at):
    status, err = kasir_at(["kasir.toko", "192.168.1.10"])
    assert status == 2
    assert "calls itself kasir.toko, 192.168.1.10" in err


@pytest.fixture
def kasir_at(start_server, engine, tmp_path, capsys):
    """Enrols at a server whose certificate has these names only."""
    from kasir.cli import app
    from server.access.people import SERVER
    from server.access.service import AccessControl
    from server.logs import make_logger

    def enrol(names):
        authority = ca.create(tmp_path / "named", names)
        control = AccessControl(engine.path, authority.directory, make_logger())
        code, _ = control.make_code(SERVER, "office", 0, [])
        control.store.close()
        running = start_server(access=authority.directory)
        with pytest.raises(SystemExit) as left:
            app(["enrol", code, "--server", running.target], prog_name="kasir")
        return left.value.code, " ".join(capsys.readouterr().err.split())

    return enrol


# --- What is asked about ---


def test_the_machine_at_hand_is_taken_out_only_by_who_says_yes(guarded, machine, kasir):
    status, _, err = kasir("access", "devices", "revoke", "till-1")
    assert status == 2
    assert "this machine" in err
    assert "--yes" in err
    assert guarded.manage("ListEnrolledDevices", pb.ListEnrolledDevicesRequest()).devices[1].revoked is False
    assert kasir("access", "devices", "revoke", "till-1", "--yes")[0] == 0


def test_the_last_machine_where_people_log_in_likewise(guarded, machine, kasir):
    guarded.device("printers", roles=("hardware",))
    assert kasir("access", "devices", "revoke", "office")[0] == 0
    _, _, err = kasir("access", "devices", "revoke", "till-1")
    assert "the last device at which people log in" in err
    assert kasir("access", "devices", "revoke", "printers")[0] == 0


@pytest.mark.parametrize(("said", "status"), [(True, 0), (False, 1)])
def test_somebody_at_a_terminal_is_asked(guarded, machine, kasir, monkeypatch, said, status):
    asked = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda words, **_how: asked.append(words) or said)
    assert kasir("access", "devices", "revoke", "till-1")[0] == status
    assert len(asked) == 1


# --- Keys and PINs ---


def test_a_new_key_says_that_it_is_shown_once_and_how_long_it_lasts(machine, kasir):
    status, out, err = kasir("access", "keys", "create", "web", "--scope", "stock.read")
    assert status == 0
    assert out.startswith("authorization: Bearer kasir_"), "and nothing else stands there"
    assert len(out.split()) == 3
    assert "shown this once" in err
    assert "lasts until" in err


@pytest.mark.parametrize("words", [("login", OWNER), ("access", "users", "add", "sari", "--role", "cs")])
def test_a_file_without_a_pin_is_told_as_empty(machine, kasir, tmp_path, words):
    (tmp_path / "pin").write_text(" \n")
    status, _, err = kasir(*words, "--pin-file", tmp_path / "pin")
    assert status == 2
    assert "is empty: it has to hold the PIN" in err


def test_so_it_is_on_the_servers_machine(tmp_path, authority):
    (tmp_path / "pin").write_text("")
    places = ["--data", str(tmp_path / "data"), "--access", str(authority.directory)]
    words = ["init", *places, "--owner", "bos", "--pin-file", str(tmp_path / "pin")]
    found = CliRunner().invoke(access_app, words)
    assert found.exit_code == 1
    assert "is empty" in found.stderr


def test_a_new_pin_is_typed_twice_and_the_old_one_comes_from_a_file(
    guarded, machine, kasir, tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        "typer.prompt",
        lambda words, **how: asked.append((words, how["confirmation_prompt"])) or "another-pin-7",
    )
    (tmp_path / "old").write_text(OWNER_PIN)
    assert kasir("access", "users", "add", "sari", "--role", "cashier")[0] == 0
    assert kasir("access", "users", "pin", "--old-pin-file", tmp_path / "old")[0] == 0
    assert asked == [("First PIN of sari", True), ("New PIN", True)]
    assert log_in(machine, pin="another-pin-7").user == OWNER


# --- The doctor ---


def test_the_doctor_of_a_cashier_says_what_it_may_not_look_at_and_goes_on(guarded, machine):
    guarded.user("sari", "cashier")
    log_in(machine, "sari", "kata-sandi")
    with Client(connection(guarded.running.target)) as client:
        found = {each.name: each for each in findings(Shop(client, Output(as_json=True)))}
    assert found["Server"].health is Health.WELL
    assert found["Bank"].words.startswith("not looked at: your role may not")
    assert found["Devices"].words.startswith("no agent"), "the other checks are made"
    assert not any("ROLE_MISSING" in each.words for each in found.values())


# --- Starting ---


def test_a_server_without_an_owner_says_how_one_is_made_and_goes_on(start_server, authority, engine):
    running = start_server(access=authority.directory)
    [line] = [line for line in running.log if line["event"] == "no owner yet"]
    assert (
        f"kasir access init --data {engine.path} --access {authority.directory} --owner NAME"
        in line["warning"]
    )


def test_one_with_an_owner_says_nothing(guarded):
    assert not [line for line in guarded.running.log if line["event"] == "no owner yet"]


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("kasir", ("enrol",)),
        ("kasir", ("login",)),
        ("kasir", ("logout",)),
        (access_app, ("code",)),
        (access_app, ("audit",)),
        (ca_app, ("server",)),
    ],
)
def test_help_has_an_example(kasir, app, words):
    if app == "kasir":
        said = kasir(*words, "--help", server="")[1]
    else:
        said = " ".join(CliRunner().invoke(app, [*words, "--help"]).output.split())
    assert "Example" in said
    assert said.count(f"{words[-1]} ") > 1
