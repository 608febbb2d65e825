"""AccessService: everything about who may call, put together. Its work is done in a thread of its own, one
after the other: hashing a PIN takes its time and its memory.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import lmdb
from google.protobuf.message import Message

from engine import Code, EngineError
from engine.rpc import RpcServer
from kasir.v1 import access_pb2 as pb
from server.access import certificates, pins
from server.access.audit import Audit, Entry, newest
from server.access.ca import Authority, AuthorityError
from server.access.guard import KEY_PER_SECOND, Guard
from server.access.login import Logins
from server.access.pace import Pace
from server.access.people import (
    IN_CHARGE,
    SERVER,
    agent_roles,
    beyond,
    check_decides,
    check_decides_device,
    check_name,
    check_owner_left,
    check_places,
    has_owner,
    not_found,
    person_roles,
    same_work,
    still_decides,
    taken,
)
from server.access.pins import Cost, Pins
from server.access.refusals import Refusals
from server.access.store import ApiKey, Device, Transaction, User, open_store
from server.access.store import Code as EnrolmentCode
from server.access.table import Role, methods
from server.access.upkeep import Upkeep
from server.calls import Call, Registry, Unary, check_size, field_error, parse
from server.logs import Logger
from server.settings import SettingsError, Tls

PREFIX = "/kasir.v1.AccessService/"
MAX_REQUEST = 64 * 1024
CODE_S = 3600
KEY_S, KEY_MAX_S = 90 * 86_400, 366 * 86_400
PER_SECOND_MAX = 100_000
LINES, LINES_MAX = 100, 1_000
# Wrong codes a minute from one address.
WRONG_CODES = 20
# Refusals that are written down, and those of which a line tells already.
REFUSED = frozenset({Code.UNAUTHENTICATED, Code.PERMISSION_DENIED, Code.RESOURCE_EXHAUSTED})
TOLD = frozenset({"LOGIN_FAILED", "LOCATION_DENIED"})
Clock = Callable[[], float]


class AccessControl:
    """Access control of one server. Made before it starts, closed after it stopped."""

    def __init__(
        self, data: Path, directory: Path, log: Logger, *, cost: Cost | None = None, clock: Clock = time.time
    ) -> None:
        """Raises SettingsError for a directory that holds no authority."""
        try:
            self.authority = Authority(directory)
            self.authority.server_der()
        except (AuthorityError, OSError, ValueError) as error:
            raise SettingsError(str(error)) from error
        self._log = log
        self._data = data
        self._clock = clock
        self._methods = methods()
        self.store = open_store(data)
        self.audit = Audit(pins.audit_key(self.authority.pepper), clock)
        self._refusals = Refusals(self.audit, clock)
        self.guard = Guard(self._methods, self._refusals)
        self._pins = Pins(self.authority.pepper, cost)
        self._logins = Logins(self.store, self.guard, self.audit, self._pins, clock)
        self.upkeep = Upkeep(self.authority, self.store, self.guard, self._refusals, log, clock)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kasir-access")
        self._wrong_codes = Pace(WRONG_CODES, clock)

    @property
    def tls(self) -> Tls:
        """What the line is secured with."""
        own = self.authority
        return Tls(own.server_certificate, own.server_certificate, own.authority_certificate)

    def register(self, registry: Registry) -> None:
        """Adds AccessService to what the server answers."""
        for name, request, handle in self._handlers():
            registry.unary[PREFIX + name] = self._unary(request, handle)

    def watch(self, server: RpcServer) -> None:
        """Guards a server, and lets those in who are known. It starts with a certificate that lasts."""
        self.upkeep.renew_certificate()
        self.guard.watch(server)
        with self.store.read() as txn:
            self.guard.load(txn)
            self.upkeep.begin(txn)
            if not has_owner(txn):
                self._log.warning(
                    "no owner yet",
                    warning="Nobody can log in. Make the first owner here, while the server runs: "
                    f"kasir access init --data {self._data} --access {self.authority.directory} --owner NAME",
                )

    async def run(self) -> None:
        """Keeps everything in order, until it is cancelled."""
        await self.upkeep.run(self._thread)

    def close(self) -> None:
        """Writes down what is left and closes the store."""
        self._thread.shutdown()
        try:
            self.upkeep.write_all_refusals()
        except (OSError, lmdb.Error) as error:
            self._log.exception("access log cannot be written", error=str(error))
        self.store.close()

    def _unary(self, request_type: type[Any], handle: Callable[[Call, Any], Message]) -> Unary:
        async def answer(call: Call, request: bytes) -> bytes:
            check_size(request, MAX_REQUEST)
            asked = parse(request_type, request)
            loop = asyncio.get_running_loop()
            reply = await loop.run_in_executor(self._thread, self._told, handle, call, asked)
            return reply.SerializeToString()

        return answer

    def _told(self, handle: Callable[[Call, Any], Message], call: Call, asked: Any) -> Message:
        """Answers; who is refused for who they are is written down, unless a line tells of it already."""
        try:
            return handle(call, asked)
        except EngineError as error:
            if error.code in REFUSED and error.reason not in TOLD:
                method, peer = call.method.removeprefix("/"), call.host
                entry = Entry("denied", call.actor, call.device, method, error.reason, peer)
                self._refusals.add(entry)
            raise

    def _handlers(self) -> list[tuple[str, type[Any], Callable[[Call, Any], Message]]]:
        return [
            ("EnrolDevice", pb.EnrolDeviceRequest, self.enrol_device),
            ("RenewDevice", pb.RenewDeviceRequest, self.renew_device),
            ("OpenSession", pb.OpenSessionRequest, self.open_session),
            ("RenewSession", pb.RenewSessionRequest, self.renew_session),
            ("CloseSession", pb.CloseSessionRequest, self.close_session),
            ("SetPin", pb.SetPinRequest, self.set_pin),
            ("CreateUser", pb.CreateUserRequest, self.create_user),
            ("UpdateUser", pb.UpdateUserRequest, self.update_user),
            ("ListUsers", pb.ListUsersRequest, self.list_users),
            ("CreateEnrolmentCode", pb.CreateEnrolmentCodeRequest, self.create_enrolment_code),
            ("ListEnrolledDevices", pb.ListEnrolledDevicesRequest, self.list_devices),
            ("RevokeDevice", pb.RevokeDeviceRequest, self.revoke_device),
            ("CreateApiKey", pb.CreateApiKeyRequest, self.create_api_key),
            ("ListApiKeys", pb.ListApiKeysRequest, self.list_api_keys),
            ("RevokeApiKey", pb.RevokeApiKeyRequest, self.revoke_api_key),
            ("ListAudit", pb.ListAuditRequest, self.list_audit),
        ]

    def _now(self) -> int:
        return int(self._clock())

    # --- Devices ---

    def enrol_device(self, call: Call, asked: pb.EnrolDeviceRequest) -> pb.EnrolDeviceResponse:
        """AccessService.EnrolDevice."""
        code_hash = pins.digest(pins.secret_of(asked.code))
        with self.store.write() as txn:
            code = txn.codes.get(code_hash)
            device = txn.devices.get(code.device) if code is not None else None
            if code is None or code.expires_s <= self._now() or not still_decides(txn, code, device):
                self._check_pace_of_codes(call)
                raise EngineError(
                    Code.UNAUTHENTICATED,
                    "ENROLMENT_REFUSED",
                    "The code is wrong, used or older than an hour.",
                )
            becomes = Device(code.device, code.location_id, code.roles)
            if device is not None and not device.revoked:
                becomes.certificates = device.certificates
            certificate = self._certify(becomes, asked.csr)
            if device is not None and not same_work(device, becomes):
                self._end_sessions(txn, device.name)
            if device is not None and device.revoked:
                self._void_keys_at(txn, device.name)
            device = becomes
            txn.devices.put(device.name, device)
            txn.codes.remove(code_hash)
            peer = call.host
            self.audit.add(txn, Entry("device", code.made_by, device.name, reason="enrolled", peer=peer))
            self.guard.put_all_of(txn, device)
        return pb.EnrolDeviceResponse(
            certificate=certificate, authority=self.authority.pem, device=_device_message(device)
        )

    def _check_pace_of_codes(self, call: Call) -> None:
        """Wrong codes from one place are few a minute. The right one is always taken: nobody guesses it, and
        nobody keeps others from it.
        """
        if self._wrong_codes.is_over(call.host):
            raise EngineError(
                Code.RESOURCE_EXHAUSTED, "RATE_EXCEEDED", "Too many wrong codes. Try again in a minute."
            )

    def _certify(self, device: Device, csr: str) -> str:
        try:
            signed = self.authority.sign_device(device.name, csr)
        except ValueError as error:
            raise field_error(
                "FIELD_MALFORMED", "csr", "That is no signing request of a P-256 key."
            ) from error
        gone = certificates.add(device, signed.fingerprint.hex(), signed.expires_s, self._now())
        self.guard.drop_certificates(device, gone)
        return signed.pem

    def renew_device(self, call: Call, asked: pb.RenewDeviceRequest) -> pb.RenewDeviceResponse:
        """AccessService.RenewDevice."""
        with self.store.write() as txn:
            device = txn.devices.get(call.device)
            if device is None or device.revoked:
                raise not_found("device", call.device)
            caller = call.certificate.hex() if call.certificate else ""
            self.guard.drop_certificates(device, certificates.make_room(device, caller, self._now()))
            certificate = self._certify(device, asked.csr)
            txn.devices.put(device.name, device)
            self.audit.add(txn, Entry("device", call.actor, device.name, reason="certificate renewed"))
            self.guard.put_device(device)
        return pb.RenewDeviceResponse(
            certificate=certificate, authority=self.authority.pem, device=_device_message(device)
        )

    def create_enrolment_code(
        self, call: Call, asked: pb.CreateEnrolmentCodeRequest
    ) -> pb.CreateEnrolmentCodeResponse:
        """AccessService.CreateEnrolmentCode. Whether who made it decides is asked again when it is used."""
        becomes = Device(asked.device, asked.location_id, list(asked.roles))
        with self.store.read() as txn:
            check_decides_device(txn, call.actor, txn.devices.get(asked.device), becomes)
        code, expires_s = self.make_code(call.actor, asked.device, asked.location_id, list(asked.roles))
        response = pb.CreateEnrolmentCodeResponse(code=code)
        response.expire_time.FromSeconds(expires_s)
        return response

    def make_code(self, made_by: str, name: str, location_id: int, roles: list[str]) -> tuple[str, int]:
        """A code for one device, as it is told, and when it is void."""
        check_name(name, "device")
        secret, expires_s = pins.new_code(), self._now() + CODE_S
        code = EnrolmentCode(name, location_id, agent_roles(roles), expires_s, made_by)
        with self.store.write() as txn:
            txn.codes.put(pins.digest(secret), code)
            self.audit.add(txn, Entry("device", made_by, name, reason="code made"))
        return pins.shown_code(secret, self.authority.server_der()), expires_s

    def _end_sessions(self, txn: Transaction, device: str) -> None:
        """A device is out, until it is put in again; whoever is logged in there has to log in again."""
        self.guard.table.remove_device(device)
        for token_hash, _ in txn.sessions_of(device=device):
            txn.sessions.remove(token_hash)

    def _void_keys_at(self, txn: Transaction, device: str) -> None:
        """Keys that work at a device only are taken away with it: who puts in one of that name means another
        machine, or makes them anew.
        """
        for name, key in list(txn.keys.all()):
            if key.device == device and not key.revoked:
                key.revoked = True
                txn.keys.put(name, key)
                self.guard.put_key(key)
                self.audit.add(txn, Entry("key", device=device, reason=f"revoked {key.name} with its device"))

    def list_devices(
        self, _call: Call, _asked: pb.ListEnrolledDevicesRequest
    ) -> pb.ListEnrolledDevicesResponse:
        """AccessService.ListEnrolledDevices."""
        with self.store.read() as txn:
            devices = [_device_message(device) for _, device in txn.devices.all()]
        return pb.ListEnrolledDevicesResponse(devices=devices)

    def revoke_device(self, call: Call, asked: pb.RevokeDeviceRequest) -> pb.RevokeDeviceResponse:
        """AccessService.RevokeDevice."""
        with self.store.write() as txn:
            device = txn.devices.get(asked.name)
            if device is None:
                raise not_found("device", asked.name)
            check_decides_device(txn, call.actor, device, device)
            device.revoked, device.certificates = True, {}
            txn.devices.put(device.name, device)
            self._end_sessions(txn, device.name)
            self._void_keys_at(txn, device.name)
            for code_hash, code in list(txn.codes.all()):
                if code.device == device.name:
                    txn.codes.remove(code_hash)
            self.audit.add(txn, Entry("device", call.actor, device.name, reason="revoked"))
            self.guard.put_device(device)
        return pb.RevokeDeviceResponse()

    # --- Sessions ---

    def open_session(self, call: Call, asked: pb.OpenSessionRequest) -> pb.OpenSessionResponse:
        """AccessService.OpenSession."""
        token, session, user, locations = self._logins.open(call, asked.user, asked.pin)
        response = pb.OpenSessionResponse(token=token, roles=user.roles, location_ids=locations or [])
        response.expire_time.FromSeconds(session.expires_s)
        response.end_time.FromSeconds(session.end_s)
        return response

    def renew_session(self, call: Call, _asked: pb.RenewSessionRequest) -> pb.RenewSessionResponse:
        """AccessService.RenewSession."""
        response = pb.RenewSessionResponse()
        response.expire_time.FromSeconds(self._logins.renew(call).expires_s)
        return response

    def close_session(self, call: Call, _asked: pb.CloseSessionRequest) -> pb.CloseSessionResponse:
        """AccessService.CloseSession."""
        self._logins.close(call)
        return pb.CloseSessionResponse()

    # --- People ---

    def set_pin(self, call: Call, asked: pb.SetPinRequest) -> pb.SetPinResponse:
        """AccessService.SetPin."""
        name = asked.user or call.actor
        if name == call.actor:
            self._logins.check_own_pin(call, asked.old_pin)
        else:
            self._check_sets_pin(call, name)
        pin_hash = self._new_pin(name, asked.pin)
        with self.store.write() as txn:
            user = txn.users.get(name)
            if user is None:
                raise not_found("user", name)
            user.pin_hash = pin_hash
            txn.users.put(name, user)
            self.audit.add(txn, Entry("pin", call.actor, call.device, reason=f"of {name}"))
            self.guard.forget(txn, name)
        return pb.SetPinResponse()

    def _check_sets_pin(self, call: Call, name: str) -> None:
        with self.store.read() as txn:
            setter, user = txn.users.get(call.actor), txn.users.get(name)
            # Whether there is such a user is for those in charge only.
            if setter is None or not self._methods[PREFIX + "CreateUser"].lets(map(Role, setter.roles)):
                raise beyond("Another's PIN is set by managers and owners.")
            if user is None:
                raise not_found("user", name)
            check_decides(txn, call.actor, user)

    def _new_pin(self, name: str, pin: str) -> str:
        if wrong := pins.weakness(pin):
            raise field_error("FIELD_MALFORMED", "pin", wrong)
        return self._pins.hash(name, pin)

    def create_user(self, call: Call, asked: pb.CreateUserRequest) -> pb.CreateUserResponse:
        """AccessService.CreateUser."""
        user = self.new_user(asked.user, asked.pin)
        with self.store.write() as txn:
            check_decides(txn, call.actor, user)
            if txn.users.get(user.name) is not None:
                raise taken("user", user.name)
            txn.users.put(user.name, user)
            self.audit.add(txn, Entry("user", call.actor, call.device, reason=f"made {_words(user)}"))
        return pb.CreateUserResponse(user=_user_message(user))

    def new_user(self, said: pb.User, pin: str) -> User:
        """A user as described, or the refusal."""
        check_name(said.name, "user.name")
        user = User(said.name, person_roles(said.roles), check_places(said.location_ids, "user.location_ids"))
        user.disabled = said.disabled
        user.pin_hash = self._new_pin(user.name, pin) if pin else ""
        return user

    def add_owner(self, name: str, pin: str) -> None:
        """Makes an owner on the server's own machine, or gives one a new PIN. A server that runs beside ends
        the sessions of before.
        """
        user = self.new_user(pb.User(name=name, roles=["owner"]), pin)
        with self.store.write() as txn:
            before = txn.users.get(name)
            user.generation = before.generation + 1 if before is not None else 0
            for token_hash, _ in txn.sessions_of(user=name):
                txn.sessions.remove(token_hash)
            txn.users.put(name, user)
            self.audit.add(txn, Entry("user", SERVER, reason=f"made {_words(user)}"))

    def update_user(self, call: Call, asked: pb.UpdateUserRequest) -> pb.UpdateUserResponse:
        """AccessService.UpdateUser."""
        becomes = self.new_user(asked.user, "")
        with self.store.write() as txn:
            user = txn.users.get(becomes.name)
            check_decides(txn, call.actor, user or becomes, becomes)
            if user is None:
                raise not_found("user", becomes.name)
            becomes.pin_hash, becomes.generation = user.pin_hash, user.generation
            check_owner_left(txn, becomes)
            txn.users.put(becomes.name, becomes)
            self.audit.add(txn, Entry("user", call.actor, call.device, reason=f"changed {_words(becomes)}"))
            if becomes.disabled or not IN_CHARGE & set(becomes.roles):
                for code_hash, code in list(txn.codes.all()):
                    if code.made_by == becomes.name:
                        txn.codes.remove(code_hash)
            self.guard.forget(txn, becomes.name)
        return pb.UpdateUserResponse(user=_user_message(becomes))

    def list_users(self, _call: Call, _asked: pb.ListUsersRequest) -> pb.ListUsersResponse:
        """AccessService.ListUsers."""
        with self.store.read() as txn:
            return pb.ListUsersResponse(users=[_user_message(user) for _, user in txn.users.all()])

    # --- Other programs ---

    def create_api_key(self, call: Call, asked: pb.CreateApiKeyRequest) -> pb.CreateApiKeyResponse:
        """AccessService.CreateApiKey."""
        said = asked.key
        check_name(said.name, "key.name")
        scopes = sorted(set(said.scopes))
        if unknown := set(scopes) - self._methods.scopes:
            known = ", ".join(sorted(self._methods.scopes))
            words = f"{min(unknown)!r} is no scope. There are: {known}."
            raise field_error("FIELD_MALFORMED", "key.scopes", words)
        if not scopes:
            raise field_error("FIELD_REQUIRED", "key.scopes", "A key without a scope may do nothing.")
        now = self._now()
        expires_s = said.expire_time.seconds or now + KEY_S
        if not now < expires_s <= now + KEY_MAX_S:
            raise field_error("FIELD_OUT_OF_RANGE", "key.expire_time", "A key ends within 366 days.")
        if not 0 <= said.calls_per_second <= PER_SECOND_MAX:
            words = f"A key makes at most {PER_SECOND_MAX:,} calls a second."
            raise field_error("FIELD_OUT_OF_RANGE", "key.calls_per_second", words)
        places = check_places(said.location_ids, "key.location_ids")
        secret, per_second = pins.new_key(), said.calls_per_second or KEY_PER_SECOND
        key = ApiKey(said.name, pins.digest(secret), scopes, places, expires_s, said.device, per_second)
        with self.store.write() as txn:
            if txn.keys.get(key.name) is not None:
                raise taken("key", key.name)
            if key.device and txn.devices.get(key.device) is None:
                raise not_found("device", key.device)
            txn.keys.put(key.name, key)
            self.audit.add(
                txn, Entry("key", call.actor, call.device, reason=f"made {key.name}: {', '.join(scopes)}")
            )
            self.guard.put_key(key)
        return pb.CreateApiKeyResponse(secret=secret, key=_key_message(key))

    def list_api_keys(self, _call: Call, _asked: pb.ListApiKeysRequest) -> pb.ListApiKeysResponse:
        """AccessService.ListApiKeys."""
        with self.store.read() as txn:
            return pb.ListApiKeysResponse(keys=[_key_message(key) for _, key in txn.keys.all()])

    def revoke_api_key(self, call: Call, asked: pb.RevokeApiKeyRequest) -> pb.RevokeApiKeyResponse:
        """AccessService.RevokeApiKey."""
        with self.store.write() as txn:
            key = txn.keys.get(asked.name)
            if key is None:
                raise not_found("key", asked.name)
            key.revoked = True
            txn.keys.put(key.name, key)
            self.audit.add(txn, Entry("key", call.actor, call.device, reason=f"revoked {key.name}"))
            self.guard.put_key(key)
        return pb.RevokeApiKeyResponse()

    # --- The log ---

    def list_audit(self, _call: Call, asked: pb.ListAuditRequest) -> pb.ListAuditResponse:
        """AccessService.ListAudit."""
        if asked.page_size < 0 or asked.before < 0:
            raise field_error("FIELD_OUT_OF_RANGE", "page_size", "A page has at least one entry.")
        with suppress(OSError, lmdb.Error):
            self.upkeep.write_refusals()
        limit = min(asked.page_size or LINES, LINES_MAX)
        response = pb.ListAuditResponse()
        with self.store.read() as txn:
            for line in newest(txn, asked.before, limit):
                said = line.entry
                entry = response.entries.add(
                    number=line.number,
                    kind=said.kind,
                    actor=said.actor,
                    device=said.device,
                    method=said.method,
                    reason=said.reason,
                    count=said.count,
                    hash=line.seal.hex(),
                )
                entry.time.FromMilliseconds(said.time_ms)
        return response


def _words(user: User) -> str:
    where = f" at {', '.join(map(str, user.locations))}" if user.locations else ""
    disabled = ", disabled" if user.disabled else ""
    return f"{user.name}: {', '.join(user.roles)}{where}{disabled}"


def _user_message(user: User) -> pb.User:
    return pb.User(
        name=user.name,
        roles=user.roles,
        location_ids=user.locations,
        disabled=user.disabled,
        has_pin=bool(user.pin_hash),
    )


def _device_message(device: Device) -> pb.EnrolledDevice:
    message = pb.EnrolledDevice(
        name=device.name,
        location_id=device.location_id,
        roles=device.roles,
        fingerprints=list(device.certificates),
        revoked=device.revoked,
    )
    if device.certificates:
        message.expire_time.FromSeconds(max(device.certificates.values()))
    return message


def _key_message(key: ApiKey) -> pb.ApiKey:
    message = pb.ApiKey(
        name=key.name,
        scopes=key.scopes,
        location_ids=key.locations,
        device=key.device,
        calls_per_second=key.per_second,
        revoked=key.revoked,
    )
    message.expire_time.FromSeconds(key.expires_s)
    return message
