"""Goal: each message is sent once, whatever dies; what nobody knows is shown, and settled by a person.

Method: a real server and engine; the agent as a process of its own that is killed -9, and the server, too.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner

from clients.common.problems import BadInput
from clients.common.times import show_time
from clients.messages import settings
from clients.messages.channels.folder import Folder
from clients.messages.channels.whatsapp import WhatsApp
from clients.messages.main import app
from clients.messages.simulator import Trouble, WhatsAppSimulator
from kasir.v1 import booking_pb2, customer_pb2, shipping_pb2
from tests.clients.messages.conftest import (
    FAILED,
    KEY,
    PATIENCE_S,
    QUEUED,
    SENT,
    UNKNOWN,
    send_all,
    states,
)
from tests.server.support import Shop, idr, new_id, patient_channel, until

ROOT = Path(__file__).resolve().parents[3]
MESSAGES = int(os.environ.get("KASIR_MESSAGES_SENT", "60"))
WHO = 'sender = "a@b.example"\naddresses = "addresses.csv"\n'


def test_in_english_and_to_a_file(server, shop, tmp_path: Path) -> None:
    order = shop.book()
    assert send_all(server, Folder(tmp_path / "out"), language="en") == {"sent": 1}
    shop.cancel(order.order_id)
    assert send_all(server, Folder(tmp_path / "out"), language="en") == {"sent": 1}
    files = sorted((tmp_path / "out").iterdir())
    assert [path.name.split("-")[1] for path in files] == ["booking_confirmed", "booking_cancelled"]
    assert "Hello Siti Rahmawati" in files[0].read_text()


def test_a_confirmation_that_waited_is_not_sent_for_an_order_that_is_paid_or_ended(
    server, shop, tmp_path: Path
) -> None:
    paid, cancelled, partly, moved = (shop.book(quantity=2) for _ in range(4))
    shop.pay(paid)
    shop.cancel(cancelled.order_id)
    shop.pay(booking_pb2.Order(order_id=partly.order_id, payable=idr(20_000)))
    later = Timestamp(seconds=moved.expire_time.seconds + 86_400)
    shop.bookings.ExtendBooking(
        booking_pb2.ExtendBookingRequest(
            request_id=new_id(), order_id=moved.order_id, version=moved.version, expire_time=later
        )
    )
    send_all(server, Folder(tmp_path))
    told = {
        each.order_id: (each.state, each.detail)
        for each in states(shop).values()
        if each.kind == customer_pb2.MESSAGE_KIND_BOOKING_CONFIRMED
    }
    assert told[paid.order_id] == (FAILED, "not needed: the order is paid")
    assert told[cancelled.order_id] == (FAILED, "not needed: the order is cancelled")
    assert told[partly.order_id][0] == told[moved.order_id][0] == SENT
    (file,) = tmp_path.glob(f"*booking_confirmed-{moved.order_id}.txt")
    # It says until when the order waits now.
    assert f"Batas bayar: {show_time(later, timedelta(hours=7))} WIB" in file.read_text()


def test_the_airway_bill_and_its_courier_are_named(server, shop, tmp_path: Path) -> None:
    courier_id = shop.courier()
    order = shop.pay(shop.book(courier_id=courier_id))
    shop.sell(order.order_id)
    (parcel,) = shop.shipping.ListParcels(shipping_pb2.ListParcelsRequest()).parcels
    report = shipping_pb2.ReportAirwayBillRequest(
        request_id=new_id(),
        parcel_id=parcel.parcel_id,
        state=shipping_pb2.AIRWAY_BILL_STATE_ASSIGNED,
        airway_bill="JP0001",
    )
    shop.shipping.ReportAirwayBill(report)
    send_all(server, Folder(tmp_path))
    (file,) = tmp_path.glob("*airway_bill*")
    assert "dikirim dengan JNE. Nomor resi: JP0001" in file.read_text()


def test_the_ways_of_a_file(tmp_path: Path, book: Path) -> None:
    (tmp_path / "wa.token").write_text(KEY)
    path = tmp_path / "messages.toml"
    path.write_text(
        '[whatsapp]\nphone_number_id = "1065"\nsecrets.token.file = "wa.token"\n'
        '[smtp]\nhost = "localhost"\nsecurity = "none"\nsender = "toko@melati.example"\n'
        'addresses = "addresses.csv"\n[file]\ndirectory = "out"\n'
    )
    ways = settings.read(path, "id")
    assert [way.name for way in ways] == ["whatsapp", "smtp", "file"]
    for way in ways:
        way.close()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[sms]\n",
        '[file]\ndirectory = "out"\ncolour = "red"\n',
        "[file]\n",
        '[whatsapp]\nphone_number_id = "1"\n',
        '[smtp]\nhost = "mail.example"\nsecurity = "none"\n' + WHO,
        '[smtp]\nhost = "localhost"\nport = 0\n' + WHO,
        '[smtp]\nhost = "localhost"\nsender = "nobody"\naddresses = "addresses.csv"\n',
        '[smtp]\nhost = "localhost"\nsender = "a@b.example"\naddresses = "missing.csv"\n',
    ],
)
def test_files_that_are_wrong(tmp_path: Path, book: Path, content: str) -> None:
    path = tmp_path / "messages.toml"
    path.write_text(content)
    with pytest.raises(BadInput):
        settings.read(path, "id")


def test_somebody_reads_and_settles_what_nobody_knew(server, shop, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KASIR_STATE", str(tmp_path / "state"))
    shop.book()
    with WhatsAppSimulator(Trouble(lost=1.0)) as simulator:
        way = WhatsApp("1065", KEY, url=simulator.url, timeout_s=5.0)
        assert send_all(server, way) == {"unknown": 1}
        way.close()

    def ask(*words: str, status: int = 0) -> Any:
        shown = CliRunner().invoke(app, [*words, "--server", server.target, "--as", "sari", "--json"])
        assert shown.exit_code == status, shown.output
        return json.loads(shown.stdout) if status == 0 else shown

    (message,) = ask("questions")["messages"]
    assert message["state"] == "MESSAGE_STATE_UNKNOWN"
    texts = ask("show", message["message_id"])["texts"]
    assert texts["id"]["body"].startswith("Halo Siti")
    assert texts["en"]["body"].startswith("Hello Siti")
    ask("show", "99", status=2)
    ask("settle", message["message_id"], status=2)
    assert ask("settle", message["message_id"], "--sent")["messages"][0]["state"] == "MESSAGE_STATE_SENT"
    assert ask("questions")["messages"] == []
    ask("settle", message["message_id"], "--sent", status=1)


def test_two_agents_send_each_message_once(server, shop) -> None:
    batch = booking_pb2.BatchCreateBookingsRequest(request_id=new_id(), bookings=[shop.booking()] * 40)
    shop.bookings.BatchCreateBookings(batch)
    with WhatsAppSimulator() as simulator:
        ways = [WhatsApp("1065", KEY, url=simulator.url) for _ in range(2)]
        counts: list[dict[str, int]] = []
        threads = [
            threading.Thread(target=lambda way=way: counts.append(send_all(server, way))) for way in ways
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        for way in ways:
            way.close()
        about = Counter(each["biz_opaque_callback_data"] for each in simulator.sent)
    assert len(about) == 40
    assert set(about.values()) == {1}
    assert sum(each.get("sent", 0) for each in counts) == 40


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def start_agent(target: str, folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kasir.cli", "messages", "agent", "--server", target, "--as", "pesan"]
    with (folder / "agent.log").open("ab") as log:
        return subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, "KASIR_STATE": str(folder / "state")},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


@pytest.mark.crash
@pytest.mark.timeout(1_200)
def test_each_goes_once_whatever_dies(serve, tmp_path: Path) -> None:
    port = free_port()
    running = serve("--listen", f"127.0.0.1:{port}")
    target = f"127.0.0.1:{port}"
    channel = patient_channel(target)
    shop = Shop(channel, stock=10_000)
    (tmp_path / "wa.token").write_text(KEY)
    with WhatsAppSimulator(Trouble(5, errors=0.1, lost=0.1, busy=0.1), token=KEY) as simulator:
        config = tmp_path / "messages.toml"
        config.write_text(
            f'[whatsapp]\nurl = "{simulator.url}"\nphone_number_id = "1065"\n'
            'secrets.token.file = "wa.token"\n'
        )
        kills = 4
        for kill in range(kills):
            count = MESSAGES // kills
            batch = booking_pb2.BatchCreateBookingsRequest(
                request_id=new_id(), bookings=[shop.booking()] * count
            )
            shop.bookings.BatchCreateBookings(batch)
            before = len(simulator.sent)
            agent = start_agent(target, tmp_path, "--config", str(config))
            until(lambda before=before: len(simulator.sent) > before, "a message", PATIENCE_S)
            if kill % 2:
                running.kill()
                running = serve("--listen", f"127.0.0.1:{port}")
                grpc.channel_ready_future(channel).result(PATIENCE_S)
            agent.send_signal(signal.SIGKILL)
            agent.communicate(timeout=PATIENCE_S)
        simulator.trouble = Trouble(6, errors=0.1, lost=0.1)
        agent = start_agent(target, tmp_path, "--config", str(config), "--drain", "--json")
        out, _ = agent.communicate(timeout=PATIENCE_S)
        assert agent.returncode == 0, (tmp_path / "agent.log").read_text()
        assert json.loads(out)
        about = Counter(each["biz_opaque_callback_data"] for each in simulator.sent)
    messages = states(shop)
    channel.close()
    assert set(about.values()) == {1}, "nothing is sent twice"
    assert len(messages) == MESSAGES // kills * kills
    assert not any(message.state == QUEUED for message in messages.values()), "nothing is forgotten"
    for number, message in messages.items():
        was_sent = f"kasir-{number}" in about
        assert message.state in ({SENT, UNKNOWN} if was_sent else {FAILED, UNKNOWN}), message
        assert message.detail
    found = Counter(message.state for message in messages.values())
    assert found[SENT] >= len(messages) // 2
    print({customer_pb2.MessageState.Name(state): count for state, count in found.items()})


@pytest.mark.crash
def test_files_are_taken_up_again_by_the_same_agent(serve, tmp_path: Path) -> None:
    running = serve()
    channel = patient_channel(running.target)
    shop = Shop(channel, stock=10_000)
    batch = booking_pb2.BatchCreateBookingsRequest(request_id=new_id(), bookings=[shop.booking()] * 100)
    shop.bookings.BatchCreateBookings(batch)
    out = tmp_path / "out"
    for share in (5, 30):
        agent = start_agent(running.target, tmp_path, "--out", str(out))

        def written(agent: Any = agent, share: int = share) -> bool:
            assert agent.poll() is None, (tmp_path / "agent.log").read_text()
            return out.is_dir() and len(list(out.glob("0*"))) >= share

        until(written, "files", PATIENCE_S)
        agent.send_signal(signal.SIGKILL)
        agent.communicate(timeout=PATIENCE_S)
    agent = start_agent(running.target, tmp_path, "--out", str(out), "--drain")
    agent.communicate(timeout=PATIENCE_S)
    assert agent.returncode == 0
    assert {message.state for message in states(shop).values()} == {SENT}
    assert len(list(out.glob("0*"))) == 100
    channel.close()
