"""Printers that are simulated, and agents that drive them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.lines import TcpLine
from tests.hardware.printing_shop import AgentProcess


@pytest.fixture
def printer() -> EscposSimulator:
    """A receipt printer."""
    return EscposSimulator()


@pytest.fixture
def line(printer: EscposSimulator) -> Iterator[TcpLine]:
    """The port at which it listens."""
    with TcpLine(printer) as opened:
        yield opened


@pytest.fixture
def start_agent(tmp_path: Path, server: Any) -> Iterator[Callable[..., AgentProcess]]:
    """Starts an agent with printers as TOML, without any with those before; killed at the end."""
    started: list[AgentProcess] = []

    def start(*printers: str) -> AgentProcess:
        config = tmp_path / "hardware.toml"
        if printers:
            config.write_text("\n".join(['name = "desk"', "probe_s = 0.2", *printers]))
        started.append(AgentProcess(config, tmp_path / "notes", server.target, tmp_path / "agent.log"))
        return started[-1]

    yield start
    for each in started:
        each.kill()
    # Shown by pytest when the test failed.
    print((tmp_path / "agent.log").read_text())
