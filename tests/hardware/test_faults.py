"""Faults at random while slips are printed: what the ledger says afterwards is what lies on the paper.

Goal: no job is printed twice, none is lost, and each ends in a state that is true. Method: server and agent
are processes that are killed with SIGKILL; the printer is cut off at any byte, switched off, left to hang, to
answer late, without paper; orders are booked all the while. At the end every slip on the simulated roll is
counted and held against the ledger. `make test-hardware` does it with 1,000 jobs.
"""

import os
import random
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.lines import TcpLine
from kasir.v1 import admin_pb2, admin_pb2_grpc, print_pb2
from tests.conftest import PATIENCE_S, ServerProcess
from tests.hardware.printing_shop import (
    PRINTED,
    QUEUED,
    SENT,
    UNKNOWN,
    AgentProcess,
    config_text,
    ledger,
    printer_papers,
    untruths,
    waiting,
)
from tests.server.support import Shop, until

JOBS = int(os.environ.get("KASIR_PRINT_JOBS", "60"))
# Slips booked between two faults.
JOBS_PER_FAULT = 4
# Jobs that may wait when the next fault comes.
WAITING_MAX = 6
# A slip of this shop, with what the agent sends around it; as many bytes are cut through.
SLIP_BYTES = 12_000
# A slip takes some 40 ms: long enough to be hit in the middle.
BYTES_PER_S = 300_000


class Life:
    """One shop, one printer, one agent, and what befalls them."""

    def __init__(self, tmp_path: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.tmp_path = tmp_path
        self.printer = EscposSimulator(buffer_bytes=16_000, bytes_per_s=BYTES_PER_S)
        self.line = TcpLine(self.printer)
        self.config = tmp_path / "hardware.toml"
        printer = config_text("slips", self.line.address)
        self.config.write_text(f'name = "desk"\nprobe_s = 0.2\n{printer}')
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.listen = f"127.0.0.1:{free.getsockname()[1]}"
        self.server = self._serve()
        self.agent = self._run_agent()
        self.faults: Counter[str] = Counter()
        self.deck: list[Callable[[], None]] = []

    def _serve(self) -> ServerProcess:
        log = self.tmp_path / "serve.log"
        return ServerProcess(self.tmp_path / "shop", "--listen", self.listen, log=log)

    def _run_agent(self) -> AgentProcess:
        return AgentProcess(self.config, self.tmp_path / "notes", self.listen, self.tmp_path / "agent.log")

    def close(self) -> None:
        """Ends everything."""
        self.agent.kill()
        self.server.kill()
        self.line.close()

    def moment(self, longest_s: float = 0.15) -> None:
        """Lets things go on for a while: the faults are to hit every phase."""
        time.sleep(self.random.uniform(0.0, longest_s))

    def fault(self) -> None:
        """Something goes wrong, and is mended. Every kind comes before any comes again."""
        if not self.deck:
            # A line that is cut is the commonest, and costs the least time here.
            self.deck = [self.cut_line] * 5 + [self.switch_off, self.hang, self.late, self.stop_printing]
            self.deck += [self.kill_agent, self.kill_server]
            self.random.shuffle(self.deck)
        fault = self.deck.pop()
        self.faults[fault.__name__.replace("_", " ")] += 1
        fault()

    def cut_line(self) -> None:
        """After any number of bytes, from the first question to the last answer."""
        self.printer.cut_after(self.random.randrange(SLIP_BYTES))
        self.moment(0.3)

    def switch_off(self) -> None:
        """And on again."""
        self.printer.switch_off()
        self.moment(0.6)
        self.printer.switch_on()

    def hang(self) -> None:
        """For less or for more than the agent bears."""
        self.printer.hang()
        self.moment(2.5)
        self.printer.recover()

    def late(self) -> None:
        """Answers come late, some too late."""
        self.printer.answer_late(self.random.uniform(0.05, 1.2))
        self.moment(1.5)
        self.printer.recover()

    def stop_printing(self) -> None:
        """The printer says that it cannot print."""
        state = self.random.choice(["offline", "cover_open", "paper_out", "overheated", "cutter_stuck"])
        with self.printer.changing() as changing:
            setattr(changing, state, True)
        self.moment(1.5)
        self.printer.recover()

    def kill_agent(self) -> None:
        """With SIGKILL, and started again."""
        self.agent.kill()
        self.agent = self._run_agent()

    def kill_server(self) -> None:
        """With SIGKILL, and started again."""
        self.server.kill()
        self.moment()
        self.server = self._serve()


def summary(life: Life, jobs: list[print_pb2.PrintJob], began: float) -> str:
    """What happened, for who reads the test's output."""
    states = Counter(print_pb2.PrintJobState.Name(job.state)[16:] for job in jobs)
    unknown = Counter(
        job.detail.partition("]: ")[2].partition(" while")[0] for job in jobs if job.state == UNKNOWN
    )
    papers = printer_papers(life.printer)
    of_unknown = Counter(
        "whole" if papers.whole[job.subject_id] else "torn" if papers.begun[job.subject_id] else "none"
        for job in jobs
        if job.state == UNKNOWN
    )
    return (
        f"\n{len(jobs)} jobs, {sum(life.faults.values())} faults in {time.monotonic() - began:.0f} s: "
        f"{dict(states)}; faults {dict(life.faults)}; of the unknown on paper {dict(of_unknown)}, "
        f"why {dict(unknown)}; printed twice 0, lost 0"
    )


@pytest.mark.crash
@pytest.mark.timeout(120 + JOBS)
def test_every_job_ends_in_a_true_state_whatever_goes_wrong(tmp_path, capsys) -> None:
    seed = random.SystemRandom().getrandbits(64)
    began = time.monotonic()
    life = Life(tmp_path, seed)
    try:
        with grpc.insecure_channel(life.listen) as channel:
            shop = Shop(channel, stock=10 * JOBS)
            life.printer.settled(lambda: life.printer.received_bytes > 0, PATIENCE_S)
            booked = 0
            while booked < JOBS:
                for _ in range(min(JOBS_PER_FAULT, JOBS - booked)):
                    shop.book()
                    booked += 1
                life.moment()
                life.fault()
                grpc.channel_ready_future(channel).result(PATIENCE_S)
                # Otherwise the faults hit an agent that has not come to its work yet.
                until(lambda: waiting(channel) <= WAITING_MAX, "the agent goes on", PATIENCE_S)
            life.printer.recover()
            until(
                lambda: not any(job.state in {QUEUED, SENT} for job in ledger(channel)),
                "every job ends",
                PATIENCE_S,
            )
            # What a hanging printer still had is on the paper when it has printed all.
            until(lambda: not life.printer.is_busy, "the printer stands still")
            jobs = ledger(channel)
            assert len(jobs) == JOBS
            assert untruths(jobs, printer_papers(life.printer)) == []
            assert sum(job.state == PRINTED for job in jobs) > JOBS // 4
            verified = admin_pb2_grpc.AdminServiceStub(channel).VerifyStore(
                admin_pb2.VerifyStoreRequest(), timeout=PATIENCE_S
            )
            assert verified.ok, verified.violations
            assert life.agent.stop() == 0
    except BaseException as error:
        error.add_note(f"seed {seed}; {life.faults}; {tmp_path / 'agent.log'}")
        raise
    finally:
        life.close()
    with capsys.disabled():
        print(summary(life, jobs, began))
