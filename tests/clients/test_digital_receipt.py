"""`kasir print receipt` over a real server: files, and e-mail through a real mail server."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from PIL import Image

from tests.clients.conftest import KOPI, Run

pytestmark = pytest.mark.usefixtures("shop")


class Inbox(Message):
    def __init__(self) -> None:
        super().__init__()
        self.received: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.received.append(message)


class AnyPort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


@pytest.fixture
def sale(run: Run, ask: Run) -> str:
    run("till", "open", "KASIR-1", "--cash", "100.000")
    return str(ask("till", "sell", "--scan", f"{KOPI}x2", "--cash", "500.000")["sale"]["sale_id"])


def test_a_receipt_as_files(run: Run, ask: Run, sale: str, tmp_path: Path) -> None:
    out = tmp_path / "receipts"
    files = [Path(path) for path in ask("receipt", sale, "--out", str(out))["files"]]
    assert {path.suffix for path in files} == {".html", ".pdf", ".png", ".txt"}
    assert "Toko Melati" in (out / f"struk-{sale}.html").read_text()
    assert (out / f"struk-{sale}.pdf").read_bytes().startswith(b"%PDF")
    only = ask("receipt", sale, "--out", str(out), "--format", "txt", "--width", "58")["files"]
    assert [Path(path).name for path in only] == [f"struk-{sale}.txt"]
    assert all(len(line) <= 32 for line in Path(only[0]).read_text().splitlines())


def test_a_receipt_with_the_shops_logo(run: Run, ask: Run, sale: str, tmp_path: Path) -> None:
    Image.new("L", (200, 80)).save(tmp_path / "logo.png")
    words = (
        "receipt",
        sale,
        "--out",
        str(tmp_path),
        "--format",
        "html",
        "--logo",
        str(tmp_path / "logo.png"),
    )
    (file,) = ask(*words)["files"]
    assert Path(file).read_text().count("data:image/png") == 2
    (tmp_path / "logo.png").write_text("no picture")
    assert "is no picture: a PNG or JPEG is wanted" in run(*words, status=2).stderr


def test_a_receipt_by_mail_is_the_same_message_each_time(run: Run, ask: Run, sale: str) -> None:
    inbox = Inbox()
    controller = AnyPort(inbox, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        words = (
            *("receipt", sale, "--mail", "siti@pelanggan.example", "--from", "kasir@toko.example"),
            *("--smtp", f"localhost:{controller.port}", "--security", "none"),
        )
        assert ask(*words)["delivery"] == "accepted"
        assert "accepted" in run(*words).output
    finally:
        controller.stop()
    first, second = inbox.received
    assert first["Message-ID"] == second["Message-ID"]
    assert f"No. {sale}" in first["Subject"]
    # Nobody listens any more: said in words, with a status of its own.
    failed = json.loads(run(*words, "--json", status=1).stdout)
    assert failed["delivery"] == "down"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--out", "x", "--format", "docx"),
        ("--out", "x", "--width", "57"),
        ("--mail", "siti@pelanggan.example"),
        ("--mail", "siti", "--smtp", "localhost:1", "--from", "kasir@toko.example"),
        ("--mail", "siti@pelanggan.example", "--smtp", "localhost:1"),
        ("--mail", "siti@pelanggan.example", "--smtp", "localhost:1", "--security", "rot13"),
        (
            *("--mail", "siti@pelanggan.example", "--smtp", "localhost:1", "--from", "kasir@toko.example"),
            *("--user", "kasir", "--password-file", "/none"),
        ),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    run: Run, sale: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("receipt", sale, *words, status=2)
    run("receipt", "999", "--out", "x", status=1)
