"""Who is let in: devices by certificate, people by PIN, programs by key, over a real server with TLS.

Goal: what is not allowed is refused, each for its reason, and written down. Method: real certificates and
tokens; stolen, expired, revoked and guessed ones beside them.
"""

import time
from dataclasses import replace
from types import SimpleNamespace

import grpc
import pytest

from kasir.v1 import access_pb2 as pb
from kasir.v1 import admin_pb2, hardware_pb2, stock_pb2
from server import machine_clock
from server.access import certificates
from server.access.login import LOCK_MAX_S, _lock_key, left_of
from server.access.store import Lock
from tests.access.conftest import METHODS, OWNER, OWNER_PIN, Machine
from tests.server.support import new_id, read_refusal

SETTINGS = "/kasir.v1.AdminService/GetSettings"
LOCATIONS = "/kasir.v1.StockService/ListLocations"
HARDWARE = "/kasir.v1.HardwareService/"
CREATE_LOCATION = "/kasir.v1.StockService/CreateLocation"


def refused(ask, *arguments, **keywords):
    with pytest.raises(grpc.RpcError) as failed:
        ask(*arguments, **keywords)
    return read_refusal(failed.value)


def test_an_owner_at_an_enrolled_device_is_let_in(guarded):
    answer = guarded.ask(SETTINGS, b"", guarded.office, guarded.owner, admin_pb2.GetSettingsResponse)
    assert answer.settings.currency_code == "IDR"


def test_a_stranger_is_let_in_nowhere_but_for_health_and_enrolment(guarded):
    found = refused(guarded.ask, SETTINGS, b"", None)
    assert (found.code, found.reason) == (grpc.StatusCode.UNAUTHENTICATED, "DEVICE_UNKNOWN")
    assert guarded.ask("/grpc.health.v1.Health/Check", b"", None)
    found = refused(guarded.ask, METHODS + "EnrolDevice", pb.EnrolDeviceRequest(code="ABCD", csr="x"), None)
    assert found.reason == "ENROLMENT_REFUSED"


def test_health_is_watched_by_devices_only(guarded):
    def first(machine, token=""):
        metadata = [("authorization", f"Bearer {token}")] if token else []
        watch = guarded.channel(machine).unary_stream("/grpc.health.v1.Health/Watch")
        call = watch(b"", timeout=20, metadata=metadata)
        answer = next(call)
        call.cancel()
        return answer

    assert refused(first, None).reason == "DEVICE_UNKNOWN"
    # A key that is good on any machine, and no device.
    assert refused(first, None, guarded.key("web", "catalogue.read")).reason == "DEVICE_UNKNOWN"
    assert first(guarded.office) == first(guarded.office, guarded.owner) != b""


def test_a_device_alone_may_nothing_but_log_in(guarded):
    found = refused(guarded.ask, SETTINGS, b"", guarded.office)
    assert (found.code, found.reason) == (grpc.StatusCode.UNAUTHENTICATED, "SESSION_REQUIRED")


def test_a_token_without_its_device_is_worth_nothing(guarded):
    other = guarded.device("till-2")
    for machine in (None, other):
        found = refused(guarded.ask, SETTINGS, b"", machine, guarded.owner)
        assert found.reason == "SESSION_REQUIRED"
    assert {(line.device, line.reason) for line in guarded.log() if line.kind == "denied"} == {
        ("", "the token is another device's"),
        ("till-2", "the token is another device's"),
    }


def test_a_certificate_of_another_authority_gets_no_line(guarded, tmp_path):
    from server.access import ca

    foreign = ca.create(tmp_path / "foreign", ["localhost"])
    machine = Machine()
    machine.certificate = foreign.sign_device("office", machine.csr()).pem
    found = refused(guarded.ask, SETTINGS, b"", machine, guarded.owner)
    assert found.code == grpc.StatusCode.UNAVAILABLE


