"""Who decides about devices and keys.

Goal: a manager of one place gets no hold of another's devices, by no code, early or late; what is the owner's
stays the owner's. Method: codes and revocations by a manager of one place, over a real server.
"""

import grpc
import pytest

from kasir.v1 import access_pb2 as pb
from kasir.v1 import stock_pb2
from server.access.people import SERVER
from tests.access.conftest import METHODS, OWNER, OWNER_PIN
from tests.server.support import new_id, read_refusal

SETTINGS = "/kasir.v1.AdminService/GetSettings"


class Shop:
    """Two places, and a manager of the first."""

    def __init__(self, guarded):
        self.guarded = guarded
        self.here, self.there = self.location("HERE"), self.location("THERE")
        guarded.user("manager-1", "manager", locations=(self.here,))
        self.token = guarded.login(guarded.office, "manager-1")

    def location(self, code):
        location = stock_pb2.Location(code=code, name=code.title(), kind=stock_pb2.LOCATION_KIND_WAREHOUSE)
        request = stock_pb2.CreateLocationRequest(request_id=new_id(), location=location)
        guarded, method = self.guarded, "/kasir.v1.StockService/CreateLocation"
        reply = guarded.ask(method, request, guarded.office, guarded.owner, stock_pb2.CreateLocationResponse)
        return reply.location.location_id

    def ask(self, name, request):
        reply = getattr(pb, f"{name}Response")
        return self.guarded.ask(METHODS + name, request, self.guarded.office, self.token, reply)

    def code(self, device, place, *roles):
        request = pb.CreateEnrolmentCodeRequest(device=device, location_id=place, roles=roles)
        return self.ask("CreateEnrolmentCode", request).code


@pytest.fixture
def shop(guarded):
    return Shop(guarded)


def reason(ask, *arguments):
    with pytest.raises(grpc.RpcError) as failed:
        ask(*arguments)
    return read_refusal(failed.value).reason


def test_a_manager_takes_devices_of_the_own_place_out_and_no_others(shop):
    shop.guarded.device("till-here", shop.here)
    shop.guarded.device("till-there", shop.there)
    for name in ("till-there", "office"):
        assert reason(shop.ask, "RevokeDevice", pb.RevokeDeviceRequest(name=name)) == "ROLE_MISSING"
    assert shop.ask("RevokeDevice", pb.RevokeDeviceRequest(name="till-here")) is not None


def test_a_device_that_was_taken_out_elsewhere_is_no_new_one(shop):
    shop.guarded.device("till-there", shop.there)
    shop.guarded.manage("RevokeDevice", pb.RevokeDeviceRequest(name="till-there"))
    assert reason(shop.code, "till-there", shop.here) == "ROLE_MISSING"


def test_what_a_device_is_only_an_owner_changes(shop):
    shop.guarded.device("printer", shop.here, ("hardware",))
    assert shop.code("printer", shop.here, "hardware")
    assert reason(shop.code, "printer", shop.here) == "ROLE_MISSING"
    shop.guarded.user("chief", "manager")
    token = shop.guarded.login(shop.guarded.office, "chief")
    moved = pb.CreateEnrolmentCodeRequest(device="printer", location_id=shop.there, roles=["hardware"])
    chief = METHODS + "CreateEnrolmentCode"
    assert reason(shop.guarded.ask, chief, moved, shop.guarded.office, token) == "ROLE_MISSING"
    assert shop.guarded.manage("CreateEnrolmentCode", moved).code


def test_a_code_made_before_the_device_was_there_moves_it_no_more(shop):
    code = shop.code("till-9", shop.here)
    shop.guarded.device("till-9", shop.there)
    assert reason(shop.guarded.enrol, code) == "ENROLMENT_REFUSED"
    devices = shop.guarded.manage("ListEnrolledDevices", pb.ListEnrolledDevicesRequest()).devices
    assert {device.name: device.location_id for device in devices}["till-9"] == shop.there


