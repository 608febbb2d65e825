"""Printers behind CUPS: a raw queue takes a job's bytes and passes them on unchanged, any other takes PDF.

CUPS is spoken to in IPP, by its own `ipptool`. It tells whether it handed a job over whole, not whether paper
came out: who needs to know that drives the printer directly.
"""

import csv
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hardware.devices import (
    Condition,
    Confirmation,
    LineLost,
    Outcome,
    PrinterStatus,
    Told,
    Unreachable,
    unreachable,
)
from hardware.drivers.escpos import Waits
from hardware.drivers.line import Patience

PORT = 631
_RAW = "application/vnd.cups-raw"
_PDF = "application/pdf"
_ASK_AGAIN_S = 0.2
_TO = """
  GROUP operation-attributes-tag
  ATTR charset attributes-charset utf-8
  ATTR naturalLanguage attributes-natural-language en
  ATTR uri printer-uri $uri
  ATTR name requesting-user-name kasir
"""
_STATUS = f"""{{ OPERATION Get-Printer-Attributes {_TO}
  DISPLAY printer-state DISPLAY printer-state-reasons DISPLAY printer-is-accepting-jobs
}}"""
_PRINT = f"""{{ OPERATION Print-Job {_TO}
  ATTR name job-name $job ATTR mimeMediaType document-format $format
  FILE $filename DISPLAY job-id
}}"""
_JOB = f"""{{ OPERATION Get-Job-Attributes {_TO}
  ATTR integer job-id $job DISPLAY job-state DISPLAY job-state-reasons
}}"""
# What begins a reason of CUPS's (RFC 8011, 5.4.12), and what it means for whoever wants to print.
_REASONS = (
    ("media-empty", Condition.PAPER_OUT),
    ("media-needed", Condition.PAPER_OUT),
    ("cover-open", Condition.COVER_OPEN),
    ("door-open", Condition.COVER_OPEN),
    ("offline", Condition.OFFLINE),
    ("paused", Condition.OFFLINE),
    ("connecting-to-device", Condition.UNREACHABLE),
    ("timed-out", Condition.UNREACHABLE),
    ("media-jam", Condition.ERROR),
)
_OVER = {"completed": Outcome.PRINTED, "aborted": Outcome.UNKNOWN, "canceled": Outcome.UNKNOWN}


@dataclass(frozen=True, slots=True)
class CupsPrinter:
    """A queue. `uri` is the queue's, like "ipp://127.0.0.1:631/printers/labels". Jobs are the printer's own
    language, for a raw queue, or `pdf`.
    """

    uri: str
    waits: Waits
    pdf: bool = False

    def open(self) -> "OpenCups":
        """See Printer."""
        return OpenCups(self.uri, self.waits, _PDF if self.pdf else _RAW)

    def mend(self, torn_bytes: int) -> bytes:  # noqa: ARG002 (a queue takes whole jobs)
        """See Printer."""
        return b""

    def framed(self, job: bytes, job_id: int) -> bytes:  # noqa: ARG002 (nothing is asked on this way)
        """See Printer."""
        return job


class OpenCups:
    """A queue, for one job."""

    def __init__(self, uri: str, waits: Waits, job_format: str) -> None:
        self._uri = uri
        self._format = job_format
        self._waits = waits
        self._job = ""

    def status(self) -> PrinterStatus:
        """See OpenPrinter."""
        try:
            state, reasons, accepting = self._asked(_STATUS, self._waits.answer_s)[:3]
        except Unreachable as error:
            return unreachable(error)
        for begin, condition in _REASONS:
            if any(reason.startswith(begin) for reason in reasons.split(",")):
                return PrinterStatus(condition, reasons)
        if state == "stopped" or accepting == "false":
            return PrinterStatus(Condition.OFFLINE, "the queue is stopped")
        return PrinterStatus(Condition.READY, paper_low="media-low" in reasons)

    def send(self, job: bytes, told: Told) -> None:  # noqa: ARG002 (nothing is told unasked)
        """See OpenPrinter: the queue takes all of it or nothing."""
        with tempfile.NamedTemporaryFile(prefix="kasir-", suffix=".raw") as file:
            file.write(job)
            file.flush()
            try:
                told_so = ("-f", file.name, "-d", "job=kasir", "-d", f"format={self._format}")
                (self._job,) = self._asked(_PRINT, self._waits.silence_s, *told_so)
            except Unreachable as error:
                # It may have the job, and only its answer is lost.
                raise LineLost(str(error), len(job)) from error

    def confirm(self, job_id: int, told: Told) -> Confirmation:  # noqa: ARG002 (CUPS has its own numbers)
        """See OpenPrinter."""
        idle, state, reasons = Patience(self._waits.confirm_s), "", ""
        while idle.left_s:
            try:
                state, reasons = self._asked(_JOB, self._waits.silence_s, "-d", f"job={self._job}")
            except Unreachable as error:
                return Confirmation(Outcome.UNKNOWN, f"after sending: {error}")
            if outcome := _OVER.get(state):
                return Confirmation(outcome, f"CUPS says of job {self._job}: {state} ({reasons})")
            status = self.status()
            told(status)
            if status.answered and not status.ready:
                idle.renew()
            time.sleep(_ASK_AGAIN_S)
        return Confirmation(Outcome.UNKNOWN, f"CUPS keeps job {self._job}: {state} ({reasons})")

    def _asked(self, test: str, timeout_s: float, *options: str) -> list[str]:
        """What ipptool shows of CUPS's answer, field by field. Raises Unreachable."""
        with tempfile.TemporaryDirectory(prefix="kasir-") as folder:
            path = Path(folder, "ask.test")
            path.write_text(test)
            command = ["ipptool", "-c", "-T", f"{timeout_s:g}", *options, self._uri, str(path)]
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=2 * timeout_s, check=False
                )
            except FileNotFoundError as error:
                raise Unreachable("ipptool is not installed (Debian: cups-ipp-utils)") from error
            except subprocess.TimeoutExpired as error:
                raise Unreachable(f"CUPS did not answer within {2 * timeout_s:g} s") from error
        rows = list(csv.reader(done.stdout.splitlines()))
        if done.returncode or len(rows) < 2 or not all(rows[1]):
            raise Unreachable(f"{self._uri}: {done.stderr.strip() or 'CUPS knows no such queue'}")
        return rows[1]

    def close(self) -> None:
        """See OpenPrinter: nothing was kept open."""