def test_a_certificate_of_the_authority_that_the_store_does_not_know_is_none(guarded):
    machine = Machine()
    machine.certificate = guarded.authority.sign_device("office", machine.csr()).pem
    assert refused(guarded.ask, SETTINGS, b"", machine).reason == "DEVICE_UNKNOWN"


def test_a_code_enrols_once(guarded):
    code = guarded.manage("CreateEnrolmentCode", pb.CreateEnrolmentCodeRequest(device="till-1")).code
    assert guarded.enrol(code.replace("-", " ").lower()).name == "till-1"
    with pytest.raises(grpc.RpcError) as failed:
        guarded.enrol(code)
    assert read_refusal(failed.value).reason == "ENROLMENT_REFUSED"


def test_wrong_codes_are_few(guarded):
    asked = pb.EnrolDeviceRequest(code="A" * 12, csr="x")
    found = [refused(guarded.ask, METHODS + "EnrolDevice", asked, None).reason for _ in range(22)]
    assert found[:20] == ["ENROLMENT_REFUSED"] * 20
    assert set(found[20:]) == {"RATE_EXCEEDED"}


def test_a_revoked_device_is_out_at_once_and_so_is_who_works_there(guarded):
    till = guarded.device("till-1")
    guarded.user("sari", "cashier")
    token = guarded.login(till, "sari")
    assert guarded.ask(LOCATIONS, b"", till, token) is not None
    guarded.manage("RevokeDevice", pb.RevokeDeviceRequest(name="till-1"))
    for method, words in (
        (LOCATIONS, (till, token)),
        (METHODS + "OpenSession", (till,)),
        (LOCATIONS, (till,)),
    ):
        found = refused(guarded.ask, method, b"", *words)
        assert found.reason == "DEVICE_UNKNOWN"
        assert "was taken out of the shop" in found.message
        assert "kasir access devices code" in found.message


def test_a_stream_ends_with_the_session(guarded):
    from kasir.v1 import watch_pb2

    guarded.user("sari", "cs")
    token = guarded.login(guarded.office, "sari")
    watch = guarded.channel(guarded.office).unary_stream(
        "/kasir.v1.WatchService/Watch", response_deserializer=watch_pb2.WatchResponse.FromString
    )
    stream = watch(b"", timeout=20, metadata=[("authorization", f"Bearer {token}")])
    next(stream)
    guarded.manage("UpdateUser", pb.UpdateUserRequest(user=pb.User(name="sari", roles=["cs"], disabled=True)))
    with pytest.raises(grpc.RpcError) as failed:
        for _ in stream:
            pass
    assert read_refusal(failed.value).reason == "SESSION_REQUIRED"


def test_a_session_ends_when_it_is_closed(guarded):
    guarded.user("sari", "cs")
    token = guarded.login(guarded.office, "sari")
    guarded.ask(METHODS + "CloseSession", b"", guarded.office, token)
    assert refused(guarded.ask, SETTINGS, b"", guarded.office, token).reason == "SESSION_REQUIRED"


def test_an_expired_session_is_refused_and_a_renewed_one_is_not(guarded):
    guarded.user("sari", "cs")
    kept, lost = guarded.login(guarded.office, "sari"), guarded.login(guarded.office, "sari")
    from server.access import pins

    for token in (kept, lost):
        guarded.control.guard.table.renew_token(pins.digest(token), 1)
    assert refused(guarded.ask, SETTINGS, b"", guarded.office, lost).reason == "SESSION_REQUIRED"
    # Over is over: what is void is not renewed either.
    assert (
        refused(guarded.ask, METHODS + "RenewSession", b"", guarded.office, kept).reason == "SESSION_REQUIRED"
    )
    third = guarded.login(guarded.office, "sari")
    renewed = guarded.ask(METHODS + "RenewSession", b"", guarded.office, third, pb.RenewSessionResponse)
    assert renewed.expire_time.seconds > 0
    assert guarded.ask(SETTINGS, b"", guarded.office, third)


