"""Goal: WhatsApp is asked once for each message, wrong settings cost no message, and a stop loses none.

Method: something that speaks WhatsApp's Cloud API and loses answers.
"""

import threading
from typing import Any

import pytest

from clients.common.connection import Connection
from clients.common.problems import BadInput
from clients.messages.agent import MessagesAgent, Options
from clients.messages.channel import Delivery
from clients.messages.channels.mail import Mail
from clients.messages.channels.whatsapp import WhatsApp
from clients.messages.simulator import WhatsAppSimulator
from clients.messages.texts import Text, Wording
from kasir.v1 import customer_pb2
from tests.clients.messages.conftest import KEY, PATIENCE_S, QUEUED, SENT, UNKNOWN, send_all, states
from tests.server.support import until


def test_a_key_that_no_header_can_carry() -> None:
    with pytest.raises(BadInput, match="ASCII"):
        WhatsApp("1065", "kunci-€", url="https://graph.example")


def test_whatsapp_gets_a_template_and_its_facts(server, shop) -> None:
    order = shop.book()
    with WhatsAppSimulator(token=KEY) as simulator:
        way = WhatsApp("1065", KEY, url=simulator.url)
        assert send_all(server, way) == {"sent": 1}
        way.close()
        (asked,) = simulator.sent
    assert asked["to"] == "6281234567890"
    assert asked["template"]["name"] == "kasir_booking_confirmed"
    assert asked["template"]["language"] == {"code": "id"}
    values = [each["text"] for each in asked["template"]["components"][0]["parameters"]]
    assert values[:2] == ["Siti Rahmawati", str(order.order_id)]
    (message,) = states(shop).values()
    assert message.detail == "whatsapp: wamid.00000001"


def test_whatsapp_in_plain_text(server, shop) -> None:
    shop.book()
    with WhatsAppSimulator() as simulator:
        way = WhatsApp("1065", KEY, url=simulator.url, prefix="")
        assert send_all(server, way) == {"sent": 1}
        way.close()
        assert "Halo Siti" in simulator.sent[0]["text"]["body"]


def test_what_whatsapp_says_no_to(server, shop) -> None:
    with WhatsAppSimulator(token=KEY) as simulator:
        simulator.refused.add("6281234567890")
        shop.book()
        way = WhatsApp("1065", KEY, url=simulator.url)
        assert send_all(server, way) == {"failed": 1}
        way.close()
        (message,) = states(shop).values()
        assert "undeliverable" in message.detail
        # A wrong token says nothing about the message, is the shop's to mend, and is not told.
        wrong = WhatsApp("1065", "token-yang-salah", url=simulator.url)
        facts = dict.fromkeys(("name", "order", "shop"), "x")
        found = wrong.send(customer_pb2.Message(kind=6, message_id=9), Text("a", "b", facts), "62812")
        wrong.close()
        assert found.delivery is Delivery.SETTINGS
        assert "token-yang-salah" not in found.words


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, {"code": 190, "message": "Invalid OAuth access token"}),
        (403, {"code": 200, "message": "Permission is not granted"}),
        (400, {"code": 190, "message": "Session has expired"}),
        (400, {"code": 100, "error_subcode": 33, "message": "Object with ID '1065' does not exist"}),
        (400, {"code": 133010, "message": "Phone number not registered"}),
        (404, None),
    ],
)
def test_what_is_wrong_with_the_settings_stops_the_agent_and_keeps_the_queue(
    server, shop, status: int, error: Any
) -> None:
    for _ in range(3):
        shop.book()
    with WhatsAppSimulator(token=KEY) as simulator:
        simulator.answer = (status, {"error": error} if error else {"oops": 1})
        for _ in range(2):
            way = WhatsApp("1065", KEY, url=simulator.url)
            with pytest.raises(BadInput, match=f"whatsapp: {status}"):
                send_all(server, way)
            way.close()
        now = states(shop)
        # The one that was tried is surely not sent; the others are as they were.
        assert [message.state for message in now.values()] == [QUEUED, QUEUED, UNKNOWN]
        assert "not sent" in now[1].detail
        assert KEY not in now[1].detail
        simulator.answer = None
        way = WhatsApp("1065", KEY, url=simulator.url)
        assert send_all(server, way) == {"sent": 3}
        way.close()
        assert len(simulator.sent) == 3


