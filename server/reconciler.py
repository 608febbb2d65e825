"""Matching by itself, for the bank accounts whose rules say so: proposals when mutations or orders change,
and their confirmation where the matcher is sure and the shop allows it.
"""

import asyncio
import math
import uuid
from collections.abc import Iterable

from engine import Code, Engine, EngineError
from kasir.v1 import reconciliation_pb2, watch_pb2
from server.arriving import Arriving
from server.journal import JournalClock
from server.logs import Logger

# Who acts, as the journal names it.
ACTOR = "kasir-matcher"
# Changes that follow each other closely are looked at together.
SETTLE_S = 0.2
# Orders change all day; money that waits is looked at again this often because of them.
ORDERS_PACE_S = 2.0
# Rows that follow each other so closely are of one statement: nothing is confirmed by half of it.
QUIET_S = 1.0
# After something went wrong.
PAUSE_S = 5.0
PAGE_RECORDS = 500
# What brings money in.
NEWS = frozenset({"MutationImported", "MutationPosted"})

SERVICE = "/kasir.v1.ReconciliationService/"


class Reconciler:
    """Follows the journal and runs the matchers. One run at a time: none waits behind another for long."""

    def __init__(self, engine: Engine, clock: JournalClock, log: Logger, arriving: Arriving) -> None:
        self.engine = engine
        self.clock = clock
        self.log = log
        self.arriving = arriving
        # Accounts with money in that nobody had decided on when they were looked at last.
        self._waiting: set[int] = set()
        # Those whose sure matches are confirmed when all their rows are there.
        self._put_off: set[int] = set()
        # Those whose last run failed, and when they are tried again.
        self._failed: set[int] = set()
        self._retry_at = -math.inf
        self._news_at = -math.inf

    async def run(self) -> None:
        """Runs until it is cancelled or the engine stops."""
        loop = asyncio.get_running_loop()
        # Everything once: what came while no server ran.
        seen, looked = self.engine.revision(), loop.time()
        due, orders = True, False
        while self.clock.failure is None and not self.clock.stopping:
            try:
                accounts = self._ready() | (self._failed if loop.time() >= self._retry_at else set())
                if orders and loop.time() - looked >= ORDERS_PACE_S:
                    accounts |= self._waiting
                if due or accounts:
                    everything, due = due, False
                    orders = orders and not (everything or accounts >= self._waiting)
                    await self._accounts(None if everything else accounts)
                    looked = loop.time()
                await self.clock.wait(seen, QUIET_S if self._put_off else ORDERS_PACE_S)
                await asyncio.sleep(SETTLE_S)
                orders = orders or self.engine.may_have_changed(seen, [watch_pb2.RESOURCE_ORDER])
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
            for record in watch_pb2.WatchResponse.FromString(page.response).records:
                due = due or record.actor != ACTOR
                if any(change.event in NEWS for change in record.changes):
                    self._news_at = asyncio.get_running_loop().time()
            after = page.revision
        return after, due

    def _ready(self) -> set[int]:
        """Accounts whose confirmation was put off and has to wait no longer."""
        return {account_id for account_id in self._put_off if not self._is_arriving(account_id)}

    def _is_arriving(self, account_id: int) -> bool:
        """Whether more rows of the account's statement may come."""
        quiet_s = asyncio.get_running_loop().time() - self._news_at
        return account_id in self.arriving or quiet_s < QUIET_S

    async def _accounts(self, chosen: set[int] | None) -> None:
        """Looks at accounts, all or the chosen ones. What fails with one of them is tried again later, and
        keeps no other waiting.
        """
        for account in self._listed():
            account_id = account.bank_account_id
            if chosen is not None and account_id not in chosen:
                continue
            self._failed.discard(account_id)
            self._put_off.discard(account_id)
            try:
                await self._account(account_id, account.matching_rules)
            except EngineError as error:
                if error.reason == "WRITER_STOPPED":
                    raise
                self.log.warning(
                    "matching failed", account=account_id, reason=error.reason, message=error.message
                )
                self._failed.add(account_id)
                self._retry_at = asyncio.get_running_loop().time() + PAUSE_S

    async def _account(self, account_id: int, rules: reconciliation_pb2.MatchingRules) -> None:
        self._waiting.discard(account_id)
        if not rules.propose_by_itself:
            return
        looked_at = await self._propose(account_id)
        if rules.confirm_by_itself:
            await self._confirm(account_id, looked_at)
        if self._has_waiting(account_id):
            self._waiting.add(account_id)

    def _has_waiting(self, account_id: int) -> bool:
        """Whether the account has money in that nobody has decided on, proposed or not."""
        for state in (
            reconciliation_pb2.MUTATION_STATE_POSTED,
            reconciliation_pb2.MUTATION_STATE_PROPOSED,
        ):
            request = reconciliation_pb2.ListMutationsRequest(
                bank_account_id=account_id, state=state, page_size=1
            )
            reply = self.engine.query(SERVICE + "ListMutations", request.SerializeToString())
            if reconciliation_pb2.ListMutationsResponse.FromString(reply).mutations:
                return True
        return False

    def _listed(self) -> Iterable[reconciliation_pb2.BankAccount]:
        reply = self.engine.query(SERVICE + "ListBankAccounts", b"")
        return reconciliation_pb2.ListBankAccountsResponse.FromString(reply).bank_accounts

    async def _propose(self, account_id: int) -> int:
        """Runs the account's matcher to its end. Returns a revision that the last run knew."""
        more = True
        while more:
            known = self.engine.revision()
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
        return known

    async def _confirm(self, account_id: int, looked_at: int) -> None:
        """Confirms what is sure, if no run has yet to look at more money. An order that changed since refuses
        its own proposal.
        """
        more = True
        while more:
            looked_at, unseen = self._changed(looked_at)
            if unseen or self._is_arriving(account_id):
                self._put_off.add(account_id)
                return
            request = reconciliation_pb2.ConfirmMatchesRequest(
                request_id=str(uuid.uuid4()), bank_account_id=account_id, all_auto=True
            )
            reply = reconciliation_pb2.ConfirmMatchesResponse.FromString(
                await self.engine.submit(SERVICE + "ConfirmMatches", request.SerializeToString(), ACTOR)
            )
            done = sum(not result.HasField("error") for result in reply.results)
            if done:
                self.log.info("confirmed", account=account_id, mutations=done)
            # Those that were refused wait: the run that follows a change of their order proposes them anew.
            more = reply.more and (done > 0 or not reply.results)