def test_the_name_in_the_metadata_cannot_be_another_ones(guarded):
    assert guarded.ask(SETTINGS, b"", guarded.office, guarded.owner, actor=OWNER)
    found = refused(guarded.ask, SETTINGS, b"", guarded.office, guarded.owner, actor="sari")
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ACTOR_MISMATCH")


def test_the_journal_has_the_name_of_who_is_logged_in(guarded, engine):
    location = stock_pb2.Location(code="GUDANG", name="Gudang", kind=stock_pb2.LOCATION_KIND_WAREHOUSE)
    request = stock_pb2.CreateLocationRequest(request_id=new_id(), location=location)
    guarded.ask(CREATE_LOCATION, request, guarded.office, guarded.owner)
    from kasir.v1 import watch_pb2

    changes = watch_pb2.WatchResponse.FromString(engine.read_changes(0, 10).response)
    assert [record.actor for record in changes.records] == [OWNER]


def test_a_wrong_pin_and_an_unknown_name_are_told_the_same(guarded):
    wrong = refused(guarded.login, guarded.office, OWNER, "wrong-pin")
    unknown = refused(guarded.login, guarded.office, "nobody", "wrong-pin")
    assert wrong == unknown
    assert wrong.reason == "LOGIN_FAILED"


@pytest.mark.parametrize("name", ["", "x" * 600, "\0", "sari\0bos"])
def test_a_name_that_is_none_is_told_the_same_too(guarded, name):
    assert refused(guarded.login, guarded.office, name, "0000").reason == "LOGIN_FAILED"


@pytest.mark.parametrize("name", ["", "x" * 600])
def test_what_no_user_device_or_key_is_called(guarded, name):
    requests = (pb.RevokeDeviceRequest(name=name), pb.RevokeApiKeyRequest(name=name))
    for method, request in zip(("RevokeDevice", "RevokeApiKey"), requests, strict=True):
        assert refused(guarded.manage, method, request).reason == "ACCESS_NOT_FOUND"
    user = pb.User(name=name, roles=["cashier"])
    found = refused(guarded.manage, "CreateUser", pb.CreateUserRequest(user=user))
    assert found.violations[0][0] == "user.name"


def test_guessing_locks_out_at_the_device_and_nowhere_else(guarded):
    guarded.user("sari", "cashier", pin="8462")
    till, other = guarded.device("till-1"), guarded.device("till-2")
    for guess in range(5):
        assert refused(guarded.login, till, "sari", f"000{guess}").reason == "LOGIN_FAILED"
    found = refused(guarded.login, till, "sari", "8462")
    assert found.reason == "LOGIN_LOCKED"
    assert 0 < int(found.details["seconds"]) <= 60
    assert guarded.login(other, "sari", "8462")
    assert guarded.login(till, OWNER, OWNER_PIN)
    assert [line.kind for line in guarded.log() if line.actor == "sari"][-6:] == [
        *["login_failed"] * 4,
        "login_locked",
        "login",
    ]


def test_time_that_passes_between_guesses_does_not_forgive_them(guarded):
    guarded.user("sari", "cashier", pin="8462")
    for guess in range(5):
        assert refused(guarded.login, guarded.office, "sari", f"000{guess}").reason == "LOGIN_FAILED"
        guarded.erase_what_is_over()
    assert refused(guarded.login, guarded.office, "sari", "8462").reason == "LOGIN_LOCKED"


def test_guesses_are_erased_a_day_after_the_last(guarded):
    now = int(time.time())
    with guarded.control.store.write() as txn:
        txn.locks.put("over", Lock(3, last_s=now - 86_400))
        txn.locks.put("lately", Lock(3, last_s=now - 80_000))
    guarded.erase_what_is_over()
    with guarded.control.store.read() as txn:
        assert [key for key, _ in txn.locks.all()] == [b"lately"]


DAY_S = 86_400


