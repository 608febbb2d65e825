"""The way to the server: its address, how the line is secured, and who is asking."""

import getpass
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

import grpc

from clients.common.enrolment import DEVICE_ACTOR, Enrolment, enrolment_at
from clients.common.numbers import parse_whole
from clients.common.problems import BadInput

DEFAULT_SERVER = "127.0.0.1:50051"
SERVER_VARIABLE = "KASIR_SERVER"
ACTOR_VARIABLE = "KASIR_ACTOR"
ACTOR_METADATA = "kasir-actor"
ACTOR_LENGTH_MAX = 60
# In the place of a file: the certificate authorities that gRPC ships.
SYSTEM_AUTHORITIES = "system"
# A page of 1,000 orders of many lines is larger than gRPC's 4 MiB.
MESSAGE_BYTES_MAX = 64 * 1024 * 1024
CONNECT_TIMEOUT_MS = 10_000

CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    # Only clients.common.client repeats a call: it keeps the request id and counts the tries.
    ("grpc.enable_retries", 0),
    # A till asks the machine it was told to, whatever proxy the desktop has.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Despite its name also how long one attempt may take: TCP, TLS and the first frames go there and back
    # several times, which a line over half the world or a busy machine does not do in a tenth of a second.
    ("grpc.min_reconnect_backoff_ms", CONNECT_TIMEOUT_MS),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Notices within minutes that the other end of a watch is gone without a word.
    ("grpc.keepalive_time_ms", 300_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


@dataclass(frozen=True)
class Connection:
    """Where and as whom to call.

    `server` is HOST:PORT or unix:PATH. Without `tls_ca` the line is not encrypted and only this machine may
    be called; on a machine that was enrolled at the server its certificate secures it. `tls_ca` is a file
    of certificates in PEM form, or "system"; `tls_cert` and `tls_key` are this client's own, where the
    server asks for them.
    """

    server: str = DEFAULT_SERVER
    actor: str = "anonymous"
    tls_ca: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # What this machine is there, where the server keeps watch
    enrolment: Enrolment | None = None

    @property
    def is_encrypted(self) -> bool:
        """Whether nobody on the way reads what is said."""
        return self.enrolment is not None or self.tls_ca is not None

    def channel(self) -> grpc.Channel:
        """Opens a channel; nothing is sent yet. Raises BadInput for what cannot be used."""
        if self.enrolment is not None:
            return grpc.secure_channel(self.server, _enrolled(self.enrolment), options=CHANNEL_OPTIONS)
        if self.tls_ca is None:
            if self.tls_cert is not None or self.tls_key is not None:
                raise BadInput("--cert and --key need --tls-ca: without it the line is not encrypted.")
            if not is_local(self.server):
                raise BadInput(
                    "{server} is another machine, and this one is not enrolled there: kasir enrol CODE, or "
                    "--tls-ca.",
                    server=self.server,
                )
            return grpc.insecure_channel(self.server, options=CHANNEL_OPTIONS)
        return grpc.secure_channel(self.server, self._credentials(), options=CHANNEL_OPTIONS)

    def _credentials(self) -> grpc.ChannelCredentials:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise BadInput("--cert and --key belong together: give both or none.")
        roots = None if self.tls_ca in {None, SYSTEM_AUTHORITIES} else _read_pem(Path(self.tls_ca or ""))
        key = _read_pem(self.tls_key) if self.tls_key else None
        chain = _read_pem(self.tls_cert) if self.tls_cert else None
        return grpc.ssl_channel_credentials(roots, key, chain)


def connection(
    server: str | None = None,
    actor: str | None = None,
    tls_ca: str | None = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
) -> Connection:
    """Fills what was not said from KASIR_SERVER, KASIR_ACTOR and this machine's user. Raises BadInput."""
    address = checked_address(server or os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER)
    named = actor or os.environ.get(ACTOR_VARIABLE) or ""
    enrolment = enrolment_at(address) if tls_ca is None and tls_cert is None else None
    if enrolment is not None:
        named = named or enrolment.user or f"{DEVICE_ACTOR}{enrolment.device.name}"
    return Connection(address, _actor(named or _os_user()), tls_ca, tls_cert, tls_key, enrolment)


def _enrolled(enrolment: Enrolment) -> grpc.ChannelCredentials:
    device = enrolment.device
    return grpc.ssl_channel_credentials(
        device.authority.encode(), device.key.encode(), device.certificate.encode()
    )


def is_local(server: str) -> bool:
    """Whether the address is surely on this machine."""
    if server.startswith("unix:"):
        return True
    host = server.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_address(server: str) -> str:
    """The address of a server, if it can be one. Raises BadInput."""
    if server.startswith("unix:"):
        return server
    host, _, port = server.rpartition(":")
    if not host or not 0 < (parse_whole(port) or 0) < 65_536:
        raise BadInput(
            "'{server}' is no address of a server: write HOST:PORT, like {like}.",
            server=server,
            like=DEFAULT_SERVER,
        )
    return server


def _actor(name: str) -> str:
    """Metadata of gRPC carries printable ASCII, nothing else."""
    if not (name.isascii() and name.isprintable() and name.strip() == name and len(name) <= ACTOR_LENGTH_MAX):
        raise BadInput(
            "'{name}' cannot be sent as a name: at most {most} plain letters and digits (--as).",
            name=name,
            most=ACTOR_LENGTH_MAX,
        )
    return name


def _os_user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "anonymous"
    return name if name.isascii() and name.isprintable() else "anonymous"


def _read_pem(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput("{path} cannot be read: {error}.", path=path, error=error.strerror) from error
