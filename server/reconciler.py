"""Matching by itself, for the bank accounts whose rules say so: proposals when mutations or orders change,
and their confirmation where the matcher is sure and the shop allows it.
"""

import asyncio
import uuid
from collections.abc import Iterable

from engine import Code, Engine, EngineError
from kasir.v1 import reconciliation_pb2, watch_pb2
from server.journal import JournalClock
from server.logs import Logger

# Who acts, as the journal names it.
ACTOR = "kasir-matcher"
# Changes that follow each other closely are looked at together.
SETTLE_S = 0.2
# Orders change all day; unmatched money is looked at again this often because of them.
ORDERS_PACE_S = 2.0
# After something went wrong.
PAUSE_S = 5.0
PAGE_RECORDS = 500

SERVICE = "/kasir.v1.ReconciliationService/"


class Reconciler:
    """Follows the journal and runs the matchers. One run at a time: none waits behind another for long."""

    def __init__(self, engine: Engine, clock: JournalClock, log: Logger) -> None:
        self.engine = engine
        self.clock = clock
        self.log = log
        # Accounts with money in that nothing explained when they were looked at last.
        self._unmatched: set[int] = set()

    async def run(self) -> None:
        """Runs until it is cancelled or the engine stops."""
        loop = asyncio.get_running_loop()
        # Everything once: what came while no server ran.
        seen, looked = self.engine.revision(), loop.time()
        due, orders = True, False
        while self.clock.failure is None and not self.clock.stopping:
            try:
                if due or (orders and self._unmatched and loop.time() - looked >= ORDERS_PACE_S):
                    everything, due, orders = due, False, False
                    await self._accounts(everything=everything)
                    looked = loop.time()
                await self.clock.wait(seen, ORDERS_PACE_S)
                await asyncio.sleep(SETTLE_S)
                orders = orders or self._orders_changed(seen)
                seen, due = self._changed(seen)
            except EngineError as error:
                if error.code is Code.OUT_OF_RANGE:
                    # The journal was trimmed beyond what was seen.
                    seen, due = self.engine.revision(), True
                elif error.reason == "WRITER_STOPPED":
                    return
                else:
                    self.log.warning("matching failed", reason=error.reason, message=error.message)
                    await asyncio.sleep(PAUSE_S)
                    due = True

    def _changed(self, after: int) -> tuple[int, bool]:
        """The last revision, and whether somebody else changed mutations or rules since."""
        resources = (watch_pb2.RESOURCE_MUTATION, watch_pb2.RESOURCE_SETTING)
        due = False
        last = self.engine.revision()
        while after < last:
            page = self.engine.read_changes(after, PAGE_RECORDS, resources)
            records = watch_pb2.WatchResponse.FromString(page.response).records
            due = due or any(record.actor != ACTOR for record in records)
            after = page.revision
        return after, due

    def _orders_changed(self, after: int) -> bool:
        """Whether an order changed since, as far as one look tells; the next look goes on from here."""
        return bool(self.engine.read_changes(after, 1, [watch_pb2.RESOURCE_ORDER]).records)

    async def _accounts(self, *, everything: bool) -> None:
        for account in self._listed():
            rules = account.matching_rules
            account_id = account.bank_account_id
            if not rules.propose_by_itself:
                self._unmatched.discard(account_id)
            elif everything or account_id in self._unmatched:
                await self._propose(account_id)
                if rules.confirm_by_itself:
                    await self._confirm(account_id)

    def _listed(self) -> Iterable[reconciliation_pb2.BankAccount]:
        reply = self.engine.query(SERVICE + "ListBankAccounts", b"")
        return reconciliation_pb2.ListBankAccountsResponse.FromString(reply).bank_accounts

    async def _propose(self, account_id: int) -> None:
        more = True
        while more:
            request = reconciliation_pb2.ProposeMatchesRequest(
                request_id=str(uuid.uuid4()), bank_account_id=account_id
            )
            reply = reconciliation_pb2.ProposeMatchesResponse.FromString(
                await self.engine.submit(SERVICE + "ProposeMatches", request.SerializeToString(), ACTOR)
            )
            more = reply.more
            if reply.auto or reply.suggested or reply.withdrawn:
                self.log.info(
                    "matched",
                    account=account_id,
                    auto=reply.auto,
                    suggested=reply.suggested,
                    withdrawn=reply.withdrawn,
                    unmatched=reply.unmatched,
                )
            if more:
                # Somebody changes the same orders: their turn first.
                await asyncio.sleep(SETTLE_S)
        if reply.unmatched:
            self._unmatched.add(account_id)
        else:
            self._unmatched.discard(account_id)

    async def _confirm(self, account_id: int) -> None:
        more = True
        while more:
            request = reconciliation_pb2.ConfirmMatchesRequest(
                request_id=str(uuid.uuid4()), bank_account_id=account_id, all_auto=True
            )
            reply = reconciliation_pb2.ConfirmMatchesResponse.FromString(
                await self.engine.submit(SERVICE + "ConfirmMatches", request.SerializeToString(), ACTOR)
            )
            done = sum(not result.HasField("error") for result in reply.results)
            if done:
                self.log.info("confirmed", account=account_id, mutations=done)
            # Those that were refused rest on what changed: the next run proposes them anew.
            more = reply.more and (done > 0 or not reply.results)