def test_a_clock_that_is_not_believed_forgives_nobody(guarded, engine, monkeypatch):
    guarded.user("sari", "cashier", pin="8462")
    for guess in range(5):
        assert refused(guarded.login, guarded.office, "sari", f"000{guess}").reason == "LOGIN_FAILED"
    status = engine.status
    monkeypatch.setattr(engine, "status", lambda: status() | {"clock_step_ms": DAY_S * 1000})
    monkeypatch.setattr(machine_clock, "time", SimpleNamespace(time=lambda: time.time() + DAY_S))
    guarded.erase_what_is_over()
    assert refused(guarded.login, guarded.office, "sari", "8462").reason == "LOGIN_LOCKED"
    with guarded.control.store.read() as txn:
        assert [session.user for _, session in txn.sessions.all()] == [OWNER]


def test_a_lock_of_a_time_to_come_lasts_an_hour_at_most(guarded):
    """The clock was a day ahead when it was made, and is right again."""
    ahead = int(time.time()) + DAY_S
    key = _lock_key("office", "sari")
    with guarded.control.store.write() as txn:
        txn.locks.put(key, Lock(9, until_s=ahead + 600, last_s=ahead))
    found = refused(guarded.login, guarded.office, "sari", "8462")
    assert (found.reason, found.details["seconds"]) == ("LOGIN_LOCKED", str(LOCK_MAX_S))
    guarded.erase_what_is_over()
    with guarded.control.store.read() as txn:
        lock = txn.locks.get(key)
    assert lock.last_s <= time.time()
    assert lock.until_s - lock.last_s == LOCK_MAX_S


def test_the_own_pin_does_not_forgive_guesses_at_others(guarded):
    guarded.user("sari", "cashier", pin="8462")
    till = guarded.device("till-1")
    found = []
    for number in range(31):
        found.append(refused(guarded.login, till, f"name{number}", "0000").reason)
        if number in (9, 19):
            refused(guarded.login, till, "sari", "0000")
            assert guarded.login(till, "sari", "8462")
    assert found == ["LOGIN_FAILED"] * 30 + ["LOGIN_LOCKED"]


def test_a_device_forgives_one_wrong_pin_an_hour():
    lock = Lock(failures=20, last_s=1_000)
    assert [left_of(lock, now) for now in (1_000, 4_599, 4_600, 8_200, 10**6)] == [20, 20, 19, 18, 0]


def test_names_that_do_not_exist_lock_just_as_well(guarded):
    for _ in range(5):
        assert refused(guarded.login, guarded.office, "nobody", "0000").reason == "LOGIN_FAILED"
    assert refused(guarded.login, guarded.office, "nobody", "0000").reason == "LOGIN_LOCKED"


def test_one_pin_on_many_names_locks_the_device(guarded):
    till = guarded.device("till-1")
    found = [refused(guarded.login, till, f"name{number}", "0000").reason for number in range(31)]
    assert found == ["LOGIN_FAILED"] * 30 + ["LOGIN_LOCKED"]


def test_a_stolen_key_opens_its_scope_only(guarded):
    secret = guarded.key("marketplace", "catalogue.read")
    assert guarded.ask("/kasir.v1.CatalogueService/ListItems", b"", None, secret) is not None
    for method, scope in (
        ("/kasir.v1.StockService/ListStocks", "stock.read"),
        ("/kasir.v1.CustomerService/ListCustomers", "customers.read"),
        (METHODS + "ListUsers", ""),
    ):
        found = refused(guarded.ask, method, b"", None, secret)
        assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_MISSING"), method
        assert found.details.get("scope", "") == scope
        assert f"lacks the scope {scope}" in found.message if scope else "for people" in found.message
    guarded.manage("RevokeApiKey", pb.RevokeApiKeyRequest(name="marketplace"))
    assert (
        refused(guarded.ask, "/kasir.v1.CatalogueService/ListItems", b"", None, secret).reason
        == "SESSION_REQUIRED"
    )


