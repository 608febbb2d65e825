"""Goal: at a server that keeps watch a sale under a name that nobody has stops no other, and is booked once
by somebody who may. Method: a till with its own certificate, and people who log in at it.
"""

from collections import namedtuple
from dataclasses import replace

import grpc
import pytest

from clients.common.connection import Connection
from clients.till.journal import State
from clients.till.line import till_client
from clients.till.till import open_till
from tests.access.conftest import _cheap_pins, authority, guarded
from tests.access.test_clients import enrolled, home, log_in
from tests.server.support import idr
from tests.till.world import TillShop, cart, cash

__all__ = ["_cheap_pins", "authority", "guarded", "home"]

Details = namedtuple("Details", "method timeout metadata credentials wait_for_ready compression")


class AsOwner(grpc.UnaryUnaryClientInterceptor):
    """Sends a token with every call."""

    def __init__(self, token: str) -> None:
        self.metadata = [("authorization", f"Bearer {token}")]

    def intercept_unary_unary(self, continuation, details, request):
        sent = Details(details.method, details.timeout, self.metadata, None, None, None)
        return continuation(sent, request)


@pytest.fixture
def shop(guarded):
    return TillShop(grpc.intercept_channel(guarded.line(guarded.office), AsOwner(guarded.owner)))


@pytest.fixture
def machine(guarded, home):
    for name in ("siti", "sari"):
        guarded.user(name, "cashier")
    return enrolled(guarded)


def till_of(machine, root, name):
    line = Connection(machine.server, name, enrolment=machine)
    return open_till(root, till_client(line))


def test_a_mistyped_name_holds_nobody_up(shop, machine, tmp_path):
    log_in(machine, "siti", "kata-sandi")
    till = till_of(machine, tmp_path, "siti")
    till.refresh()
    till.open_shift(idr(100_000))
    till.renew_lease({shop.teh: 10})
    till.stay_offline()
    sold = []
    for name in ("sitii", "siti"):
        till.client.connection = replace(till.client.connection, actor=name)
        sold.append(till.sell(cart((shop.teh, 1)), cash(1_000_000)).entry.seq)
    till.line_is_back()
    sent = till.send()
    assert (sent.done, sent.refused, sent.left) == (1, 1, 0)
    assert till.journal.entry(sold[0]).reason == "ACTOR_MISMATCH"
    assert till.journal.entry(sold[1]).state == State.DONE
    assert till.retry(sold[0]).done == 1
    assert [sale.cashier for sale in shop.sold()] == ["siti", "siti"]
    till.client.close()
    till.store.close()


def test_a_session_that_was_ended_of_another_person_holds_nobody_up(guarded, shop, machine, tmp_path):
    log_in(machine, "sari", "kata-sandi")
    log_in(machine, "siti", "kata-sandi")
    till = till_of(machine, tmp_path, "siti")
    till.refresh()
    till.open_shift(idr(100_000))
    till.renew_lease({shop.teh: 10})
    till.stay_offline()
    for name in ("sari", "siti"):
        till.client.connection = replace(till.client.connection, actor=name)
        till.sell(cart((shop.teh, 1)), cash(1_000_000))
    with Connection(machine.server, "sari", enrolment=machine).channel() as channel:
        # Logged out at the server only: this machine does not know.
        token = machine.session("sari").token
        method = "/kasir.v1.AccessService/CloseSession"
        channel.unary_unary(method)(b"", timeout=20, metadata=(("authorization", f"Bearer {token}"),))
    till.line_is_back()
    sent = till.send()
    assert (sent.done, sent.refused, sent.left) == (2, 0, 0), "who is logged in sends for who was"
    assert [sale.cashier for sale in shop.sold()] == ["sari", "siti"]
    till.client.close()
    till.store.close()
