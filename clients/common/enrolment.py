"""What this machine is to a server that keeps watch: its certificate and key, and who is logged in at it.

All of it lies in one folder for each server, for this user alone. A session lasts a quarter of an hour from
its last renewal; it is renewed after a call in its last minutes, and so is the certificate in its last
month. What time it is says the server: how far this machine's clock is from it is kept from each answer.
"""

import contextlib
import hashlib
import json
import logging
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import platformdirs
from filelock import FileLock
from google.protobuf.message import Message

from clients.common.knocking import other_names, shown_certificate
from clients.common.problems import BadInput, CallFailed, from_rpc_error
from kasir.durable import sync_directory, write_durably
from kasir.v1 import access_pb2 as pb

LOG = logging.getLogger("kasir.access")

FOLDER_VARIABLE = "KASIR_ACCESS"
AUTHORIZATION = "authorization"
# What a device's own programs are called, with nobody logged in.
DEVICE_ACTOR = "device:"
SERVICE = "/kasir.v1.AccessService/"
TIMEOUT_S = 20.0
# Whoever changes files of the folder is done in a moment.
LOCK_S = 10.0
# So long before its end a session is renewed; and a certificate, as a part of its time.
SESSION_MARGIN_S = 300
CERTIFICATE_MARGIN = 1 / 3
# A lost answer leaves a certificate at the server that nobody has: none other is asked for so soon, seconds.
LOST_PAUSE_S = 3_600
# Below so much left of a certificate that cannot be renewed it is told of, so often.
TELL_BELOW_S, TELL_EVERY_S = 14 * 86_400, 3_600
# How long a session lasts from its beginning or renewal, and how long before it was made a certificate
# begins: by these an answer tells the server's time.
SESSION_S = 900
BEFORE_S = 3_600
# Of a code: these signs, so many of them the secret and so many of the server's certificate.
CODE_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
SECRET_SIGNS, SERVER_SIGNS = 12, 16
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

Reply = TypeVar("Reply", bound=Message)


def access_dir() -> Path:
    """Where this user's certificates and sessions are: KASIR_ACCESS, or what the system has for it."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else platformdirs.user_config_path("kasir", appauthor=False) / "access"


@dataclass
class Device:
    """The machine, as the shop knows it. Everything in PEM; times in Unix seconds, by the server's
    clock.
    """

    name: str
    key: str
    certificate: str
    authority: str
    began_s: int
    expires_s: int


@dataclass
class Session:
    """Who is logged in here. Times in Unix seconds, by the server's clock."""

    user: str
    token: str
    expires_s: int
    end_s: int