def test_a_key_that_is_bound_to_a_device_is_worth_nothing_elsewhere(guarded):
    server = guarded.device("web")
    secret = guarded.key("shop", "catalogue.read", device="web")
    assert guarded.ask("/kasir.v1.CatalogueService/ListItems", b"", server, secret) is not None
    for machine in (None, guarded.office):
        found = refused(guarded.ask, "/kasir.v1.CatalogueService/ListItems", b"", machine, secret)
        assert found.reason == "SESSION_REQUIRED"


def test_who_calls_too_often_is_told_to_wait(guarded):
    secret = guarded.key("crawler", "catalogue.read", calls_per_second=1)
    answers = []
    for _ in range(6):
        try:
            guarded.ask("/kasir.v1.CatalogueService/ListItems", b"", None, secret)
            answers.append("")
        except grpc.RpcError as error:
            found = read_refusal(error)
            assert found.retry_ms
            answers.append(found.reason)
    assert answers[:2] == ["", ""]
    assert "RATE_EXCEEDED" in answers[2:]


def test_an_agent_works_by_its_certificate_alone_and_within_its_role(guarded):
    agent = guarded.device("printer-1", roles=("hardware",))
    assert guarded.ask("/kasir.v1.HardwareService/ListDevices", b"", agent) is not None
    found = refused(guarded.ask, "/kasir.v1.TillService/OpenShift", b"", agent)
    assert found.reason == "SESSION_REQUIRED"


def test_a_stream_outlasts_a_renewed_certificate_and_not_a_changed_role(guarded):
    agent = guarded.device("printer-1", roles=("hardware",))
    reporter = guarded.device("printer-2", roles=("hardware",))

    def report(name):
        device = hardware_pb2.Device(
            name=name, kind="DEVICE_KIND_RECEIPT_PRINTER", state="DEVICE_STATE_READY"
        )
        request = hardware_pb2.ReportDeviceStatesRequest(agent=name, devices=[device])
        guarded.ask(HARDWARE + "ReportDeviceStates", request, reporter)

    report("first")
    stream = guarded.channel(agent).unary_stream(HARDWARE + "WatchDevices")(b"", timeout=30)
    next(stream)
    guarded.ask(METHODS + "RenewDevice", pb.RenewDeviceRequest(csr=Machine().csr()), agent)
    report("second")
    assert b"second" in next(stream)
    with guarded.control.store.read() as txn:
        changed = replace(txn.devices.get("printer-1"), roles=["courier"])
    guarded.control.guard.put_device(changed)
    report("third")
    assert refused(next, stream).reason == "SESSION_REQUIRED"


def renewed(guarded, machine):
    """The machine with another key, and a certificate for it."""
    again = Machine(machine.name)
    asked = pb.RenewDeviceRequest(csr=again.csr())
    again.certificate = guarded.ask(
        METHODS + "RenewDevice", asked, machine, "", pb.RenewDeviceResponse
    ).certificate
    return again


def kept(guarded):
    """The fingerprints of the device's certificates."""
    with guarded.control.store.read() as txn:
        return set(txn.devices.get("printer-1").certificates)


