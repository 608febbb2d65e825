"""The encrypted line: who is trusted is said, and nobody else is."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from typer.testing import CliRunner

from clients import admin
from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.problems import CallFailed
from kasir.v1.admin_pb2 import GetStatusRequest, GetStatusResponse
from kasir.v1.admin_pb2_grpc import AdminServiceServicer, add_AdminServiceServicer_to_server
from tests.certificates import make_certificates

pytestmark = pytest.mark.usefixtures("in_a_state_of_its_own")
PATIENCE = Patience(timeout_s=5.0, tries=2, pause_s=0.01)


class Status(AdminServiceServicer):
    def GetStatus(self, _request, _context):  # noqa: N802 (gRPC's name)
        return GetStatusResponse(version="encrypted")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, each with a certificate for localhost: "ours" and "others"."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "others"):
        make_certificates(folder, f"{name}-ca", name)
    return folder


@pytest.fixture
def secure_server(certificates):
    """Shows our certificate and wants one of our authority."""
    pair = ((certificates / "ours.key").read_bytes(), (certificates / "ours.pem").read_bytes())
    authority = (certificates / "ours-ca.pem").read_bytes()
    server = grpc.server(ThreadPoolExecutor(2))
    add_AdminServiceServicer_to_server(Status(), server)
    credentials = grpc.ssl_server_credentials([pair], authority, require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield f"localhost:{port}"
    server.stop(None)


def ask(server: str, certificates: Path, authority: str, own: str | None) -> str:
    line = Connection(
        server,
        "sari",
        str(certificates / f"{authority}-ca.pem"),
        certificates / f"{own}.pem" if own else None,
        certificates / f"{own}.key" if own else None,
    )
    with Client(line, patience=PATIENCE) as client:
        return client.call(GetStatusRequest(), GetStatusResponse).version


def test_both_sides_show_who_they_are(secure_server, certificates):
    assert ask(secure_server, certificates, "ours", "ours") == "encrypted"


@pytest.mark.parametrize(("authority", "own"), [("others", "ours"), ("ours", "others"), ("ours", None)])
def test_nobody_else_is_trusted(secure_server, certificates, authority, own):
    with pytest.raises(CallFailed) as failed:
        ask(secure_server, certificates, authority, own)
    assert failed.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_line_in_the_clear_gets_no_answer(secure_server):
    with Client(Connection(secure_server), patience=PATIENCE) as client, pytest.raises(CallFailed):
        client.call(GetStatusRequest(), GetStatusResponse)


def test_the_command_line_takes_the_same_three_files(secure_server, certificates, monkeypatch):
    monkeypatch.setenv("KASIR_TLS_KEY", str(certificates / "ours.key"))
    words = ["status", "--server", secure_server, "--tls-ca", str(certificates / "ours-ca.pem"), "--json"]
    good = CliRunner().invoke(admin.app, [*words, "--cert", str(certificates / "ours.pem")])
    assert good.exit_code == 0, good.output
    assert '"version": "encrypted"' in good.stdout
    alone = CliRunner().invoke(admin.app, words)
    assert alone.exit_code == 2
    assert "belong together" in alone.stderr


def test_a_certificate_that_is_not_trusted_is_hinted_at(secure_server, certificates):
    words = ["status", "--server", secure_server, "--tls-ca", str(certificates / "others-ca.pem")]
    result = CliRunner().invoke(admin.app, [*words, "--timeout", "1"])
    assert result.exit_code == 1
    assert "not trusted" in result.stderr
