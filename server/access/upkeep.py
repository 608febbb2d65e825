"""What is done again and again while a server lets in who is known: refusals are written down, what was done
beside is taken up, what is over is erased, and a certificate that ends is told of.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import timedelta

from server.access import certificates
from server.access.ca import Authority
from server.access.guard import STAND_IN_S, Guard
from server.access.login import LOCK_MAX_S
from server.access.refusals import WAITING, Refusals
from server.access.store import Store, Transaction
from server.logs import Logger
from server.settings import SettingsError

# How often refusals are written down, and what is over is erased; seconds.
PACE_S, PRUNE_S = 1.0, 60.0
# Wrong PINs are forgotten so long after the last one.
GUESSES_KEPT_S = 86_400
# How often it is seen whether the server's certificate is to be renewed, and told that it could not be.
RENEW_S, WARN_S = 60.0, 86_400.0
# While a code is out that names the server's certificate, it is renewed only with less than this left.
RENEW_ANYWAY_S = 7 * 86_400


class Upkeep:
    """Of one server's access control."""

    def __init__(
        self,
        authority: Authority,
        store: Store,
        guard: Guard,
        refusals: Refusals,
        log: Logger,
        clock: Callable[[], float],
    ) -> None:
        self._authority = authority
        self._store = store
        self._guard = guard
        self._refusals = refusals
        self._log = log
        self._clock = clock
        self._generations: dict[str, int] = {}
        self._in_the_way: dict[str, str] = {}

    def renew_certificate(self) -> None:
        """The server starts with a certificate that lasts, or with the one that it has where no other can be
        written. Raises SettingsError when that is over.
        """
        try:
            if self._authority.renew_server_in_time():
                self._log.info("server certificate renewed")
        except OSError as error:
            left = self._authority.server_lasts()
            why = f"The server's certificate cannot be renewed: {error}."
            if left <= timedelta():
                raise SettingsError(
                    f"{why} It has expired, and nobody could call. The server's user has to be able to write "
                    f"{self._authority.directory}."
                ) from error
            self._log.warning("server certificate not renewed", warning=why, days_left=left.days)

    def begin(self, txn: Transaction) -> None:
        """The guard was loaded from this."""
        self._generations = _generations(txn)

    async def run(self, thread: Executor) -> None:
        """Does it in a thread, until it is cancelled."""
        tasks: tuple[tuple[str, Callable[[], None], float], ...] = (
            ("refusals", self.write_refusals, 0.0),
            ("changes beside", self._look_beside, 0.0),
            ("erasing", self.prune, PRUNE_S),
            ("certificate", self.renew_in_time, RENEW_S),
            ("certificate's end", self._warn, WARN_S),
        )
        loop, due = asyncio.get_running_loop(), dict.fromkeys((name for name, _, _ in tasks), 0.0)
        while True:
            await asyncio.sleep(PACE_S)
            for name, work, every_s in tasks:
                if loop.time() >= due[name]:
                    await loop.run_in_executor(thread, self._tend, name, work)
                    due[name] = loop.time() + every_s

    def _tend(self, name: str, work: Callable[[], None]) -> None:
        """Does one thing. What is in its way, a full disk say, is told once and may go away."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 (whatever it is, the others are done)
            if str(error) != self._in_the_way.get(name):
                self._log.exception("access upkeep failed", work=name, error=str(error))
            self._in_the_way[name] = str(error)
        else:
            self._in_the_way.pop(name, None)

    def write_refusals(self) -> None:
        """Writes down what was refused up to now, as far as the log takes it this minute. Raises what is in
        the way; then refusals wait.
        """
        self._guard.take_denials()
        self._refusals.write(self._store)

    def write_all_refusals(self) -> None:
        """Writes down all that waits: the server ends."""
        self._guard.take_denials()
        self._refusals.write(self._store, WAITING + 1)

    def prune(self) -> None:
        """Erases what is over: sessions, codes, lock-outs, certificates, visits."""
        now = int(self._clock())
        with self._store.write() as txn:
            for key, session in list(txn.sessions.all()):
                if session.expires_s <= now:
                    txn.sessions.remove(key)
                    self._guard.table.remove_token(key)
            for key, code in list(txn.codes.all()):
                if code.expires_s <= now:
                    txn.codes.remove(key)
            for name, device in list(txn.devices.all()):
                if (good := certificates.good(device, now)) != device.certificates:
                    device.certificates = good
                    txn.devices.put(name, device)
            for key, visit in list(txn.visits.all()):
                if visit.last_s + STAND_IN_S <= now:
                    txn.visits.remove(key)
            _prune_locks(txn, now)

    def renew_in_time(self) -> None:
        """Renews the certificate of a server that runs, which finds it in its file. Raises OSError."""
        if self._authority.is_renewal_due() and not self._is_code_out():
            self._authority.renew_server()
            self._log.info("server certificate renewed")

    def _is_code_out(self) -> bool:
        """Whether a device is about to be enrolled with a code that names the certificate of now."""
        now = int(self._clock())
        with self._store.read() as txn:
            is_out = any(code.expires_s > now for _, code in txn.codes.all())
        return is_out and self._authority.server_lasts().total_seconds() > RENEW_ANYWAY_S

    def _warn(self) -> None:
        if warning := self._authority.server_warning():
            self._log.warning("server certificate expires", warning=warning)

    def _look_beside(self) -> None:
        """Ends the sessions of whoever was given a new PIN on this machine."""
        with self._store.read() as txn:
            found = _generations(txn)
            for name, generation in found.items():
                if self._generations.get(name, 0) != generation:
                    self._guard.load_again(txn, name)
        self._generations = found


def _prune_locks(txn: Transaction, now_s: int) -> None:
    """A lock-out from a time to come, since the clock was set back meanwhile, is held to its length."""
    for key, lock in list(txn.locks.all()):
        if lock.last_s + GUESSES_KEPT_S <= now_s:
            txn.locks.remove(key)
        elif lock.last_s > now_s:
            lock.last_s, lock.until_s = now_s, min(lock.until_s, now_s + LOCK_MAX_S)
            txn.locks.put(key, lock)


def _generations(txn: Transaction) -> dict[str, int]:
    return {user.name: user.generation for _, user in txn.users.all()}
