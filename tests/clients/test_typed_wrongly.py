"""Whatever is typed at whatever place of whatever command, what comes back is a sentence.

The examples of every command are the places: each word of each example, and each option that none of them
shows, in turn holds something that no one should type. A real shop stands behind, so that what the command
line lets through meets what the server does.
"""

import shlex
from typing import Any

import pytest
from typer.testing import CliRunner

from clients.common.client import Client
from tests.clients.test_commands import COMMANDS, GROUPS, examples_of, file_agent, shift_report, verify

# Numbers beyond every bound, below zero, in digits that are none, as text that is none; the edges of time.
NONSENSE = (
    "99999999999999999999999",
    "-3",
    "²",
    "\udcff",
    "A\udcff=²",
    "#99999999999999999999999",
    "0001-01-01T00:00",
    "9" * 5_000,
)
# Whatever names a folder or a carrier is one: these run until they are stopped.
NEVER_ENDING = {"courier agent", "messages agent"}
SHARED = {"--server", "--as", "--tls-ca", "--cert", "--key", "--timeout", "--json", "--help"}


def words_of(example: str) -> list[str]:
    """The example's words after `kasir GROUP COMMAND`."""
    piece = next(part for part in example.split(" | ") if "kasir " in part)
    words = shlex.split(piece.partition(" > ")[0])
    while "=" in words[0]:
        words.pop(0)
    return words


def places(name: str) -> list[list[str]]:
    """The command's examples, each with one place marked by None in turn."""
    made: list[list[Any]] = []
    for example in examples_of(COMMANDS[name]):
        words = words_of(example)[len(name.split()) + 1 :]
        for at, word in enumerate(words):
            if word.startswith("--") and "=" not in word:
                continue
            made.append([*words[:at], None, *words[at + 1 :]])
    words = words_of(examples_of(COMMANDS[name])[0])[len(name.split()) + 1 :]
    for parameter in COMMANDS[name].params:
        option = next((each for each in parameter.opts if each.startswith("--")), "")
        if option and not getattr(parameter, "is_flag", False) and not SHARED.intersection(parameter.opts):
            made.append([*words, option, None])
    return made


@pytest.mark.usefixtures("shop", "in_a_state_of_its_own")
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NEVER_ENDING])
def test_nonsense_is_answered_with_a_sentence(server, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A watch goes on for ever; what it asks for is all that matters here.
    monkeypatch.setattr(Client, "watch", lambda *_, **__: iter(()))
    monkeypatch.setattr(file_agent, "batches", lambda *_: iter(()))
    for file in ("mutasi-bca.csv", "mutasi.csv", "catalogue.csv", "delivery.csv", "count.csv"):
        (tmp_path / file).write_text("x\n")
    group, *rest = name.split()
    alone = {
        "verify": verify.app,
        "print agent": file_agent.app,
        "print shift-report": shift_report.app,
    }
    app = alone.get(name) or GROUPS[group]
    rest = [] if name in alone else rest
    for place in places(name):
        for nonsense in NONSENSE:
            words = [nonsense if word is None else word for word in place]
            shown = CliRunner().invoke(app, [*rest, *words, "--server", server.target], input="")
            said = f"{name} {words}: {shown.output}"
            assert shown.exception is None or isinstance(shown.exception, SystemExit), said
            assert shown.exit_code in {0, 1, 2}, said
            assert "Traceback" not in shown.output, said