@pytest.mark.parametrize("code", [132000, 132001, 132007, 132015, 132016])
def test_a_template_that_is_not_approved_keeps_its_kind_and_stops_no_other(server, shop, code: int) -> None:
    orders = [shop.book() for _ in range(2)]
    with WhatsAppSimulator(token=KEY) as simulator:
        way = WhatsApp("1065", KEY, url=simulator.url)
        send_all(server, way)
        shop.pay(orders[0])
        shop.cancel(orders[1].order_id)
        simulator.unapproved = {"kasir_payment_received": code, "kasir_booking_cancelled": code}
        for _ in range(2):
            shop.book()
            send_all(server, way)
        told = {each.kind: (each.state, each.detail) for each in states(shop).values()}
        for kind in (customer_pb2.MESSAGE_KIND_PAYMENT_RECEIVED, customer_pb2.MESSAGE_KIND_BOOKING_CANCELLED):
            state, detail = told[kind]
            assert state == UNKNOWN
            assert detail.startswith("not sent, to be taken up")
            assert "template" in detail
        assert told[customer_pb2.MESSAGE_KIND_BOOKING_CONFIRMED][0] == SENT
        simulator.unapproved = {}
        assert send_all(server, way) == {"sent": 2}
        way.close()
        about = [each["biz_opaque_callback_data"] for each in simulator.sent]
    assert len(set(about)) == len(about)
    assert {each.state for each in states(shop).values()} == {SENT}


def test_of_a_kind_that_is_kept_one_is_tried_now_and_then(server, shop) -> None:
    orders = [shop.book() for _ in range(5)]
    with WhatsAppSimulator(token=KEY) as simulator:
        way = WhatsApp("1065", KEY, url=simulator.url)
        send_all(server, way)
        for order in orders:
            shop.pay(order)
        simulator.unapproved = {"kasir_payment_received": 132001}
        agent = MessagesAgent(
            Connection(server.target, "pesan"), [way], Wording("id"), Options(without_template_s=1.0)
        )
        thread = threading.Thread(target=agent.run)
        thread.start()
        until(lambda: agent.counts().get("unknown") == 2, "the second try")
        assert [each.state for each in states(shop).values()].count(QUEUED) == 4
        simulator.unapproved = {}
        until(lambda: {each.state for each in states(shop).values()} == {SENT}, "all of them")
        agent.stop()
        thread.join(PATIENCE_S)
        way.close()
        assert len(simulator.sent) == 10


def test_what_was_kept_is_taken_up_by_one_agent(server, shop) -> None:
    shop.book()
    with WhatsAppSimulator(token=KEY) as simulator:
        simulator.answer = (401, {"error": {"code": 190, "message": "no"}})
        way = WhatsApp("1065", KEY, url=simulator.url)
        with pytest.raises(BadInput):
            send_all(server, way)
        simulator.answer = None
        counts: list[dict[str, int]] = []
        threads = [threading.Thread(target=lambda: counts.append(send_all(server, way))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        way.close()
        assert len(simulator.sent) == 1
    assert sum(each.get("sent", 0) for each in counts) == 1


def test_a_stop_keeps_what_was_surely_not_sent(server, shop, inbox) -> None:
    mails, mail_server = inbox
    mails.on_rcpt = "451 come back later"
    shop.book(email="siti@rahmawati.example")
    mail = Mail(mail_server, "toko@melati.example")
    agent = MessagesAgent(
        Connection(server.target, "pesan"), [mail], Wording("id"), Options(tries=9, pause_s=60.0)
    )
    thread = threading.Thread(target=agent.run)
    thread.start()
    until(lambda: states(shop)[1].state == UNKNOWN, "the claim")
    agent.stop()
    thread.join(PATIENCE_S)
    assert states(shop)[1].detail.startswith("not sent, to be taken up")
    mails.on_rcpt = "250 OK"
    assert send_all(server, mail) == {"sent": 1}


def test_a_parameter_is_one_line(server, shop) -> None:
    with WhatsAppSimulator(token=KEY) as simulator:
        way = WhatsApp("1065", KEY, url=simulator.url)
        facts = {"name": "Siti\n\tRahmawati      Dewi", "order": "1", "shop": " "}
        sent = way.send(customer_pb2.Message(kind=6, message_id=9), Text("a", "b", facts), "62812")
        way.close()
        assert sent.delivery is Delivery.SENT
        values = [each["text"] for each in simulator.sent[0]["template"]["components"][0]["parameters"]]
    assert values == ["Siti Rahmawati Dewi", "1", "-"]
