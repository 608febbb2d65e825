"""How long after a booking its slip's first byte is at the printer, and what a dead printer costs others.

    python -m bench.printing
    python -m bench.printing --bookings 1000

Server and agent are processes of their own, the printer is simulated in this one. A booking is made, its slip
awaited, then the next one comes after a short while, as from a desk. Three rounds: one printer; beside it one
that hangs; beside it one that is not there. Both printers are for slips, so that each job could have gone to
the dead one.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import grpc

from bench.hardware_agent import hardware_agent
from bench.kasir_server import KasirServer
from bench.measure import BenchError
from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.lines import TcpLine
from tests.server.support import Shop

PATIENCE_S = 60.0
PAUSE_S = 0.05
# Nothing listens there.
NOBODY = "127.0.0.1:9"


def tables(printers: Sequence[str]) -> str:
    """Printers at these addresses in an agent's file."""
    return "\n".join(
        f'[[printer]]\nname = "p{number}"\nline = "tcp://{address}"\nlanguage = "escpos"\n'
        'documents = ["order-slip", "sales-receipt"]\n'
        for number, address in enumerate(printers)
    )


def first_bytes(printer: EscposSimulator) -> list[float]:
    """When the jobs so far began."""
    return [at for at in printer.first_byte_times if at]


def round_of(folder: Path, bookings: int, dead: Sequence[str]) -> tuple[list[float], list[float]]:
    """Milliseconds from calling to the first byte, and to the booking's answer."""
    printer, chance = EscposSimulator(), random.Random(20_261_127)
    to_paper, to_answer = [], []
    with (
        TcpLine(printer) as line,
        KasirServer(folder / "shop") as server,
        grpc.insecure_channel(server.target) as channel,
        hardware_agent(folder, server.target, tables([*dead, line.address])),
    ):
        shop = Shop(channel, stock=2 * bookings)
        # The first slip also waits for the agent to start.
        for number in range(bookings + 1):
            called = time.monotonic()
            shop.book()
            answered = time.monotonic()
            if not printer.settled(lambda wanted=number + 1: len(first_bytes(printer)) == wanted, PATIENCE_S):
                raise BenchError("a slip was not printed")
            if number:
                to_paper.append((first_bytes(printer)[-1] - called) * 1e3)
                to_answer.append((answered - called) * 1e3)
            time.sleep(chance.uniform(0.5, 1.5) * PAUSE_S)
    return to_paper, to_answer


def show(what: str, to_paper: list[float], to_answer: list[float]) -> None:
    """One line."""

    def words(times: list[float]) -> str:
        cuts = statistics.quantiles(times, n=100)
        return f"p50 {cuts[49]:5.1f}  p99 {cuts[98]:5.1f}  most {max(times):5.1f} ms"

    print(f"{what:28} first byte {words(to_paper)}   booking {words(to_answer)}", flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Measure from booking to the first printed byte.")
    parser.add_argument("--bookings", type=int, default=500, help="in each round")
    bookings = parser.parse_args().bookings
    hanging = EscposSimulator()
    with TcpLine(hanging) as line:
        hanging.hang()
        rounds = {
            "one printer": [],
            "beside one that hangs": [line.address],
            "beside one that is off": [NOBODY],
        }
        for what, dead in rounds.items():
            with tempfile.TemporaryDirectory(prefix="kasir-printing-") as folder:
                show(what, *round_of(Path(folder), bookings, dead))


if __name__ == "__main__":
    main()