def test_a_key_is_the_owners_to_take_away(shop):
    shop.guarded.key("web", "catalogue.read")
    assert reason(shop.ask, "RevokeApiKey", pb.RevokeApiKeyRequest(name="web")) == "ROLE_MISSING"
    shop.guarded.manage("RevokeApiKey", pb.RevokeApiKeyRequest(name="web"))


def test_codes_of_who_is_disabled_or_no_longer_in_charge_are_void(shop):
    disabled = shop.code("till-5", shop.here)
    user = pb.User(name="manager-1", roles=["manager"], location_ids=[shop.here])
    shop.guarded.manage(
        "UpdateUser",
        pb.UpdateUserRequest(user=pb.User(name=user.name, roles=user.roles, disabled=True)),
    )
    shop.guarded.manage("UpdateUser", pb.UpdateUserRequest(user=user))
    assert reason(shop.guarded.enrol, disabled) == "ENROLMENT_REFUSED"
    shop.token = shop.guarded.login(shop.guarded.office, "manager-1")
    lowered = shop.code("till-6", shop.here)
    shop.guarded.manage("UpdateUser", pb.UpdateUserRequest(user=pb.User(name=user.name, roles=["cashier"])))
    assert reason(shop.guarded.enrol, lowered) == "ENROLMENT_REFUSED"


@pytest.mark.parametrize("voided", [True, False], ids=["void with the device", "kept by a server of before"])
def test_a_key_of_a_device_that_was_taken_out_does_not_come_back_with_it(shop, voided):
    guarded = shop.guarded
    items = "/kasir.v1.CatalogueService/ListItems"
    web = guarded.device("web")
    secret = guarded.key("shop", "catalogue.read", device="web")
    assert guarded.ask(items, b"", web, secret) is not None
    guarded.manage("RevokeDevice", pb.RevokeDeviceRequest(name="web"))
    assert guarded.manage("ListApiKeys", pb.ListApiKeysRequest()).keys[0].revoked
    if not voided:
        with guarded.control.store.write() as txn:
            key = txn.keys.get("shop")
            key.revoked = False
            txn.keys.put("shop", key)
    again = guarded.device("web")
    assert reason(guarded.ask, items, b"", again, secret) == "SESSION_REQUIRED"
    assert guarded.ask(items, b"", again, guarded.key("shop-2", "catalogue.read", device="web")) is not None


def test_a_device_that_is_moved_keeps_its_keys(shop):
    items = "/kasir.v1.CatalogueService/ListItems"
    shop.guarded.device("web", shop.here)
    secret = shop.guarded.key("shop", "catalogue.read", device="web")
    moved = shop.guarded.device("web", shop.there)
    assert shop.guarded.ask(items, b"", moved, secret) is not None


def test_no_user_has_the_name_of_the_server(shop):
    """Codes of the server's own machine hold whoever is disabled."""
    user = pb.User(name=SERVER, roles=["owner"])
    request = pb.CreateUserRequest(user=user, pin="kata-sandi")
    assert reason(shop.guarded.manage, "CreateUser", request) == "FIELD_MALFORMED"
    made = [line.actor for line in shop.guarded.log() if line.reason == "code made"]
    assert made[0] == SERVER


def test_who_works_at_a_device_that_is_moved_logs_in_anew(shop):
    guarded = shop.guarded
    till = guarded.device("till-1", shop.here)
    token = guarded.login(till, OWNER, OWNER_PIN)
    assert guarded.ask(SETTINGS, b"", till, token) is not None
    guarded.device("till-1", shop.there)
    assert reason(guarded.ask, SETTINGS, b"", till, token) == "SESSION_REQUIRED"
    again = guarded.login(till, OWNER, OWNER_PIN)
    assert guarded.ask(SETTINGS, b"", till, again) is not None
    with guarded.control.store.read() as txn:
        sessions = [session for _, session in txn.sessions.all() if session.device == "till-1"]
    assert len(sessions) == 1
