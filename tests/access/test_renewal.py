"""Sessions and certificates that end soon.

Goal: they are renewed while somebody works, keep nobody waiting, and undo nothing that was done meanwhile.
Method: the clients' own modules against a real server.
"""

import datetime as dt
import time
from dataclasses import replace
from types import SimpleNamespace

import grpc
import pytest

from clients.common import enrolment as enrolment_module
from clients.common.client import Client, Patience
from clients.common.connection import connection
from clients.common.enrolment import Enrolment, Session
from clients.common.problems import CallFailed
from kasir.v1 import stock_pb2
from kasir.v1.watch_pb2 import WatchRequest, WatchResponse
from server.access import ca
from tests.access.conftest import OWNER
from tests.access.machines import grpc_line, log_in, settings

LOCATION = stock_pb2.Location(code="GUDANG", name="Gudang", kind=stock_pb2.LOCATION_KIND_WAREHOUSE)


def test_a_session_is_renewed_before_it_ends(guarded, machine):
    session = log_in(machine)
    ends = int(time.time()) + 60
    machine.renewed(Session(session.user, session.token, ends, session.end_s))
    with Client(connection(guarded.running.target)) as client:
        settings(client)
    assert machine.session().expires_s > ends + 600


def test_a_certificate_is_renewed_in_its_last_third_and_the_old_key_goes(guarded, machine):
    log_in(machine)
    before = machine.device
    before.began_s -= 80 * 86_400
    before.expires_s -= 70 * 86_400
    machine.keep_device(before)
    with Client(connection(guarded.running.target)) as client:
        settings(client)
    after = machine.device
    assert after.key != before.key
    assert after.expires_s > before.expires_s
    with Client(connection(guarded.running.target)) as client:
        assert settings(client).currency_code == "IDR"


def near_its_end(machine):
    """Both the certificate and the session have to be renewed."""
    session, device = machine.session(), machine.device
    machine.renewed(replace(session, expires_s=int(machine.now_s()) + 60))
    machine.keep_device(
        replace(device, began_s=device.began_s - 80 * 86_400, expires_s=device.expires_s - 70 * 86_400)
    )


@pytest.fixture
def renewals(machine, monkeypatch):
    """Of somebody's work, near the end of all: what is asked for on the way, and how long that may take. The
    answer is what `code` says.
    """
    log_in(machine)
    near_its_end(machine)
    found = SimpleNamespace(asked=[], code=grpc.StatusCode.DEADLINE_EXCEEDED, moved=0.0)

    def ask(_channel, name, *_more, timeout_s=20.0):
        found.asked.append((name, timeout_s))
        raise CallFailed(found.code, "", "no")

    monkeypatch.setattr("clients.common.enrolment._ask", ask)
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + found.moved, sleep=time.sleep)
    monkeypatch.setattr("clients.common.client.time", clock)
    return found


def test_renewals_keep_no_caller_waiting(guarded, renewals):
    patience = Patience(timeout_s=2.5, tries=1)
    with Client(connection(guarded.running.target), patience=patience) as client:
        settings(client)
        for renewals.moved in (0.0, 45.0):
            settings(client)
            # Nothing more is asked on a line that gives no answer, nor so soon again.
            assert renewals.asked == [("RenewSession", 2.5)]
        renewals.moved = 61.0
        settings(client)
        assert len(renewals.asked) == 2
        guarded.running.stop()
        renewals.moved = 200.0
        with pytest.raises(CallFailed):
            settings(client)
        assert len(renewals.asked) == 2


def test_a_certificate_whose_answer_was_lost_is_asked_for_again_an_hour_later(
    guarded, machine, renewals, monkeypatch
):
    machine.forget_session(OWNER)
    monkeypatch.setattr(
        enrolment_module, "time", SimpleNamespace(time=time.time, monotonic=lambda: renewals.moved)
    )
    with grpc_line(machine) as channel:
        for renewals.moved, asked in ((0.0, 1), (61.0, 1), (3_599.0, 1), (3_601.0, 2)):
            machine.keep_on(channel)
            assert [name for name, _ in renewals.asked] == ["RenewDevice"] * asked


@pytest.fixture
def during(monkeypatch):
    """Something is done while the next answer is under way."""

    def do(what):
        ask = enrolment_module._ask

        def slowly(channel, *words, **how):
            reply = ask(channel, *words, **how)
            monkeypatch.setattr(enrolment_module, "_ask", ask)
            what(channel)
            return reply

        monkeypatch.setattr(enrolment_module, "_ask", slowly)

    return do


def test_a_renewal_under_way_does_not_undo_a_logout_or_a_login(guarded, machine, during):
    log_in(machine)
    near_its_end(machine)
    other = Enrolment(machine.server)
    with grpc_line(machine) as channel:
        during(other.log_out)
        machine.keep_on(channel, OWNER)
        assert machine.kept_session(OWNER) is None
        log_in(machine)
        near_its_end(machine)
        anew = []
        during(lambda _channel: anew.append(log_in(other)))
        machine.keep_on(channel, OWNER)
        assert machine.kept_session(OWNER) == anew[0]