def test_a_device_has_few_certificates_and_the_one_in_use_is_among_them(guarded):
    agent = guarded.device("printer-1", roles=("hardware",))
    in_use = renewed(guarded, agent)
    assert refused(renewed, guarded, in_use).reason == "RATE_EXCEEDED"
    with guarded.control.store.write() as txn:
        device = txn.devices.get("printer-1")
        device.certificates = {shown: ends - 61 * 86_400 for shown, ends in device.certificates.items()}
        txn.devices.put("printer-1", device)
    new = [renewed(guarded, in_use) for _ in range(2)]
    found = refused(renewed, guarded, in_use)
    assert found.reason == "RATE_EXCEEDED"
    assert found.retry_ms <= certificates.LOST_AFTER_S * 1_000, "an answer may still be under way"
    days = -(-refused(renewed, guarded, new[1]).retry_ms // 86_400_000)
    assert days == 30, "who has the newest needs no other"
    assert kept(guarded) == {each.fingerprint for each in (in_use, *new)}
    for machine in (in_use, *new):
        assert guarded.ask(HARDWARE + "ListDevices", b"", machine) is not None
    assert refused(guarded.ask, HARDWARE + "ListDevices", b"", agent).reason == "DEVICE_UNKNOWN"


def test_answers_that_are_lost_again_and_again_shut_no_device_out(guarded, monkeypatch):
    monkeypatch.setattr(certificates, "LOST_AFTER_S", 0)
    in_use = guarded.device("printer-1", roles=("hardware",))
    with guarded.control.store.write() as txn:
        device = txn.devices.get("printer-1")
        device.certificates = {shown: ends - 61 * 86_400 for shown, ends in device.certificates.items()}
        txn.devices.put("printer-1", device)
    lost = [renewed(guarded, in_use) for _ in range(4)]
    assert kept(guarded) == {each.fingerprint for each in (in_use, lost[0], lost[3])}
    for machine in lost[1:3]:
        assert refused(guarded.ask, HARDWARE + "ListDevices", b"", machine).reason == "DEVICE_UNKNOWN"
    for machine in (in_use, lost[3]):
        assert guarded.ask(HARDWARE + "ListDevices", b"", machine) is not None


def test_certificates_that_are_over_are_erased(guarded):
    agent = guarded.device("printer-1", roles=("hardware",))
    with guarded.control.store.write() as txn:
        device = txn.devices.get("printer-1")
        device.certificates["00" * 32] = int(time.time()) - 1
        txn.devices.put("printer-1", device)
    guarded.erase_what_is_over()
    with guarded.control.store.read() as txn:
        assert list(txn.devices.get("printer-1").certificates) == [agent.fingerprint]


def test_a_certificate_that_is_said_again_lasts_until_the_new_time(guarded):
    agent = guarded.device("printer-1", roles=("hardware",))
    with guarded.control.store.read() as txn:
        device = txn.devices.get("printer-1")
    for expires_s, found in ((1, "DEVICE_UNKNOWN"), (2**33, "")):
        guarded.control.guard.put_device(replace(device, certificates={agent.fingerprint: expires_s}))
        if found:
            assert refused(guarded.ask, HARDWARE + "ListDevices", b"", agent).reason == found
        else:
            guarded.ask(HARDWARE + "ListDevices", b"", agent)


def test_everybody_is_still_known_after_a_restart(guarded, start_server, engine):
    secret = guarded.key("shop", "catalogue.read")
    guarded.running.stop()
    again = start_server(access=guarded.authority.directory)
    guarded.running = again
    guarded.__dict__.pop("_lines")
    assert guarded.ask(SETTINGS, b"", guarded.office, guarded.owner)
    assert guarded.ask("/kasir.v1.CatalogueService/ListItems", b"", None, secret) is not None


def test_nothing_secret_is_logged_or_kept(guarded, engine):
    guarded.user("sari", "cashier", pin="kata-rahasia")
    secret = guarded.key("shop", "catalogue.read")
    token = guarded.login(guarded.office, "sari", "kata-rahasia")
    refused(guarded.ask, CREATE_LOCATION, b"", guarded.office, token)
    refused(guarded.login, guarded.office, "kata-rahasia", "sari")
    said = [line.SerializeToString() for line in guarded.log()]
    guarded.running.stop()
    kept = b"".join(path.read_bytes() for path in (engine.path / "access").iterdir())
    log = "".join(map(str, guarded.running.log)).encode()
    for word in (
        b"kata-rahasia",
        secret.encode(),
        token.encode(),
        OWNER_PIN.encode(),
        guarded.owner.encode(),
    ):
        assert word not in log
        assert word not in kept
        assert not any(word in line for line in said)


def test_files_are_the_servers_alone(guarded, engine):
    for path in [*(engine.path / "access").iterdir(), *guarded.authority.directory.iterdir()]:
        assert not path.stat().st_mode & 0o077, path
