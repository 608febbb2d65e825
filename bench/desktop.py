"""How soon a window answers its user: customer service's, the warehouse's or the till's.

    python -m bench.desktop
    python -m bench.desktop --window warehouse
    python -m bench.desktop --window till
    python -m bench.desktop --items 100000 --scans 500

Server and window are processes of their own, as an operator starts them; the window draws without a screen
(QT_QPA_PLATFORM says otherwise). `start` is from the start of the program to a window that is painted and
connected; `key` from a key's press to its letter painted in the search field, the wait for whether a scanner
typed it included; `scan` from a scanner's last key to the line painted in the order or the delivery; `priced`
to its total there; memory is what the process holds at its end. A till starts on the catalogue on its disk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic

from bench.kasir_server import KasirServer
from bench.measure import BenchError, percentile
from bench.scanning import open_shop
from clients.common.client import Client
from clients.common.connection import Connection

CS, WAREHOUSE, TILL = "cs", "warehouse", "till"


def child(window: str, target: str, began: float, scans: int, items: int) -> None:
    """The window; prints what it measured as JSON."""
    # Qt is the child's alone.
    if window == TILL:
        from bench import till_window  # noqa: PLC0415

        till_window.run(target, began, scans, items)
    else:
        from bench import desktop_window  # noqa: PLC0415

        desktop_window.run(target, began, scans, items, window)


def measure(window: str, scans: int, items: int) -> dict[str, list[float]]:
    """Starts a server with so many items, and a window on it. Raises BenchError."""
    with tempfile.TemporaryDirectory() as folder, KasirServer(Path(folder) / "shop") as server:
        environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ, "KASIR_STATE": f"{folder}/state"}
        with Client(Connection(server.target, "bench")) as client:
            open_shop(client, items)
        if window == TILL:
            refresh = [sys.executable, "-m", "kasir.cli", "till", "refresh", "--server", server.target]
            subprocess.run(refresh, env=environment, capture_output=True, check=True)
        words = ["--window", window, "--child", server.target, "--began", str(monotonic())]
        command = [
            sys.executable,
            "-m",
            "bench.desktop",
            *words,
            "--scans",
            str(scans),
            "--items",
            str(items),
        ]
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if finished.returncode:
            raise BenchError(finished.stderr[-2000:])
        answer: dict[str, list[float]] = json.loads(finished.stdout.splitlines()[-1])
        return answer


def lines(found: dict[str, list[float]]) -> Iterator[str]:
    """What was found, for people."""
    for name in (each for each in ("key", "scan", "priced") if each in found):
        values: Sequence[float] = sorted(found[name])
        p50, p99 = (percentile(values, share) * 1000 for share in (0.5, 0.99))
        yield f"{name:8} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   longest {values[-1] * 1000:6.1f} ms"
    yield f"start    {found['start'][0]:.2f} s"
    yield f"memory   {found['memory_mib'][0]:.0f} MiB"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--window", choices=(CS, WAREHOUSE, TILL), default=CS)
    parser.add_argument("--scans", type=int, default=200)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, default=0.0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.window, given.child, given.began, given.scans, given.items)
        return
    for line in lines(measure(given.window, given.scans, given.items)):
        print(line)


if __name__ == "__main__":
    main()
