"""Goal: at a server that keeps watch nobody sells under a name that nobody looked at: without the line it is
who logged in last; and a session that is over stops no sale. Method: a till with its own certificate, and
people who log in at it.
"""

from collections import namedtuple
from dataclasses import replace

import grpc
import pytest

from clients.common.connection import Connection
from clients.common.problems import AT_THE_DOOR, CallFailed
from clients.till.line import NeedsLine, till_client
from clients.till.till import open_till
from tests.access.conftest import _cheap_pins, authority, guarded, home
from tests.access.machines import enrolled, log_in
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


@pytest.fixture
def till(shop, machine, tmp_path):
    """One that knows the catalogue and has a lease, where sari and then siti logged in."""
    for name in ("sari", "siti"):
        log_in(machine, name, "kata-sandi")
    till = till_of(machine, tmp_path, "siti")
    till.refresh()
    till.open_shift(idr(100_000))
    till.renew_lease({shop.teh: 10})
    yield till
    till.client.close()
    till.store.close()


def under(till, name):
    till.client.connection = replace(till.client.connection, actor=name)
    return till


@pytest.mark.parametrize("name", ["sitii", "sari", "device:till-1"])
def test_without_the_line_nobody_sells_but_who_logged_in_last(till, shop, name):
    till.stay_offline()
    for act in (
        lambda: till.sell(cart((shop.teh, 1)), cash(1_000_000)),
        lambda: till.move_cash(idr(5_000), "x"),
        lambda: till.close_shift(idr(100_000)),
    ):
        under(till, name)
        with pytest.raises(NeedsLine, match="only siti sells here"):
            act()
    assert till.journal.waits() == 0
    assert till.shift is not None
    under(till, "siti").sell(cart((shop.teh, 1)), cash(1_000_000))
    till.line_is_back()
    assert till.send().done == 1
    assert [sale.cashier for sale in shop.sold()] == ["siti"]


def test_a_shift_is_opened_likewise(till):
    till.close_shift(idr(100_000))
    till.stay_offline()
    with pytest.raises(NeedsLine):
        under(till, "sari").open_shift(idr(100_000))
    assert till.shift is None
    under(till, "siti").open_shift(idr(100_000))
    assert till.shift is not None


def shift_work(till):
    """What is done with the drawer, shift open or not."""
    if till.shift is None:
        return [lambda: till.open_shift(idr(100_000))]
    return [lambda: till.move_cash(idr(5_000), "x"), lambda: till.close_shift(idr(100_000))]


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("name", ["sitii", "sari"])
def test_a_line_that_breaks_unnoticed_lets_nobody_count_but_who_logged_in_last(till, guarded, name, is_open):
    if not is_open:
        till.close_shift(idr(100_000))
    guarded.running.stop()
    under(till, name)
    for act in shift_work(till):
        till.line_is_back()
        with pytest.raises(NeedsLine, match="only siti sells here"):
            act()
    assert till.journal.waits() == 0
    assert (till.shift is not None) == is_open
    till.line_is_back()
    shift_work(under(till, "siti"))[0]()
    assert till.journal.waits() == 1


@pytest.mark.parametrize("is_open", [True, False])
def test_with_the_line_the_server_says_who_counts(till, shop, is_open):
    if not is_open:
        till.close_shift(idr(100_000))
    for act in shift_work(under(till, "sitii")):
        with pytest.raises(CallFailed) as failed:
            act()
        assert failed.value.reason in AT_THE_DOOR
    for act in shift_work(under(till, "sari")):
        act()
    assert till.journal.waits() == 0
    assert till.journal.matters() == []


def test_a_session_that_is_over_sells_on_without_the_line_and_a_logout_does_not(till, shop, machine):
    till.stay_offline()
    machine.end_session(machine.session("siti"))
    assert till.sell(cart((shop.teh, 1)), cash(1_000_000))
    machine.forget_session("siti")
    with pytest.raises(NeedsLine, match="nobody is logged in"):
        till.sell(cart((shop.teh, 1)), cash(1_000_000))
    assert till.journal.waits() == 1


def test_with_the_line_the_server_says_who_sells(till, shop):
    under(till, "sari").sell(cart((shop.teh, 1)), cash(1_000_000))
    assert [sale.cashier for sale in shop.sold()] == ["sari"]


def test_a_session_that_was_ended_of_another_person_holds_nobody_up(till, shop, machine):
    till.stay_offline()
    for name in ("sari", "siti"):
        log_in(machine, name, "kata-sandi")
        under(till, name).sell(cart((shop.teh, 1)), cash(1_000_000))
    with Connection(machine.server, "sari", enrolment=machine).channel() as channel:
        # Logged out at the server only: this machine does not know.
        token = machine.session("sari").token
        method = "/kasir.v1.AccessService/CloseSession"
        channel.unary_unary(method)(b"", timeout=20, metadata=(("authorization", f"Bearer {token}"),))
    till.line_is_back()
    sent = till.send()
    assert (sent.done, sent.refused, sent.left) == (2, 0, 0), "who is logged in sends for who was"
    assert [sale.cashier for sale in shop.sold()] == ["sari", "siti"]
