"""What access control costs: the same calls to a server that lets everybody in and to one that knows its
callers.

`python -m bench.access`: both servers run with TLS on the loopback, and take turns, so that what else the
machine does falls on both. A question that needs next to nothing shows the price of a call; holds show it
beside a commit.
"""

import argparse
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench import http2
from kasir.v1 import access_pb2 as pb
from kasir.v1 import catalogue_pb2, stock_pb2
from server.access import ca
from server.access.people import SERVER
from server.access.service import AccessControl
from server.logs import make_logger
from tests.server.support import idr, new_id

UNDER_WAY = 64
SETTINGS = "/kasir.v1.AdminService/GetSettings"
HOLDS = "/kasir.v1.StockService/CreateHold"
ACCESS = "/kasir.v1.AccessService/"


@dataclass
class Server:
    """A server, and how it is called."""

    process: subprocess.Popen[str]
    port: int
    context: ssl.SSLContext
    headers: bytes
    item_id: int = 0
    location_id: int = 0


class Line(http2.Connection):
    """The light loader's connection, by TLS."""

    def __init__(self, server: Server, path: str) -> None:
        self._server = server
        super().__init__("127.0.0.1", server.port, path, "key:bench")
        self._headers += server.headers

    def flush(self) -> None:
        """Secures the line before its first bytes."""
        if not isinstance(self._socket, ssl.SSLSocket):
            self._socket = self._server.context.wrap_socket(self._socket, server_hostname="localhost")
        super().flush()


