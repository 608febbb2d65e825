"""What whoever starts the server decides, and the rule that nothing is served unencrypted beyond this
machine.
"""

import errno
import ipaddress
import re
import socket
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

DEFAULT_LISTEN = "127.0.0.1:50051"


class LogFormat(StrEnum):
    """How lines of the log are written; auto is console at a terminal, else json."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least that is written to the log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogCalls(StrEnum):
    """Which calls get a line in the log."""

    ALL = "all"
    REFUSED = "refused"
    NONE = "none"


class SettingsError(Exception):
    """The server cannot start as asked; the text says why and what to do, in plain words."""


@dataclass(frozen=True)
class Address:
    """Where to listen. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def check_free(self) -> None:
        """Binds the address for a moment: the system itself says best why it cannot be had."""
        if self.port == 0:
            return
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                # As servers do: what a server that just ended left behind is no hindrance.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
                probe.listen()
        except OSError as error:
            reason = (
                "the port is taken by another program" if error.errno == errno.EADDRINUSE else error.strerror
            )
            raise SettingsError(f"Cannot listen on {self}: {reason}.") from error

    @property
    def is_loopback(self) -> bool:
        """Only this machine reaches it: every address that the host stands for is a loopback address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            pass
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise SettingsError(f"The host name {self.host} is unknown here: {error.strerror}.") from error
        return all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in found)


_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^:\[\]\s]+)):(?P<port>[0-9]{1,5})")


def parse_address(text: str) -> Address:
    """Reads "host:port" or "[ipv6]:port"."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or int(match["port"]) > 65_535:
        raise SettingsError(f"{text!r} is no address. Give host:port, for example {DEFAULT_LISTEN}.")
    return Address(match["v6"] or match["host"], int(match["port"]))


@dataclass(frozen=True)
class Tls:
    """PEM files: the server's certificate chain and key, and the authority that clients' certificates must
    come from.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def check(self) -> None:
        """Refuses files that are missing, unreadable or do not belong together, before anything listens."""
        for path in (self.certificate, self.key, self.client_ca):
            if path is not None:
                try:
                    path.read_bytes()
                except OSError as error:
                    raise SettingsError(f"Cannot read {path}: {error.strerror}.") from error
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.certificate, self.key)
        except ssl.SSLError as error:
            raise SettingsError(
                f"{self.certificate} and {self.key} are no PEM certificate and its key ({error.reason})."
            ) from error
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except ssl.SSLError as error:
                raise SettingsError(f"{self.client_ca} holds no PEM certificate.") from error


# Files that a server has open besides its callers' lines: the store's, logs, what Python reads
OWN_FILES = 300


def room_for_connections(wanted: int) -> int:
    """As many connections as the system lets this process have; it asks for the files that they need."""
    try:
        import resource  # noqa: PLC0415  (not on Windows)
    except ImportError:
        return wanted
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted + OWN_FILES
    if most != resource.RLIM_INFINITY:
        files = min(files, most)
    if now != resource.RLIM_INFINITY and now < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    return max(1, min(wanted, files - OWN_FILES))


@dataclass(frozen=True)
class Settings:
    """Everything but the data. Times in seconds."""

    listen: Address = field(default_factory=lambda: parse_address(DEFAULT_LISTEN))
    tls: Tls | None = None
    metrics_listen: Address | None = None
    # The collector that traces go to (OTLP over HTTP), None: nothing is traced; and the share of the calls to
    # trace whose callers say nothing of it.
    traces: str | None = None
    trace_ratio: float = 0.0
    # Where Moota posts new mutations, and the file with the secret that it signs them with.
    moota_listen: Address | None = None
    moota_secret_file: Path | None = None
    # The directory of `kasir ca init`: only those are let in who are known; None: everybody is.
    access: Path | None = None
    # What other machines reach is served without access control all the same.
    open_to_all: bool = False
    reflection: bool = False
    # Where CreateSnapshot writes; None: the folder "snapshots" in the data directory.
    snapshots: Path | None = None
    # Streams open at once, over all clients.
    max_streams: int = 1_000
    # Calls in progress at once, streams among them.
    max_calls: int = 10_000
    # Commands of one StreamCommands that may be without an answer; beyond, the stream is read no further.
    max_under_way: int = 1_024
    # Connections open at once.
    max_connections: int = 10_000
    # Threads that carry connections. One keeps up with the writer; more serve many readers.
    workers: int = 1
    # A stream that has nothing to say says so this often.
    heartbeat_s: float = 5.0
    # A reader that takes no message for this long is cut off.
    stall_s: float = 30.0
    # A reader that was up to date and fell this many revisions behind is cut off.
    max_lag: int = 100_000
    # How long a stop waits for calls in progress.
    grace_s: float = 30.0

    def check(self) -> None:
        """Refuses what must not be served, and what cannot be."""
        listens = (
            (self.listen, "--listen"),
            (self.metrics_listen, "--metrics-listen"),
            (self.moota_listen, "--moota-webhook"),
        )
        for address, what in listens:
            secured = self.tls is not None or (address is self.listen and self.access is not None)
            if address is not None and not secured and not address.is_loopback:
                access = "--access, or " if address is self.listen else ""
                raise SettingsError(
                    f"{what} {address} can be reached from other machines, and without TLS anybody on the "
                    f"way can read and change what is sent. Give {access}--tls-cert and --tls-key, or listen "
                    "on 127.0.0.1."
                )
        self._check_access()
        if self.tls is not None:
            self.tls.check()
        if (self.moota_listen is None) != (self.moota_secret_file is None):
            raise SettingsError("Moota's webhook needs both --moota-webhook and --moota-secret-file.")

    def _check_access(self) -> None:
        if self.access is not None:
            if self.open_to_all:
                raise SettingsError(
                    "--open lets everybody in, and --access only those who are known: give one."
                )
            if self.reflection:
                raise SettingsError(
                    "Whoever is let in knows the contract: --reflection does not go with --access."
                )
        elif not self.open_to_all and not self.listen.is_loopback:
            raise SettingsError(
                f"--listen {self.listen} can be reached from other machines, and whoever reaches it may do "
                "everything. Give --access DIRECTORY (see kasir ca init), or say --open if that is meant."
            )
