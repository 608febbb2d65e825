"""Logging in and out: sessions at a device, and the lock-out of who guesses."""

import time
from collections.abc import Callable

from engine import Code, EngineError
from server.access import pins
from server.access.audit import Audit, Entry
from server.access.guard import Guard, places_of
from server.access.pins import Pins
from server.access.store import Lock, Session, Store, Transaction, User, Visit
from server.calls import Call

# A session is void after so long without a renewal, and ends for good.
SESSION_S = 15 * 60
SESSION_MAX_S = 12 * 3600
# Wrong PINs that cost nothing; after each further one twice as long a wait as the time before.
FREE_GUESSES = 5
LOCK_S, LOCK_MAX_S = 60, 3600
# The same for all users at one device together, against who tries one PIN on many.
DEVICE_GUESSES = 30
# A device's are forgiven one by one, each so long after the last: a busy till never has a day without any.
FORGIVEN_S = 3600


class Logins:
    """Opens, renews and ends sessions. In one thread."""

    def __init__(
        self, store: Store, guard: Guard, audit: Audit, keeper: Pins, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._guard = guard
        self._audit = audit
        self._pins = keeper
        self._clock = clock

    def _now(self) -> int:
        return int(self._clock())

    def open(self, call: Call, user_name: str, pin: str) -> tuple[str, Session, User, list[int] | None]:
        """Logs somebody in at the call's device: the token, told once."""
        with self._store.read() as txn:
            self._check_locked(txn, call, user_name)
            user, device = txn.users.get(user_name), txn.devices.get(call.device)
        kept = user.pin_hash if user is not None and not user.disabled else ""
        fits = self._pins.fits(user_name, pin[: pins.PIN_MAX + 1], kept)
        if not fits or user is None or device is None:
            self._failed(call, user_name)
            raise EngineError(
                Code.UNAUTHENTICATED, "LOGIN_FAILED", "The name and the PIN do not fit together."
            )
        locations = places_of(user.locations, device.location_id)
        if locations is not None and not locations:
            with self._store.write() as txn:
                entry = Entry(
                    "login_failed", user.name, device.name, reason="works elsewhere", peer=call.host
                )
                self._audit.add(txn, entry)
            raise EngineError(
                Code.PERMISSION_DENIED,
                "LOCATION_DENIED",
                f"{user.name} does not work where this device stands.",
            )
        token, now = pins.new_token(), self._now()
        session = Session(user.name, device.name, now, now + SESSION_S, now + SESSION_MAX_S)
        with self._store.write() as txn:
            _forgive(txn, call.device, user_name)
            txn.sessions.put(pins.digest(token), session)
            txn.visits.put(f"{device.name}\0{user.name}", Visit(user.name, device.name, now))
            self._audit.add(txn, Entry("login", user.name, device.name, peer=call.host))
            self._guard.put_session(txn, pins.digest(token), session)
            self._guard.put_visit(txn, user.name, device.name, now)
        return token, session, user, locations

    def renew(self, call: Call) -> Session:
        """Lets the call's session last on."""
        token = call.token or b""
        with self._store.write() as txn:
            session = txn.sessions.get(token)
            if session is None:
                raise _over()
            session.expires_s = min(self._now() + SESSION_S, session.end_s)
            txn.sessions.put(token, session)
            txn.visits.put(
                f"{session.device}\0{session.user}", Visit(session.user, session.device, self._now())
            )
            self._guard.put_visit(txn, session.user, session.device, self._now())
        if not self._guard.table.renew_token(token, session.expires_s * 1000):
            raise _over()
        return session

    def close(self, call: Call) -> None:
        """Ends the call's session."""
        if call.token is None:
            return
        self._guard.table.remove_token(call.token)
        with self._store.write() as txn:
            txn.sessions.remove(call.token)
            self._audit.add(txn, Entry("logout", call.actor, call.device))

    def check_own_pin(self, call: Call, pin: str) -> None:
        """Refuses who does not know the own PIN; guesses count as at the door."""
        with self._store.read() as txn:
            self._check_locked(txn, call, call.actor)
            user = txn.users.get(call.actor)
        if user is None or not self._pins.fits(user.name, pin, user.pin_hash):
            self._failed(call, call.actor)
            raise EngineError(Code.UNAUTHENTICATED, "LOGIN_FAILED", "That is not the old PIN.")

    def _check_locked(self, txn: Transaction, call: Call, user_name: str) -> None:
        locks = (txn.locks.get(_lock_key(call.device, user_name)), txn.locks.get(_lock_key(call.device)))
        until = max((lock.until_s for lock in locks if lock is not None), default=0)
        left = min(until - self._now(), LOCK_MAX_S)
        if left > 0:
            raise EngineError(
                Code.UNAUTHENTICATED,
                "LOGIN_LOCKED",
                f"Too many wrong PINs. Nobody is let in here for {left} seconds more.",
                {"seconds": str(left)},
            )

    def _failed(self, call: Call, user_name: str) -> None:
        with self._store.write() as txn:
            locked = self._count(txn, _lock_key(call.device, user_name), FREE_GUESSES)
            at_device = _lock_key(call.device)
            lock = txn.locks.get(at_device) or Lock()
            lock.failures = left_of(lock, self._now())
            txn.locks.put(at_device, lock)
            locked = self._count(txn, at_device, DEVICE_GUESSES) or locked
            kind = "login_locked" if locked else "login_failed"
            # Who mistypes may have typed the PIN for the name: what is no user's name is not written down.
            known = txn.users.get(user_name) is not None
            self._audit.add(txn, Entry(kind, user_name if known else "?", call.device, peer=call.host))

    def _count(self, txn: Transaction, key: bytes, free: int) -> bool:
        """Counts a wrong PIN; whether that locks."""
        lock = txn.locks.get(key) or Lock()
        lock.failures += 1
        lock.last_s = self._now()
        over = lock.failures - free
        if over >= 0:
            lock.until_s = self._now() + min(LOCK_S << min(over, 10), LOCK_MAX_S)
        txn.locks.put(key, lock)
        return over >= 0


def left_of(lock: Lock, now_s: int) -> int:
    """How many wrong PINs at a device still count."""
    return max(lock.failures - max(now_s - lock.last_s, 0) // FORGIVEN_S, 0)


def _forgive(txn: Transaction, device: str, user_name: str) -> None:
    """Forgets what somebody mistyped who had the right PIN in the end, and nobody else's guesses."""
    own, at_device = _lock_key(device, user_name), _lock_key(device)
    mistyped, lock = txn.locks.get(own), txn.locks.get(at_device)
    txn.locks.remove(own)
    if mistyped is not None and lock is not None:
        lock.failures = max(lock.failures - mistyped.failures, 0)
        txn.locks.put(at_device, lock)


def _lock_key(device: str, user_name: str = "") -> bytes:
    """Of fixed length: names that are tried may be long."""
    return pins.digest(f"{device}\0{user_name}")


def _over() -> EngineError:
    return EngineError(Code.UNAUTHENTICATED, "SESSION_REQUIRED", "The session is over. Log in again.")
