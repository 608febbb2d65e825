"""Keeps the server's table of who is let in (`engine.rpc.RpcAccess`) as the store says, and hands over what
it refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.rpc import Given, RpcAccess, RpcServer
from server.access.audit import Entry
from server.access.people import IN_CHARGE
from server.access.refusals import Refusals
from server.access.store import ApiKey, Device, Session, Transaction, User
from server.access.table import HEALTH, HEALTH_WATCH, Door, Methods, Role

# What was done at a device may be sent from there so long after who did it was last logged in there.
STAND_IN_S = 7 * 86_400
# Calls a second: of a person or a device, and of another program that says nothing else.
PERSON_PER_SECOND = 200
DEVICE_PER_SECOND = 500
KEY_PER_SECOND = 50


@dataclass(frozen=True)
class Login:
    """A session under way, and what it was opened with."""

    token_hash: bytes
    session: Session
    user: User
    locations: list[int] | None


def places_of(user_locations: Iterable[int], device_location: int) -> list[int] | None:
    """Where somebody may work at a device; None: everywhere, empty: nowhere."""
    own = list(user_locations)
    if not device_location:
        return own or None
    return [device_location] if not own or device_location in own else []


def _person(user: User, device: Device, methods: list[str], expires_s: int) -> Given:
    """What somebody may do at a device."""
    return Given(
        user.name,
        device.name,
        methods=methods,
        locations=places_of(user.locations, device.location_id),
        expires_ms=expires_s * 1000,
        per_second=PERSON_PER_SECOND,
        rank="in_charge" if IN_CHARGE & set(user.roles) else "staff",
    )


class Guard:
    """The server's side of the table. From any thread."""

    def __init__(self, methods: Methods, refusals: Refusals) -> None:
        self._methods = methods
        self._refusals = refusals
        self._table: RpcAccess | None = None
        self._at_hand = [*methods.behind(Door.DEVICE), HEALTH_WATCH]
        self._logged_in = methods.behind(Door.SESSION)
        self._deferred = [row.method for row in methods if row.deferred]

    def watch(self, server: RpcServer) -> None:
        """Guards a server, once it has all its methods and before it starts."""
        places = [
            (row.method, place.record, list(place.path), place.optional, place.repeated)
            for row in self._methods
            for place in row.places
        ]
        strangers = [*self._methods.behind(Door.STRANGER), HEALTH]
        scopes = [(row.method, row.scope) for row in self._methods if row.scope]
        self._table = server.guard(strangers, self._at_hand, self._deferred, places, scopes)

    def load(self, txn: Transaction) -> None:
        """Lets everybody in whom the store knows."""
        for _, device in txn.devices.all():
            self.put_device(device)
        for _, key in txn.keys.all():
            self.put_key(key)
        for token_hash, session in txn.sessions.all():
            self.put_session(txn, token_hash, session)
        self._put_visits(txn)

    @property
    def table(self) -> RpcAccess:
        """The native table."""
        assert self._table is not None, "watched"
        return self._table

    def put_device(self, device: Device) -> None:
        """A device's certificates are good; or it is out."""
        if device.revoked:
            self.table.remove_device(device.name)
            return
        for fingerprint, expires_s in device.certificates.items():
            self._put_certificate(device, fingerprint, expires_s)

    def _put_certificate(self, device: Device, fingerprint: str, expires_s: int) -> None:
        allowed = self._methods.allowed(Role(role) for role in device.roles)
        given = Given(
            f"device:{device.name}",
            device.name,
            methods=[*self._at_hand, *allowed],
            locations=[device.location_id] if device.location_id else None,
            expires_ms=expires_s * 1000,
            per_second=DEVICE_PER_SECOND,
        )
        self.table.set_device(bytes.fromhex(fingerprint), given)

    def drop_certificates(self, device: Device, fingerprints: Iterable[str]) -> None:
        """Certificates of a device are over at once."""
        for fingerprint in fingerprints:
            self._put_certificate(device, fingerprint, 0)

    def put_all_of(self, txn: Transaction, device: Device) -> None:
        """A device is in, with what is bound to it: its keys, and who worked there. Sessions are over where
        it was out.
        """
        self.put_device(device)
        for _, key in txn.keys.all():
            if key.device == device.name:
                self.put_key(key)
        self._put_visits(txn, device=device.name)

    def put_key(self, key: ApiKey) -> None:
        """A key is good; or it is void."""
        if key.revoked:
            self.table.remove_token(key.hash)
            return
        given = Given(
            f"key:{key.name}",
            key.device,
            methods=self._methods.allowed([Role.INTEGRATOR], key.scopes),
            locations=key.locations or None,
            expires_ms=key.expires_s * 1000,
            per_second=key.per_second or KEY_PER_SECOND,
        )
        self.table.set_token(key.hash, given)

    def put_session(self, txn: Transaction, token_hash: bytes, session: Session) -> None:
        """Somebody is logged in."""
        user, device = txn.users.get(session.user), txn.devices.get(session.device)
        if user is None or device is None or user.disabled or device.revoked:
            return
        methods = [*self._logged_in, *self._methods.allowed(Role(role) for role in user.roles)]
        self.table.set_token(token_hash, _person(user, device, methods, session.expires_s))

    def put_visit(self, txn: Transaction, user_name: str, device_name: str, last_s: int) -> None:
        """What somebody did at a device may be sent from there, though somebody else is logged in by then;
        but nobody sends for who is in charge who is not. Who was disabled since did it all the same.
        """
        user, device = txn.users.get(user_name), txn.devices.get(device_name)
        if user is None or device is None or device.revoked:
            return
        allowed = set(self._methods.allowed(Role(role) for role in user.roles))
        methods = [method for method in self._deferred if method in allowed]
        self.table.set_stand_in(_person(user, device, methods, last_s + STAND_IN_S))

    def load_again(self, txn: Transaction, user_name: str) -> None:
        """Of somebody's sessions those are good that the store knows, and no others."""
        self.table.remove_actor(user_name)
        for token_hash, session in txn.sessions_of(user=user_name):
            self.put_session(txn, token_hash, session)
        self._put_visits(txn, user=user_name)

    def _put_visits(self, txn: Transaction, *, user: str = "", device: str = "") -> None:
        for visit in txn.visits_of(user=user, device=device):
            self.put_visit(txn, visit.user, visit.device, visit.last_s)

    def forget(self, txn: Transaction, user_name: str) -> None:
        """Somebody's sessions end, since what they may has changed."""
        for token_hash, _ in txn.sessions_of(user=user_name):
            txn.sessions.remove(token_hash)
        self.load_again(txn, user_name)

    def take_denials(self) -> None:
        """Hands over what was refused at the door since the last time."""
        rows, untold = self.table.take_denials()
        for method, reason, actor, device, peer, count, since_ms in sorted(rows, key=lambda row: row[6]):
            self._refusals.add(Entry("denied", actor, device, method, reason, peer, count, since_ms))
        self._refusals.add_untold(untold)