def test_a_renewal_under_way_does_not_undo_an_enrolment(guarded, machine, during):
    log_in(machine)
    near_its_end(machine)
    machine.forget_session(OWNER)
    another = replace(machine.device, key="another", certificate="another")
    during(lambda _channel: Enrolment(machine.server).keep_device(another))
    with grpc_line(machine) as channel:
        machine.keep_on(channel)
    assert machine.device == another


def test_the_servers_certificate_is_renewed_in_its_last_third_and_a_late_one_is_said(tmp_path):
    ca.create(tmp_path / "ca", ["localhost"])

    def after(days):
        return ca.Authority(tmp_path / "ca", lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=days))

    assert after(59).server_warning() == after(61).server_warning() == "", "a server that runs has renewed it"
    assert "expires in 26 days" in after(63).server_warning()
    assert "has expired" in after(91).server_warning()
    assert not after(59).renew_server_in_time()
    assert after(61).renew_server_in_time()
    assert after(91).server_warning() == ""


def another_certificate(machine):
    """Another program renews the certificate; the server takes the one of before no more."""
    device = machine.device
    device.began_s -= 80 * 86_400
    device.expires_s -= 70 * 86_400
    machine.keep_device(device)
    with grpc_line(machine) as channel:
        machine.keep_on(channel)
    assert machine.device.key != device.key


def test_a_program_that_runs_uses_the_certificate_of_now(guarded, machine):
    log_in(machine)
    with Client(connection(guarded.running.target)) as client:
        settings(client)
        first = client.channel
        another_certificate(machine)
        client._next_look = 0.0
        assert settings(client).currency_code == "IDR"
        assert client.channel is not first
        second = client.channel
        client._next_look = 0.0
        settings(client)
        assert client.channel is second


def test_a_stream_goes_on_with_the_certificate_of_now(guarded, machine):
    log_in(machine)
    with Client(connection(guarded.running.target)) as client:
        watched = client.watch(WatchRequest(), WatchResponse)
        client.call(stock_pb2.CreateLocationRequest(location=LOCATION), stock_pb2.CreateLocationResponse)
        seen = next(watched).revision
        first = client.channel
        another_certificate(machine)
        # As when the certificate that it was opened with expires.
        first.close()
        client._lines.remove(first)
        other = stock_pb2.Location(code="TOKO", name="Toko", kind=stock_pb2.LOCATION_KIND_SHOP)
        client._next_look = 0.0
        client.call(stock_pb2.CreateLocationRequest(location=other), stock_pb2.CreateLocationResponse)
        while (later := next(watched).revision) <= seen:
            pass
        assert later > seen


@pytest.mark.parametrize(
    ("days", "said"), [(15, ""), (13, "ends in 13 days"), (-1, "enrol this machine anew")]
)
def test_a_certificate_that_cannot_be_renewed_is_told_of_once_an_hour(
    guarded, machine, caplog, monkeypatch, days, said
):
    device = machine.device
    device.began_s = int(time.time()) - 80 * 86_400
    device.expires_s = int(time.time()) + days * 86_400
    machine.keep_device(device)
    moved = [0.0]
    clock = SimpleNamespace(time=time.time, monotonic=lambda: time.monotonic() + moved[0])
    monkeypatch.setattr("clients.common.enrolment.time", clock)
    guarded.running.stop()
    with grpc_line(machine) as channel:
        for hours, told in ((0, 1), (0.5, 1), (1.1, 2)):
            moved[0] = hours * 3_600
            machine.keep_on(channel)
            assert len(caplog.records) == (told if said else 0)
    assert said in caplog.text


@pytest.mark.parametrize("name", ["device.json", "session"])
def test_what_is_damaged_on_the_disk_meanwhile_makes_no_failure_of_an_answer(guarded, machine, caplog, name):
    log_in(machine)
    with Client(connection(guarded.running.target)) as client:
        settings(client)
        path = machine.folder / name if name == "device.json" else machine._session_file(OWNER)
        unary = client._unary

        def answered(*words):
            call = unary(*words)

            def ask(*more, **others):
                reply = call(*more, **others)
                path.write_text("{")
                return reply

            return ask

        client._unary = answered
        client._next_renewal = 0.0
        assert settings(client).currency_code == "IDR"
    assert [f"{path} cannot be read" in record.getMessage() for record in caplog.records] == [True]


def test_a_session_that_cannot_be_renewed_is_asked_for_once(guarded, renewals):
    renewals.code = grpc.StatusCode.UNAUTHENTICATED
    with Client(connection(guarded.running.target)) as client:
        for renewals.moved in (0.0, 100.0):
            settings(client)
    assert [name for name, _ in renewals.asked] == ["RenewSession", "RenewDevice", "RenewDevice"]
