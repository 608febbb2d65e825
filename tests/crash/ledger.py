"""What a careful client keeps: each request written to a file before it is sent, its reply after."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Entry:
    """One request under its id. Without reply and refusal nobody knows what became of it."""

    request_id: str
    method: str
    request: bytes
    reply: bytes | None = None
    refusal: str | None = None
    # When it had its reply, as `time.monotonic_ns` has it.
    answered: int = field(default=0, compare=False)


@dataclass
class Ledger:
    """The file, and the same in memory. Shared by threads."""

    path: Path
    entries: dict[str, Entry] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sends(self, request_id: str, method: str, request: bytes) -> Entry:
        """Before sending."""
        entry = Entry(request_id, method, request)
        with self.lock:
            self.entries[request_id] = entry
            self._write({"sends": request_id, "method": method, "request": request.hex()})
        return entry

    def got(self, entry: Entry, reply: bytes) -> None:
        """The server acknowledged it: from now on it must never be lost."""
        with self.lock:
            entry.answered = time.monotonic_ns()
            entry.reply = reply
            self._write({"got": entry.request_id, "reply": reply.hex()})

    def refused(self, entry: Entry, reason: str) -> None:
        """The server refused it: it must have had no effect."""
        with self.lock:
            entry.refusal = reason
            self._write({"refused": entry.request_id, "reason": reason})

    @property
    def acknowledged(self) -> list[Entry]:
        """Requests with a reply, in the order in which they were sent."""
        return [entry for entry in self.entries.values() if entry.reply is not None]

    @property
    def open(self) -> list[Entry]:
        """Requests that nobody knows the outcome of."""
        return [entry for entry in self.entries.values() if entry.reply is None and entry.refusal is None]

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Ledger":
        """The ledger as its file has it: what a client knows after it was killed itself."""
        ledger = cls(path)
        for line in map(json.loads, path.read_text().splitlines()):
            if "sends" in line:
                entry = Entry(line["sends"], line["method"], bytes.fromhex(line["request"]))
                ledger.entries[entry.request_id] = entry
            elif "got" in line:
                ledger.entries[line["got"]].reply = bytes.fromhex(line["reply"])
            else:
                ledger.entries[line["refused"]].refusal = line["reason"]
        return ledger