def start(data: Path, *options: str) -> tuple[subprocess.Popen[str], int]:
    """A server of its own process."""
    command = [sys.executable, "-m", "kasir.cli", "serve", "--data", str(data), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--log-calls", "none", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    return process, int(ready.split(" (")[0].rpartition(":")[2])


def header(name: bytes, value: bytes) -> bytes:
    """A literal header; longer values than `http2.request_headers` makes."""
    length = bytes([len(value)]) if len(value) < 127 else b"\x7f" + bytes([len(value) - 127])
    return b"\x00" + bytes([len(name)]) + name + length + value


def guarded(folder: Path) -> Server:
    """A server with access control, an enrolled machine, and its owner logged in."""
    authority = ca.create(folder / "access", ["localhost"])
    control = AccessControl(folder / "guarded", folder / "access", make_logger())
    control.add_owner("bos", "owner-pin-1")
    code, _ = control.make_code(SERVER, "bench", 0, [])
    control.store.close()
    process, port = start(folder / "guarded", "--access", str(folder / "access"))
    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    asked = pb.EnrolDeviceRequest(code=code, csr=csr.public_bytes(pem).decode())
    with grpc.secure_channel(
        f"localhost:{port}", grpc.ssl_channel_credentials(authority.pem.encode())
    ) as line:
        reply = line.unary_unary(ACCESS + "EnrolDevice")(asked.SerializeToString(), timeout=20)
    certificate = pb.EnrolDeviceResponse.FromString(reply).certificate
    files = folder / "bench.pem"
    files.write_bytes(plain + certificate.encode())
    own = grpc.ssl_channel_credentials(authority.pem.encode(), plain, certificate.encode())
    with grpc.secure_channel(f"localhost:{port}", own) as line:
        asked_in = pb.OpenSessionRequest(user="bos", pin="owner-pin-1").SerializeToString()
        reply = line.unary_unary(ACCESS + "OpenSession")(asked_in, timeout=20)
        token = pb.OpenSessionResponse.FromString(reply).token
        key_asked = pb.CreateApiKeyRequest(
            key=pb.ApiKey(
                name="bench", scopes=["shop.read", "bookings.write"], device="bench", calls_per_second=100_000
            )
        )
        metadata = (("authorization", f"Bearer {token}"),)
        made = line.unary_unary(ACCESS + "CreateApiKey")(
            key_asked.SerializeToString(), timeout=20, metadata=metadata
        )
        found = seed(line, metadata)
    secret = pb.CreateApiKeyResponse.FromString(made).secret
    context = ssl.create_default_context(cadata=authority.pem)
    context.load_cert_chain(files)
    context.set_alpn_protocols(["h2"])
    return Server(process, port, context, header(b"authorization", f"Bearer {secret}".encode()), *found)


def unguarded(folder: Path) -> Server:
    """A server with TLS that lets everybody in."""
    authority = ca.Authority(folder / "access")
    pem = str(authority.server_certificate)
    tls = ("--tls-cert", pem, "--tls-key", pem)
    process, port = start(folder / "open", *tls)
    with grpc.secure_channel(
        f"localhost:{port}", grpc.ssl_channel_credentials(authority.pem.encode())
    ) as line:
        found = seed(line, ())
    context = ssl.create_default_context(cadata=authority.pem)
    context.set_alpn_protocols(["h2"])
    # As many bytes as the other one sends.
    return Server(process, port, context, header(b"x-padding", b"x" * 57), *found)


def seed(line: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> tuple[int, int]:
    """An item of which there is enough to hold."""

    def ask(method: str, request: object, reply: object) -> object:
        data = request.SerializeToString()  # type: ignore[attr-defined]
        return reply.FromString(line.unary_unary(method)(data, timeout=20, metadata=metadata))  # type: ignore[attr-defined]

    location = stock_pb2.Location(code="GUDANG", name="Gudang", kind=stock_pb2.LOCATION_KIND_WAREHOUSE)
    created = ask(
        "/kasir.v1.StockService/CreateLocation",
        stock_pb2.CreateLocationRequest(request_id=new_id(), location=location),
        stock_pb2.CreateLocationResponse,
    )
    place = created.location.location_id  # type: ignore[attr-defined]
    price = catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=idr(25_000))
    item = catalogue_pb2.Item(sku="KOPI-01", name="Kopi", weight_grams=250, prices=[price])
    made = ask(
        "/kasir.v1.CatalogueService/CreateItem",
        catalogue_pb2.CreateItemRequest(request_id=new_id(), item=item),
        catalogue_pb2.CreateItemResponse,
    )
    item_id = made.item.item_id  # type: ignore[attr-defined]
    line_of = stock_pb2.StockLine(item_id=item_id, quantity=1_000_000)
    request = stock_pb2.ReceiveStockRequest(request_id=new_id(), location_id=place, lines=[line_of])
    ask("/kasir.v1.StockService/ReceiveStock", request, stock_pb2.ReceiveStockResponse)
    return item_id, place


def cpu_s(server: Server) -> float:
    """Seconds of a core that the server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def price(server: Server, path: str, message: Callable[[Server], bytes], seconds: float) -> float:
    """Microseconds of a core that a call costs the server, UNDER_WAY of them at once. Others on the machine
    change the rate much more than this.
    """
    used = cpu_s(server)
    line = Line(server, path)
    ready = [message(server) for _ in range(UNDER_WAY)]
    began, done = time.perf_counter(), 0
    for each in ready:
        line.call(each, began)
    line.flush()
    while (now := time.perf_counter()) - began < seconds:
        ended = len(line.receive())
        done += ended
        for _ in range(ended):
            line.call(message(server), now)
        line.flush()
    line.close()
    return (cpu_s(server) - used) * 1e6 / done


def hold(server: Server) -> bytes:
    """A hold of one piece."""
    wanted = stock_pb2.Hold(item_id=server.item_id, location_id=server.location_id, quantity=1, owner="bench")
    return stock_pb2.CreateHoldRequest(request_id=new_id(), hold=wanted).SerializeToString()


def main() -> None:
    parser = argparse.ArgumentParser(description="What access control costs.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kasir-bench-access-") as temporary:
        known = guarded(Path(temporary))
        everybody = unguarded(Path(temporary))
        try:
            for name, path, message in (
                ("GetSettings", SETTINGS, lambda _: b""),
                ("CreateHold", HOLDS, hold),
            ):
                ratios = []
                for _ in range(arguments.rounds):
                    without = price(everybody, path, message, arguments.seconds)
                    with_access = price(known, path, message, arguments.seconds)
                    ratios.append(with_access / without)
                    print(f"{name}: {without:.1f} µs without, {with_access:.1f} µs with", flush=True)
                low, *_, high = sorted(ratios)
                print(f"{name}: ratio {statistics.median(ratios):.3f} ({low:.3f} to {high:.3f})", flush=True)
        finally:
            for server in (known, everybody):
                server.process.terminate()
                server.process.wait()


if __name__ == "__main__":
    main()
