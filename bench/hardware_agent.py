"""A hardware agent in a process of its own, as an operator starts it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.kasir_server import ROOT

STOP_S = 60.0


@contextmanager
def hardware_agent(folder: Path, target: str, devices: str) -> Iterator[Path]:
    """A running agent with these tables of its file; yields its log. Killed at the end of the `with`."""
    config, log = folder / "hardware.toml", folder / "agent.log"
    config.write_text(f'name = "bench"\n{devices}')
    command = [sys.executable, "-m", "kasir.cli", "hardware", "run", "--config", str(config)]
    command += ["--notes", str(folder / "notes"), "--server", target]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        yield log
    finally:
        process.kill()
        process.wait(STOP_S)
