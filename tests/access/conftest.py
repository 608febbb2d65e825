"""A server with access control over a new store: its authority, an owner, devices that enrol, who logs in."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kasir.v1 import access_pb2 as pb
from server.access import ca, pins
from server.access.people import SERVER
from server.access.pins import Cost
from server.access.service import AccessControl
from server.logs import make_logger
from tests.conftest import RunningServer

OWNER, OWNER_PIN = "bos", "owner-pin-1"
METHODS = "/kasir.v1.AccessService/"
TARGET = [("grpc.ssl_target_name_override", "localhost")]


@pytest.fixture(autouse=True)
def _cheap_pins(monkeypatch):
    """A guess that costs nothing: none of these tests is about what it costs."""
    monkeypatch.setattr(pins, "DEFAULT_COST", Cost(1, 8))


@pytest.fixture
def authority(tmp_path: Path) -> ca.Authority:
    return ca.create(tmp_path / "access", ["localhost", "127.0.0.1"])


@dataclass
class Machine:
    """A key, and the certificate that the shop gave for it."""

    name: str = ""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificate: str = ""

    def csr(self) -> str:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever it says")])
        request = (
            x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self.key, hashes.SHA256())
        )
        return request.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def fingerprint(self) -> str:
        der = x509.load_pem_x509_certificate(self.certificate.encode()).public_bytes(
            serialization.Encoding.DER
        )
        return hashlib.sha256(der).hexdigest()


class Guarded:
    """The server, and those who call it."""

    def __init__(self, running: RunningServer, authority: ca.Authority, first_code: str) -> None:
        self.running = running
        self.authority = authority
        self._channels: list[grpc.Channel] = []
        self.office = self.enrol(first_code)
        self.owner = self.login(self.office, OWNER, OWNER_PIN)

    @property
    def control(self) -> AccessControl:
        return self.running.service._access

    def channel(self, machine: Machine | None = None) -> grpc.Channel:
        """A line by TLS, with a machine's certificate."""
        key, chain = (machine.key_pem, machine.certificate.encode()) if machine else (None, None)
        credentials = grpc.ssl_channel_credentials(self.authority.pem.encode(), key, chain)
        opened = grpc.secure_channel(self.running.target, credentials, TARGET)
        self._channels.append(opened)
        return opened

    def close(self) -> None:
        for each in self._channels:
            each.close()

    def ask(
        self,
        method: str,
        request: Any,
        machine: Machine | None = None,
        token: str = "",
        reply: Any = None,
        actor: str = "",
    ) -> Any:
        """One call; the reply as bytes unless its type is given. Raises RpcError."""
        metadata = [("authorization", f"Bearer {token}")] if token else []
        metadata += [("kasir-actor", actor)] if actor else []
        data = request if isinstance(request, bytes) else request.SerializeToString()
        channel = self.line(machine)
        answer = channel.unary_unary(method)(data, timeout=20, metadata=metadata)
        return answer if reply is None else reply.FromString(answer)

    def line(self, machine: Machine | None) -> grpc.Channel:
        """One channel for each machine."""
        key = id(machine)
        lines = self.__dict__.setdefault("_lines", {})
        if key not in lines:
            lines[key] = (machine, self.channel(machine))
        return lines[key][1]

    def manage(self, name: str, request: Any, reply: Any = None) -> Any:
        """One call of AccessService as the owner, at the office."""
        reply = reply or getattr(pb, f"{name}Response")
        return self.ask(METHODS + name, request, self.office, self.owner, reply)

    def enrol(self, code: str) -> Machine:
        machine = Machine()
        request = pb.EnrolDeviceRequest(code=code, csr=machine.csr())
        answer = self.ask(METHODS + "EnrolDevice", request, None, reply=pb.EnrolDeviceResponse)
        machine.certificate, machine.name = answer.certificate, answer.device.name
        assert answer.authority == self.authority.pem
        return machine

    def device(self, name: str, location_id: int = 0, roles: tuple[str, ...] = ()) -> Machine:
        request = pb.CreateEnrolmentCodeRequest(device=name, location_id=location_id, roles=roles)
        return self.enrol(self.manage("CreateEnrolmentCode", request).code)

    def user(self, name: str, *roles: str, locations: tuple[int, ...] = (), pin: str = "kata-sandi") -> None:
        user = pb.User(name=name, roles=roles, location_ids=locations)
        self.manage("CreateUser", pb.CreateUserRequest(user=user, pin=pin))

    def login(self, machine: Machine, name: str, pin: str = "kata-sandi") -> str:
        request = pb.OpenSessionRequest(user=name, pin=pin)
        return self.ask(METHODS + "OpenSession", request, machine, reply=pb.OpenSessionResponse).token

    def key(self, name: str, *scopes: str, days: int = 30, **more: Any) -> str:
        key = pb.ApiKey(name=name, scopes=scopes, **more)
        key.expire_time.FromDatetime(dt.datetime.now(dt.UTC) + dt.timedelta(days=days))
        return self.manage("CreateApiKey", pb.CreateApiKeyRequest(key=key)).secret

    def erase_what_is_over(self) -> None:
        """What the server does every minute."""
        self.control._thread.submit(self.control.upkeep.prune).result(20)

    def log(self) -> list[pb.AuditEntry]:
        """The log of access, oldest first, refusals up to now included."""
        found = self.manage("ListAudit", pb.ListAuditRequest(page_size=1_000)).entries
        return list(reversed(found))


def first_owner(data: Path, directory: Path) -> str:
    """What is done on the server's machine before anybody can come in: the first device's code."""
    control = AccessControl(data, directory, make_logger())
    control.add_owner(OWNER, OWNER_PIN)
    code, _ = control.make_code(SERVER, "office", 0, [])
    control.store.close()
    return code


@pytest.fixture
def guarded(
    start_server: Callable[..., RunningServer], engine: Any, authority: ca.Authority
) -> Iterator[Guarded]:
    """A server that lets in who is known, with an owner logged in at the office."""
    code = first_owner(engine.path, authority.directory)
    found = Guarded(start_server(access=authority.directory), authority, code)
    yield found
    found.close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where this user's programs keep what they have."""
    monkeypatch.setenv("KASIR_ACCESS", str(tmp_path / "home"))
    monkeypatch.setenv("KASIR_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("KASIR_ACTOR", raising=False)
    return tmp_path / "home"


@pytest.fixture
def machine(guarded, home):
    """One that is enrolled."""
    from tests.access.machines import enrolled

    return enrolled(guarded)