class Enrolment:
    """The folder of this machine for one server. Several programs change it beside one another: what writes
    raises OSError, also where another one does not come to an end.
    """

    def __init__(self, server: str, folder: Path | None = None) -> None:
        self.server = server
        self.folder = (folder or access_dir()) / re.sub(r"[^A-Za-z0-9.-]", "_", server)
        self._device_file = self.folder / "device.json"
        self._current = self.folder / "logged-in"
        self._clock = self.folder / "clock.json"
        # What was read, and of which file: every call needs it
        self._known: dict[Path, tuple[tuple[int, int, int], Any]] = {}
        self._lock = FileLock(self.folder / "lock", LOCK_S, 0o600)
        self._next_tell = 0.0
        self._next_device = 0.0
        # The token of a session that the server would not renew
        self._ends = ""

    @property
    def exists(self) -> bool:
        """Whether this machine was enrolled at the server."""
        return self._device_file.is_file()

    @property
    def device(self) -> Device:
        """The machine itself. Raises BadInput where it is not enrolled."""
        found = self._read(self._device_file)
        if found is None:
            raise BadInput("This machine is not enrolled at {server}: kasir enrol CODE.", server=self.server)
        return Device(**found)

    def keep_device(self, device: Device) -> None:
        """Writes the certificate down with its key: both, or neither."""
        self._write(self._device_file, asdict(device))

    def session(self, user: str = "") -> Session | None:
        """The session of a user, or of who logged in last; None when there is none, or it seems over."""
        session = self.kept_session(user)
        return session if session is not None and session.expires_s > self.now_s() else None

    def kept_session(self, user: str = "") -> Session | None:
        """The same, over or not: the server knows best."""
        user = user or self.user
        found = self._read(self._session_file(user)) if user else None
        return Session(**found) if found else None

    def end_session(self, session: Session) -> None:
        """The server says that a session is over: it is not sent any more. Who it was is still who logged in
        last.
        """
        with self._changing():
            if self._is_kept(session):
                self._session_file(session.user).unlink(missing_ok=True)

    def now_s(self) -> float:
        """The server's time, as far as this machine knows."""
        return time.time() + float((self._read(self._clock) or {}).get("offset_s", 0))

    def _learn_time(self, server_s: float) -> None:
        self._write(self._clock, {"offset_s": round(server_s - time.time())})

    @property
    def user(self) -> str:
        """Who logged in last, and did not log out."""
        with contextlib.suppress(BadInput):
            return self._content(self._current, lambda content: content.decode().strip()) or ""
        return ""

    def keep_session(self, session: Session) -> None:
        """Writes a session down, and that this user is the one at the machine now."""
        with self._changing():
            self._write(self._session_file(session.user), asdict(session))
            write_durably(self._current, session.user.encode())

    def renewed(self, session: Session) -> None:
        """Writes down how long a session lasts now; not where somebody has logged out or in anew since."""
        with self._changing():
            if self._is_kept(session):
                self._write(self._session_file(session.user), asdict(session))

    def forget_session(self, user: str) -> None:
        """Erases a session."""
        with self._changing():
            self._session_file(user).unlink(missing_ok=True)
            if self.user == user:
                self._current.unlink(missing_ok=True)

    def _is_kept(self, session: Session) -> bool:
        kept = self.kept_session(session.user)
        return kept is not None and kept.token == session.token

    def _session_file(self, user: str) -> Path:
        return self.folder / f"session-{hashlib.sha256(user.encode()).hexdigest()[:32]}.json"

    def _read(self, path: Path) -> dict[str, Any] | None:
        found = self._content(path, json.loads)
        return found if isinstance(found, dict) else None

    def _content(self, path: Path, parsed: Callable[[bytes], Any]) -> Any:
        """What a file of the folder holds, read anew where it is another one by now; None where there is
        none. Raises BadInput for what is not ours.
        """
        try:
            is_now = path.stat()
            mark = (is_now.st_ino, is_now.st_mtime_ns, is_now.st_size)
            if path not in self._known or self._known[path][0] != mark:
                self._known[path] = (mark, parsed(path.read_bytes()))
            return self._known[path][1]
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise BadInput("{path} cannot be read: {error}.", path=path, error=error) from error

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Nobody else changes what is in the folder meanwhile."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock:
            yield

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        with self._changing():
            write_durably(path, json.dumps(content).encode())
            sync_directory(self.folder)

    # --- What is asked of the server ---

    def enrol(self, code: str, options: tuple[tuple[str, object], ...]) -> Device:
        """Makes a key, and gets the certificate for it that the code stands for. Whether the server is the
        right one says the code too. Raises BadInput, CallFailed.
        """
        secret, pin = split_code(code)
        root = self._pinned(pin)
        key, csr = new_key()
        with grpc.secure_channel(self.server, grpc.ssl_channel_credentials(root), options=options) as channel:
            asked = pb.EnrolDeviceRequest(code=secret, csr=csr)
            device = _device(_ask(channel, "EnrolDevice", asked, pb.EnrolDeviceResponse), key)
        self.keep_device(device)
        self._learn_time(device.began_s)
        return device

    def _pinned(self, pin: str) -> bytes:
        """The server's certificate, if it is the one that the code was made for."""
        try:
            found = shown_certificate(self.server, TIMEOUT_S)
        except (OSError, ValueError) as error:
            raise BadInput(
                "{server} cannot be reached by TLS: {error}.", server=self.server, error=error
            ) from error
        if server_pin(found) != pin:
            raise BadInput(
                "{server} is not the server that the code is for, or somebody is between: nothing was sent.",
                server=self.server,
            )
        if names := other_names(self.server, found):
            raise BadInput(
                "{server} calls itself {names}. Name it by one of these, or give it all its names anew, on "
                "its machine: kasir ca server DIRECTORY --name NAME --name NAME.",
                server=self.server,
                names=", ".join(names),
            )
        return ssl.DER_cert_to_PEM_cert(found).encode()

    def log_in(self, channel: grpc.Channel, user: str, pin: str) -> Session:
        """Logs somebody in here. Raises CallFailed."""
        reply = _ask(
            channel, "OpenSession", pb.OpenSessionRequest(user=user, pin=pin), pb.OpenSessionResponse
        )
        session = Session(user, reply.token, reply.expire_time.seconds, reply.end_time.seconds)
        self.keep_session(session)
        self._learn_time(session.expires_s - SESSION_S)
        return session

    def log_out(self, channel: grpc.Channel) -> str:
        """Logs out who is logged in: who that was. The server may be told or not: here it is over."""
        with self._changing():
            user, session = self.user, self.session()
            if user:
                self.forget_session(user)
        if session is not None:
            with contextlib.suppress(CallFailed):
                _ask(
                    channel, "CloseSession", pb.CloseSessionRequest(), pb.CloseSessionResponse, session.token
                )
        return user

    def keep_on(self, channel: grpc.Channel, user: str = "", timeout_s: float = TIMEOUT_S) -> bool:
        """Renews the session and the certificate where their end is near; whether all went well. What was
        not answered is tried again later, and so long nothing else is asked. The log tells of a certificate
        that ends soon, and of what is damaged on the disk.
        """
        timeout_s = min(timeout_s, TIMEOUT_S)
        try:
            device = self.device
            self._renew_session(channel, user, timeout_s)
            self._renew_device(channel, timeout_s)
        except BadInput as damaged:
            if self._may_tell():
                LOG.warning("%s", damaged)
            return False
        except (CallFailed, OSError) as failed:
            self._tell(device, failed)
            return False
        return True

    def _may_tell(self) -> bool:
        """Whether it was not told of lately; then it is now."""
        if time.monotonic() < self._next_tell:
            return False
        self._next_tell = time.monotonic() + TELL_EVERY_S
        return True

    def _tell(self, device: Device, failed: Exception) -> None:
        left_s = device.expires_s - self.now_s()
        if left_s >= TELL_BELOW_S or not self._may_tell():
            return
        ends = f"ends in {left_s / 86_400:.0f} days" if left_s > 0 else "is over: enrol this machine anew"
        LOG.warning(
            "The certificate of this machine at %s %s; it could not be renewed: %s", self.server, ends, failed
        )

    def _renew_session(self, channel: grpc.Channel, user: str, timeout_s: float) -> None:
        # What a device's own programs do keeps nobody logged in.
        session = self.kept_session(user) if user else None
        if session is None or session.expires_s - self.now_s() > SESSION_MARGIN_S:
            return
        if session.expires_s >= session.end_s or session.token == self._ends:
            return
        asked, reply_type = pb.RenewSessionRequest(), pb.RenewSessionResponse
        try:
            reply = _ask(channel, "RenewSession", asked, reply_type, session.token, timeout_s=timeout_s)
        except CallFailed as failed:
            if not failed.settled:
                raise
            self._ends = session.token
            return
        session.expires_s = reply.expire_time.seconds
        self.renewed(session)
        if session.expires_s < session.end_s:
            self._learn_time(session.expires_s - SESSION_S)

    def _renew_device(self, channel: grpc.Channel, timeout_s: float) -> None:
        device = self.device
        lasts = device.expires_s - device.began_s
        if device.expires_s - self.now_s() > lasts * CERTIFICATE_MARGIN:
            return
        if time.monotonic() < self._next_device:
            return
        key, csr = new_key()
        asked, reply_type = pb.RenewDeviceRequest(csr=csr), pb.RenewDeviceResponse
        try:
            reply = _ask(channel, "RenewDevice", asked, reply_type, timeout_s=timeout_s)
        except CallFailed as failed:
            if not failed.settled:
                self._next_device = time.monotonic() + LOST_PAUSE_S
            raise
        renewed = _device(reply, key)
        with self._changing():
            # Another program may have renewed it meanwhile, or somebody enrolled the machine anew.
            if self.device == device:
                self.keep_device(renewed)
        self._learn_time(renewed.began_s)


