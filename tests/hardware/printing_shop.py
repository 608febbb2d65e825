"""A shop whose printers are simulated: server and agent as processes that can be killed, the paper beside the
ledger.
"""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import grpc

from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.interpreter import Cut, Item, TextLine
from kasir.v1 import print_pb2, print_pb2_grpc
from tests.conftest import PATIENCE_S, ROOT

PRINTED = print_pb2.PRINT_JOB_STATE_PRINTED
FAILED = print_pb2.PRINT_JOB_STATE_FAILED
UNKNOWN = print_pb2.PRINT_JOB_STATE_UNKNOWN
QUEUED = print_pb2.PRINT_JOB_STATE_QUEUED
SENT = print_pb2.PRINT_JOB_STATE_SENT
# What begins an order slip, and what stands at its end.
_HEAD = re.compile(r"No\. (\d+)")
_FOOT = re.compile(r"Pesanan (\d+)")


class AgentProcess:
    """`kasir hardware run` as an operator starts it."""

    def __init__(self, config: Path, notes: Path, server: str, log: Path) -> None:
        self.log = log
        command = [sys.executable, "-m", "kasir.cli", "hardware", "run", "--config", str(config)]
        command += ["--notes", str(notes), "--server", server, "--as", "agent"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"}
            )

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """Asks it to stop; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


def config_text(name: str, address: str, **more: object) -> str:
    """A receipt printer on the network, with short waits: a test has no time."""
    values = {
        "name": name,
        "line": f"tcp://{address}",
        "language": "escpos",
        "documents": ["order-slip", "sales-receipt", "shift-report", "pickup-manifest"],
        "answer_s": 0.5,
        "silence_s": 1.0,
        "confirm_s": 3.0,
    } | more
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join(["[[printer]]", *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def ledger(channel: grpc.Channel) -> list[print_pb2.PrintJob]:
    """Every print job, oldest first."""
    stub, jobs, token = print_pb2_grpc.PrintServiceStub(channel), [], ""
    while True:
        request = print_pb2.ListPrintJobsRequest(page_size=1_000, page_token=token)
        reply = stub.ListPrintJobs(request, timeout=PATIENCE_S, wait_for_ready=True)
        jobs += reply.jobs
        token = reply.next_page_token
        if not token:
            return jobs[::-1]


def waiting(channel: grpc.Channel) -> int:
    """How many jobs are QUEUED, up to 1,000."""
    request = print_pb2.ListPrintJobsRequest(state=QUEUED, page_size=1_000)
    stub = print_pb2_grpc.PrintServiceStub(channel)
    return len(stub.ListPrintJobs(request, timeout=PATIENCE_S, wait_for_ready=True).jobs)


class Papers:
    """What came out of a printer, slip by slip."""

    def __init__(self, roll: Iterable[Item]) -> None:
        self.begun: Counter[int] = Counter()
        self.whole: Counter[int] = Counter()
        head = foot = 0
        for item in roll:
            if isinstance(item, TextLine) and (found := _HEAD.search(item.text)):
                head, foot = int(found[1]), 0
                self.begun[head] += 1
            elif isinstance(item, TextLine) and (found := _FOOT.search(item.text)):
                foot = int(found[1])
            elif isinstance(item, Cut):
                if head and head == foot:
                    self.whole[head] += 1
                head = foot = 0


def untruths(jobs: Iterable[print_pb2.PrintJob], papers: Papers) -> list[str]:
    """Where the ledger says something else than the paper."""
    found = []
    for job in jobs:
        begun, whole = papers.begun[job.subject_id], papers.whole[job.subject_id]
        allowed = {PRINTED: (begun, whole) == (1, 1), FAILED: begun == 0, UNKNOWN: begun <= 1}
        if not allowed.get(job.state, False):
            state = print_pb2.PrintJobState.Name(job.state)
            words = f"job {job.print_job_id} of order {job.subject_id} is {state} ({job.detail})"
            found.append(f"{words}, on paper begun {begun} times, whole {whole} times")
    return found


def printer_papers(printer: EscposSimulator) -> Papers:
    """Its papers so far."""
    return Papers(printer.roll)
