"""What of the journal who may see.

Goal: `Watch` shows nobody what they may not read itself: neither kinds of things that their roles or scopes
do not open, nor things of other places; and it tells everybody how far the journal is. Method: one journal
with things of all kinds at two places, watched from its beginning by everybody over a real server, and held
against the table.
"""

import grpc
import pytest

from kasir.v1 import customer_pb2, watch_pb2
from server.access.table import AGENTS, PEOPLE, Role, methods
from server.sight import READ_BY
from tests.access.test_places import Places
from tests.server.support import read_refusal

WATCH = "/kasir.v1.WatchService/Watch"


class Journal(Places):
    """Things at two places."""

    def __init__(self, guarded):
        super().__init__(guarded)
        customer = customer_pb2.Customer(name="Pembeli", phone="081234567891")
        request = customer_pb2.CreateCustomerRequest(customer=customer)
        self.boss("/kasir.v1.CustomerService/CreateCustomer", request)
        self.orders = (self.order(self.here), self.order(self.there))
        self.holds = (self.hold(self.here), self.hold(self.there))
        self.shifts = (self.shift(self.desk_here, "T1")[1], self.shift(self.desk_there, "T2")[1])
        self.drops = (self.drop(self.here, self.desk_here), self.drop(self.there, self.desk_there))

    def seen(self, machine, token, *resources):
        """(kind, id) of all changes up to now, and the revision that was told last."""
        request = watch_pb2.WatchRequest(resources=resources)
        watch = self.guarded.line(machine).unary_stream(
            WATCH, response_deserializer=watch_pb2.WatchResponse.FromString
        )
        metadata = [("authorization", f"Bearer {token}")] if token else []
        stream = watch(request.SerializeToString(), timeout=20, metadata=metadata)
        changes = set()
        for reply in stream:
            changes |= {(each.resource, each.id) for record in reply.records for each in record.changes}
            if reply.revision >= self.guarded.running.engine.revision():
                break
        stream.cancel()
        return changes

    def refused(self, machine, token, *resources):
        with pytest.raises(grpc.RpcError) as failed:
            self.seen(machine, token, *resources)
        return read_refusal(failed.value)


@pytest.fixture
def journal(guarded):
    return Journal(guarded)


def test_every_kind_of_thing_is_read_by_a_method_of_the_table():
    kinds = set(watch_pb2.Resource.values()) - {watch_pb2.RESOURCE_UNSPECIFIED}
    assert READ_BY.keys() == kinds
    for reading in READ_BY.values():
        row = methods()[reading.method]
        assert not row.places or reading.request is not None, "where it is has to be found"


def kinds_for(roles, scopes=()):
    return {kind for kind, reading in READ_BY.items() if methods()[reading.method].lets(roles, scopes)}


def test_everybody_sees_the_kinds_of_things_that_they_may_read(journal):
    guarded = journal.guarded
    whole = journal.seen(guarded.office, guarded.owner)
    kinds = {kind for kind, _ in whole}
    assert {"ORDER", "HOLD", "SHIFT", "CUSTOMER", "DROP_ORDER", "STOCK", "ITEM", "SETTING"} <= {
        watch_pb2.Resource.Name(kind).removeprefix("RESOURCE_") for kind in kinds
    }
    narrowed = 0
    for role in sorted(PEOPLE):
        guarded.user(f"is-{role}", role)
        token = guarded.login(guarded.office, f"is-{role}")
        expected = {change for change in whole if change[0] in kinds_for([role])}
        assert journal.seen(guarded.office, token) == expected, role
        narrowed += expected != whole
    for role in sorted(AGENTS):
        machine = guarded.device(f"dev-{role}", roles=(role,))
        expected = {change for change in whole if change[0] in kinds_for([role])}
        assert journal.seen(machine, "") == expected, role
    assert narrowed >= 2


@pytest.mark.parametrize("scopes", [("catalogue.read",), ("stock.read", "shop.read"), ("bookings.read",)])
def test_a_key_sees_what_its_scopes_open(journal, scopes):
    whole = journal.seen(journal.guarded.office, journal.guarded.owner)
    secret = journal.guarded.key("web", "journal.read", *scopes)
    kinds = kinds_for([Role.INTEGRATOR], scopes)
    assert journal.seen(None, secret) == {change for change in whole if change[0] in kinds}
    assert kinds


def test_a_key_that_may_read_nothing_else_is_told_so(journal):
    found = journal.refused(None, journal.guarded.key("web", "journal.read"))
    assert found.reason == "ROLE_MISSING"
    assert "may call" in found.message


def test_who_works_here_sees_nothing_of_there(journal):
    whole = journal.seen(journal.guarded.office, journal.guarded.owner)
    seen = journal.seen(journal.guarded.office, journal.sari)
    for kind, (here, there) in (
        (watch_pb2.RESOURCE_ORDER, journal.orders),
        (watch_pb2.RESOURCE_HOLD, journal.holds),
        (watch_pb2.RESOURCE_SHIFT, journal.shifts),
    ):
        assert (kind, here) in seen
        assert (kind, there) in whole - seen
    assert (watch_pb2.RESOURCE_STOCK, journal.item) in seen, "what is to be had anywhere is everybody's"


def test_a_device_with_a_place_narrows_who_may_work_everywhere(journal):
    till = journal.guarded.device("till-1", journal.here)
    journal.guarded.user("budi", "cs")
    seen = journal.seen(till, journal.guarded.login(till, "budi"))
    assert (watch_pb2.RESOURCE_ORDER, journal.orders[0]) in seen
    assert (watch_pb2.RESOURCE_ORDER, journal.orders[1]) not in seen


def test_what_one_may_not_read_is_not_watched_for_in_vain(journal):
    journal.guarded.user("budi", "cashier")
    token = journal.guarded.login(journal.guarded.office, "budi")
    found = journal.refused(journal.guarded.office, token, watch_pb2.RESOURCE_MUTATION)
    assert (found.reason, found.details["method"]) == (
        "ROLE_MISSING",
        "/kasir.v1.ReconciliationService/GetMutation",
    )
    assert journal.seen(journal.guarded.office, token, watch_pb2.RESOURCE_ORDER)
