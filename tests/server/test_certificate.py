"""Goal: a server takes a new certificate of its files while it runs, and keeps the one it has when there is
none that can be used. Method: real files, real handshakes.
"""

import errno
import io
import json
import shutil
import ssl
from http.client import HTTPSConnection
from pathlib import Path

import grpc
import pytest

from server import certificate
from server.logs import make_logger
from server.settings import Tls, parse_address
from tests.certificates import make_certificates
from tests.server.support import until

GET_STATUS = "/kasir.v1.AdminService/GetStatus"


@pytest.fixture
def made(tmp_path):
    """Two certificates of one authority, and a caller's of another."""
    make_certificates(tmp_path, "ca", "first", "second")
    make_certificates(tmp_path, "callers", "caller")
    return tmp_path


def put(made: Path, name: str, *suffixes: str) -> None:
    """Puts one in the place that the server reads."""
    for suffix in suffixes:
        shutil.copyfile(made / f"{name}.{suffix}", made / f"server.{suffix}")


@pytest.fixture
def guarded(made, start_server, monkeypatch):
    """A server whose callers show a certificate."""
    monkeypatch.setattr(certificate, "LOOK_S", 0.05)
    put(made, "first", "pem", "key")
    return start_server(
        tls=Tls(made / "server.pem", made / "server.key", made / "callers.pem"),
        metrics_listen=parse_address("127.0.0.1:0"),
    )


@pytest.fixture
def running(made, start_server, monkeypatch):
    monkeypatch.setattr(certificate, "LOOK_S", 0.05)
    put(made, "first", "pem", "key")
    (made / "secret").write_text("rahasia")
    return start_server(
        tls=Tls(made / "server.pem", made / "server.key"),
        metrics_listen=parse_address("127.0.0.1:0"),
        moota_listen=parse_address("127.0.0.1:0"),
        moota_secret_file=made / "secret",
    )


def shown(running) -> list[str]:
    """What is shown on each of its ports."""
    service = running.service
    ports = [each.port for each in (service.address, service.metrics_address, service.moota_address)]
    return [ssl.get_server_certificate(("127.0.0.1", port), timeout=10) for port in ports]


def told(running) -> list[str]:
    return [line["event"] for line in running.log if line["event"].startswith("certificate")]


def test_all_ports_show_the_next_one_and_open_lines_go_on(running, made):
    first, second = ((made / f"{name}.pem").read_text() for name in ("first", "second"))
    assert shown(running) == [first] * 3
    credentials = grpc.ssl_channel_credentials((made / "ca.pem").read_bytes())
    options = [("grpc.ssl_target_name_override", "localhost")]
    with grpc.secure_channel(running.target, credentials, options) as channel:
        channel.unary_unary(GET_STATUS)(b"", timeout=20)
        put(made, "second", "pem", "key")
        until(lambda: shown(running) == [second] * 3, "the second certificate")
        channel.unary_unary(GET_STATUS)(b"", timeout=20)
    assert "certificate taken" in told(running)


def test_what_does_not_fit_together_is_told_once_and_the_one_of_before_is_shown(running, made):
    first, second = ((made / f"{name}.pem").read_text() for name in ("first", "second"))
    # As who copies two files, and is stopped in between.
    put(made, "second", "pem")
    until(lambda: "certificate not taken" in told(running), "the warning")
    assert shown(running)[0] == first
    with pytest.raises(OSError, match="no PEM certificate"):
        running.service._native.show_certificate(b"no certificate", b"no key")
    assert shown(running)[0] == first
    assert told(running) == ["certificate not taken"]
    put(made, "second", "key")
    until(lambda: shown(running)[0] == second, "the second certificate")
    assert told(running)[-1] == "certificate taken"


def test_what_could_not_be_shown_once_is_tried_again_and_told_once(made):
    put(made, "first", "pem", "key")
    lines = io.StringIO()
    seen = certificate.Certificate(Tls(made / "server.pem", made / "server.key"), make_logger(stream=lines))
    before, shown_now = seen.ends_s, []
    # Other rights are no other file.
    unreadable = [PermissionError(errno.EACCES, "Permission denied")] * 3

    def show(chain, _key):
        if unreadable:
            raise unreadable.pop()
        shown_now.append(chain.read_text())

    seen.shown_by.append(show)
    put(made, "second", "pem", "key")
    for _ in range(3):
        seen.look()
        assert (shown_now, seen.ends_s) == ([], before)
    for _ in range(2):
        seen.look()
    assert shown_now == [(made / "second.pem").read_text()], "once"
    events = [json.loads(line)["event"] for line in lines.getvalue().splitlines()]
    assert events == ["certificate not taken", "certificate taken"]


def scraped(made: Path, port: int, *caller: str) -> tuple[str, int]:
    """What the endpoint of metrics shows to a caller of this name, or one without a certificate, and how it
    answers. Raises OSError.
    """
    context = ssl.create_default_context(cafile=made / "ca.pem")
    for name in caller:
        context.load_cert_chain(made / f"{name}.pem", made / f"{name}.key")
    line = HTTPSConnection("localhost", port, context=context, timeout=10)
    try:
        line.connect()
        shown = ssl.DER_cert_to_PEM_cert(line.sock.getpeercert(binary_form=True))
        line.request("GET", "/metrics")
        return shown, line.getresponse().status
    finally:
        line.close()


def test_who_may_scrape_is_the_same_with_the_next_one(guarded, made):
    port = guarded.service.metrics_address.port
    for name in ("first", "second"):
        put(made, name, "pem", "key")
        wanted = ((made / f"{name}.pem").read_text(), 200)
        until(lambda wanted=wanted: scraped(made, port, "caller") == wanted, f"the {name} certificate")
        for stranger in ((), ("first",)):
            with pytest.raises(OSError, match=r"certificate|alert|reset|EOF|closed"):
                scraped(made, port, *stranger)
