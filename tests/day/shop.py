"""A shop's programs as its people start them: server, agent, devices, windows on one screen."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import PATIENCE_S, ROOT
from tests.day.xscreen import XScreen, until

PNG_END = b"IEND\xaeB`\x82"
KASIR = (sys.executable, "-m", "kasir.cli")


class Programs:
    """What runs in the shop. Each machine has a folder of its own for its user's state and its station."""

    def __init__(self, folder: Path, target: str, screen: XScreen) -> None:
        self._folder = folder
        self._target = target
        self._screen = screen
        self.paper = folder / "paper"
        self._heard = folder / "heard"
        self._simulator: subprocess.Popen[bytes] | None = None
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, machine: str, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """A program that goes on; its words land in a file."""
        log = (self._folder / f"{words[0]}-{words[1]}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [*KASIR, *words],
                cwd=ROOT,
                env=self._environment(machine),
                stdin=stdin,
                stdout=log,
                stderr=log,
            )
        self._started.append(process)
        return process

    def window(self, machine: str, program: str, actor: str, *words: str) -> int:
        """A program of windows, in English; its window."""
        state = self._folder / machine
        state.mkdir(exist_ok=True)
        (state / f"{program}.ini").write_text("[General]\nlanguage=en\nlook=light\n")
        return self._screen.window_of(self.start(machine, program, "--as", actor, *words))

    def devices(self, machine: str) -> None:
        """Printers, a scanner, a display and a scale, and the agent that drives them."""
        ports = ("--receipt-port", "0", "--label-port", "0", "--tspl-port", "0")
        simulate = ("hardware", "simulate", "--out", str(self.paper), *ports)
        self._simulator = self.start(machine, *simulate, stdin=subprocess.PIPE)
        config = self.paper / "hardware.toml"
        until(lambda: config.exists() and "[[in_store_code]]" in config.read_text(), "the devices")
        self.start(machine, "hardware", "run", "--config", str(config), "--as", "agent")
        until((self._folder / machine / "kasir" / "station.sock").exists, "the station")

    def scan(self, code: str) -> None:
        """Something is held before the scanner on the wire."""
        assert self._simulator is not None
        assert self._simulator.stdin is not None
        self._simulator.stdin.write(f"scan {code}\n".encode())
        self._simulator.stdin.flush()

    def run(self, *words: str, status: int = 0) -> str:
        """One command of the terminal, to its end; what it said."""
        done = subprocess.run(
            [*KASIR, *words],
            cwd=ROOT,
            env=self._environment("office"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def ask(self, *words: str) -> Any:
        """What a command says to programs."""
        return json.loads(self.run(*words, "--json"))

    def heard(self) -> list[str]:
        """Which sounds the windows played."""
        return self._heard.read_text().split() if self._heard.exists() else []

    def papers(self, kind: str) -> list[Path]:
        """What came out of the printers whose papers' names begin so, as far as it is written to its end."""
        found = sorted(self.paper.glob(f"{kind}-*.png"))
        return [path for path in found if path.read_bytes().endswith(PNG_END)]

    def end(self) -> None:
        """Ends all of them, the last one first."""
        for process in reversed(self._started):
            process.terminate()
        for process in reversed(self._started):
            process.wait(PATIENCE_S)
            if process.stdin is not None:
                process.stdin.close()

    def _environment(self, machine: str) -> dict[str, str]:
        """`pw-play` is a program that writes down what it is to play."""
        player = self._folder / "bin" / "pw-play"
        if not player.exists():
            player.parent.mkdir()
            player.write_text(f'#!/bin/sh\nbasename "$1" >> {self._heard}\n')
            player.chmod(player.stat().st_mode | stat.S_IXUSR)
        place = str(self._folder / machine)
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("KASIR_")},
            "PATH": f"{player.parent}:{os.environ['PATH']}",
            "DISPLAY": self._screen.name,
            "QT_QPA_PLATFORM": "xcb",
            "KASIR_SERVER": self._target,
            "KASIR_STATE": place,
            "XDG_RUNTIME_DIR": place,
        }


@contextmanager
def programs(folder: Path, target: str) -> Iterator[tuple[XScreen, Programs]]:
    """A screen, and programs on it; all of them end."""
    with ExitStack() as stack:
        screen = stack.enter_context(XScreen(folder))
        made = Programs(folder, target, screen)
        stack.callback(made.end)
        yield screen, made
