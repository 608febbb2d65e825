"""Goal: whatever becomes of replies, each command has one effect, and every client learns which.

Method: a real server; clients with journals as staff have them, behind lines that break with three replies in
ten; one command sent again and again, many at once. KASIR_RETRIES and KASIR_COMMANDS make it longer.
"""

import os
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.journal import RequestJournal
from kasir.v1 import stock_pb2, stock_pb2_grpc
from tests.server.support import Shop, new_id, refusal
from tests.till.line import Line

CLIENTS = 4
COMMANDS = int(os.environ.get("KASIR_COMMANDS", "400"))
RETRIES = int(os.environ.get("KASIR_RETRIES", "2000"))
AT_ONCE = 50
LOST = 0.3
# Many short tries: a reply is lost in three of ten.
PATIENCE = Patience(timeout_s=10.0, tries=60, pause_s=0.005, pause_max_s=0.05)


class LossyLine(Line):
    """Breaks as a reply comes, with the chance LOST: the command was carried out, and nobody was told."""

    def __init__(self, target: str, dice: random.Random) -> None:
        self._dice = dice
        self.lost = 0
        self.over = False
        super().__init__(target)

    def _used_up(self, size: int) -> bool:
        # Settings and pings are shorter than any answer.
        if size < 35 or self._dice.random() >= LOST:
            return False
        self.lost += 1
        return True

    def cut(self) -> None:
        """Drops the connections that stand, and takes new ones."""
        super().cut()
        if not self.over:
            self.restore()


def receive(shop: Shop, quantity: int) -> stock_pb2.ReceiveStockRequest:
    line = stock_pb2.StockLine(item_id=shop.item_id, quantity=quantity)
    return stock_pb2.ReceiveStockRequest(location_id=shop.warehouse_id, lines=[line])


def on_hand(shop: Shop) -> int:
    reply = shop.stock.ListStocks(stock_pb2.ListStocksRequest(location_id=shop.warehouse_id))
    return sum(each.on_hand for each in reply.stocks if each.item_id == shop.item_id)


def test_of_ten_replies_three_are_lost_and_each_command_has_one_effect(channel, server, tmp_path: Path):
    shop = Shop(channel, stock=1)
    lost = Counter()

    def staff(number: int) -> list[bytes]:
        line = LossyLine(server.target, random.Random(number))
        journal = RequestJournal(tmp_path / f"journal-{number}")
        told = []
        try:
            with Client(Connection(line.address, f"gudang-{number}"), journal, PATIENCE) as client:
                for _ in range(COMMANDS // CLIENTS):
                    reply = client.call(receive(shop, 1), stock_pb2.ReceiveStockResponse)
                    told.append(reply.SerializeToString())
            assert not list(journal.pending()), "every outcome is known"
        finally:
            line.over = True
            line.cut()
            lost[number] = line.lost
        return told

    with ThreadPoolExecutor(CLIENTS) as pool:
        told = [reply for replies in pool.map(staff, range(CLIENTS)) for reply in replies]
    assert len(told) == COMMANDS
    assert lost.total() > COMMANDS * LOST / 4, lost
    assert on_hand(shop) == 1 + COMMANDS


def test_one_command_sent_thousands_of_times_has_one_effect_and_one_reply(channel, server):
    shop = Shop(channel, stock=1)
    request = receive(shop, 7)
    request.request_id = new_id()
    replies: Counter[bytes] = Counter()
    counting = threading.Lock()

    def again(_number: int) -> None:
        with grpc.insecure_channel(server.target, options=[("grpc.use_local_subchannel_pool", 1)]) as own:
            ask = stock_pb2_grpc.StockServiceStub(own).ReceiveStock
            for _ in range(RETRIES // AT_ONCE):
                reply = ask(request).SerializeToString()
                with counting:
                    replies[reply] += 1

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(again, range(AT_ONCE)))
    assert list(replies.values()) == [RETRIES // AT_ONCE * AT_ONCE]
    assert on_hand(shop) == 8
    other = stock_pb2.ReceiveStockRequest()
    other.CopyFrom(request)
    other.lines[0].quantity = 8
    assert refusal(shop.stock.ReceiveStock, other).reason == "REQUEST_ID_REUSED"
    assert on_hand(shop) == 8