def enrolment_at(server: str) -> Enrolment | None:
    """The enrolment of this machine at a server, if there is one."""
    found = Enrolment(server)
    return found if found.exists else None


def split_code(code: str) -> tuple[str, str]:
    """The secret of a code, and what the server is known by. Raises BadInput."""
    signs = "".join(sign for sign in code.upper() if not sign.isspace() and sign != "-")
    if len(signs) != SECRET_SIGNS + SERVER_SIGNS or set(signs) - set(CODE_SIGNS):
        raise BadInput(
            "'{code}' is no code: it has {many} letters and digits, in groups of four.",
            code=code,
            many=SECRET_SIGNS + SERVER_SIGNS,
        )
    return signs[:SECRET_SIGNS], signs[SECRET_SIGNS:]


def server_pin(certificate: bytes) -> str:
    """What a code says of the server's certificate (DER)."""
    from base64 import b32encode  # noqa: PLC0415

    plain = b32encode(hashlib.sha256(certificate).digest()[:10]).decode()
    return plain.translate(str.maketrans(_BASE32, CODE_SIGNS))


def new_key() -> tuple[str, str]:
    """A private key and a signing request for it, PEM. The shop says what name the certificate has."""
    # Ciphers are read only when a key is made: once in months.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return plain.decode(), csr.public_bytes(serialization.Encoding.PEM).decode()


def _device(reply: Any, key: str) -> Device:
    # Was read to make the key.
    from cryptography import x509  # noqa: PLC0415

    made = x509.load_pem_x509_certificate(reply.certificate.encode())
    began_s = int(made.not_valid_before_utc.timestamp()) + BEFORE_S
    expires_s = int(made.not_valid_after_utc.timestamp())
    return Device(reply.device.name, key, reply.certificate, reply.authority, began_s, expires_s)


def _ask(
    channel: grpc.Channel,
    name: str,
    request: Message,
    reply_type: type[Reply],
    token: str = "",
    *,
    timeout_s: float = TIMEOUT_S,
) -> Reply:
    """One call of AccessService, not repeated and kept nowhere: it carries secrets. Raises CallFailed."""
    metadata = ((AUTHORIZATION, f"Bearer {token}"),) if token else ()
    call = channel.unary_unary(SERVICE + name, type(request).SerializeToString, reply_type.FromString)
    try:
        reply: Reply = call(request, timeout=timeout_s, metadata=metadata)
    except grpc.RpcError as error:
        raise from_rpc_error(error, SERVICE + name) from None
    return reply
