"""The command `kasir`: it starts fast because it imports late, and a missing extra ends with a sentence."""

import subprocess
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from kasir import __version__, cli

HEAVY = ("engine", "google.protobuf", "grpc", "lmdb", "msgpack", "rich", "server")


def run_main(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["kasir", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    code = left.value.code
    return code if isinstance(code, int) else 0


def behind(monkeypatch, tmp_path, name: str, source: str, **changes: str) -> None:
    """Puts a module with `source` behind the command `name`."""
    module = f"behind_{name}"
    (tmp_path / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(cli.ENTRIES, name, replace(cli.ENTRIES[name], target=f"{module}:app", **changes))


def test_the_list_of_commands_imports_none_of_them():
    program = f"import sys, kasir.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["kasir.restore", "kasir.backup.commands", "kasir.audit.commands"])
def test_what_works_on_files_imports_no_line_to_a_server(module):
    program = f"import sys, {module}; print(*sorted(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(finished.stdout.split())
    assert {"engine", "typer"} <= imported
    unwanted = {"grpc", "rich.progress"}
    if module != "kasir.audit.commands":
        unwanted.add("cryptography")
    assert not imported & unwanted


def test_help_lists_every_command():
    shown = CliRunner().invoke(cli.app, ["--help"])
    assert shown.exit_code == 0
    for name, entry in cli.ENTRIES.items():
        assert name in shown.output
        assert entry.help.split()[0] in shown.output


@pytest.mark.parametrize("name", cli.ENTRIES)
def test_every_command_explains_itself(name):
    shown = CliRunner().invoke(cli.app, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f"kasir {name}" in shown.output


def test_version():
    assert CliRunner().invoke(cli.app, ["--version"]).output == f"kasir {__version__}\n"


def test_a_missing_extra_ends_with_the_command_that_brings_it(monkeypatch, tmp_path, capsys):
    behind(monkeypatch, tmp_path, "serve", "raise ModuleNotFoundError(name='structlog')")
    assert run_main(monkeypatch, "serve") == 1
    said = capsys.readouterr().err
    assert said.startswith("kasir serve needs the server extra: pip install 'kasir[server]'")
    assert "Traceback" not in said


def test_an_extra_missing_only_when_a_command_works_is_named_by_its_module(monkeypatch, tmp_path, capsys):
    source = """
import typer
app = typer.Typer()

@app.command()
def labels():
    raise ModuleNotFoundError(name="reportlab.graphics")

@app.command()
def find():
    print("found")
"""
    behind(monkeypatch, tmp_path, "cs", source)
    assert run_main(monkeypatch, "cs", "labels") == 1
    assert "pip install 'kasir[paper]'" in capsys.readouterr().err
    assert run_main(monkeypatch, "cs", "find") == 0


def test_an_engine_that_is_not_built_says_so(monkeypatch, tmp_path, capsys):
    behind(monkeypatch, tmp_path, "serve", "raise ModuleNotFoundError(name='engine._core')")
    assert run_main(monkeypatch, "serve") == 1
    assert "make setup" in capsys.readouterr().err


def test_a_module_of_ours_that_is_missing_is_a_bug_and_shows_as_one(monkeypatch, tmp_path):
    behind(monkeypatch, tmp_path, "till", "raise ModuleNotFoundError(name='clients.nothing')")
    monkeypatch.setattr(sys, "argv", ["kasir", "till"])
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_a_plain_function_and_one_command_of_many_can_stand_behind_a_name(monkeypatch, tmp_path, capsys):
    behind(monkeypatch, tmp_path, "serve", "def app(data: str): print('serving', data)")
    assert run_main(monkeypatch, "serve", "shop") == 0
    assert capsys.readouterr().out == "serving shop\n"
    source = """
import typer
app = typer.Typer()
app.command("status")(lambda: print("status"))
app.command("verify")(lambda: print("verified"))
"""
    behind(monkeypatch, tmp_path, "verify", source, command="verify")
    assert run_main(monkeypatch, "verify") == 0
    assert capsys.readouterr().out == "verified\n"


def test_an_unknown_command_is_refused_with_the_nearest_name(monkeypatch, capsys):
    assert run_main(monkeypatch, "srve") == 2
    assert "Did you mean 'serve'" in capsys.readouterr().err
