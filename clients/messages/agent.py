"""Sends each message once.

Before a message leaves, it is reported UNKNOWN, which is what it is from then until the outcome: the engine's
ledger is the agent's only memory. An agent that is killed in between leaves it so; somebody looks and says
(`kasir messages settle`), nobody sends it again by itself. Only a way that repeats without harm (files named
by the message) takes its own up again. Of two agents that claim one message, one is refused.

What surely was not sent is tried again: alone, when it was this message's fault for now; with all others
behind it, when the way is down; with all others of its kind, when the kind's template is not there. When the
way's settings are wrong, the agent stops and says so, and gives nothing up for that. What it had claimed by
then and surely did not send, the next agent takes up.
"""

import heapq
import itertools
import queue
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clients.common.client import Client, Patience
from clients.common.connection import Connection
from clients.common.output import Output
from clients.common.problems import BadInput, CallFailed
from clients.common.shop import Shop
from clients.messages.channel import Channel, Delivery, Sent
from clients.messages.needed import why_not_needed
from clients.messages.texts import Text, Wording
from kasir.v1.customer_pb2 import (
    MESSAGE_STATE_FAILED,
    MESSAGE_STATE_SENT,
    MESSAGE_STATE_UNKNOWN,
    ListMessagesRequest,
    ListMessagesResponse,
    Message,
    MessageKind,
    MessageState,
    ReportMessageRequest,
    ReportMessageResponse,
    WatchMessagesRequest,
    WatchMessagesResponse,
)

MAX_DETAIL_CHARS = 200
# Messages read ahead of what is sent; the stream waits when there are more.
READ_AHEAD = 200
LEFTOVERS_MAX = 10_000
# How soon a stop is noticed.
_STOP_POLL_S = 0.2
# What a report begins with whose message surely was not sent and is left to the next agent.
_KEPT = "not sent, to be taken up"
# Of the ids of reports.
_REPORTS = uuid.UUID("0d1f3c52-91c4-5f0e-8f5c-7b0f8c1a2e63")
_WORDS = {
    MESSAGE_STATE_SENT: "sent",
    MESSAGE_STATE_FAILED: "failed",
    MESSAGE_STATE_UNKNOWN: "unknown",
}
_STATES = {
    Delivery.SENT: MESSAGE_STATE_SENT,
    Delivery.FAILED: MESSAGE_STATE_FAILED,
    Delivery.UNKNOWN: MESSAGE_STATE_UNKNOWN,
}
_KNOWN_KINDS = frozenset(kind for kind in MessageKind.values() if kind)
# Refusals of a report that say that another agent, or somebody, has the message.
_TAKEN = frozenset({"REQUEST_ID_REUSED", "WRONG_STATE", "MESSAGE_NOT_FOUND"})


@dataclass(frozen=True, slots=True)
class Options:
    """How the agent goes about it; times in seconds."""

    tries: int = 6
    """Of one message that is not taken for now, before it is FAILED."""
    pause_s: float = 5.0
    """Before the second try; doubles with each, with jitter."""
    pause_max_s: float = 300.0
    without_template_s: float = 1_800.0
    """Before one of a kind is tried again whose template is not there."""


@dataclass(slots=True, eq=False)
class _Task:
    message: Message
    claim: ReportMessageRequest | None = None
    """As it was made first, so that it is the same when it has to be made again."""
    is_claimed: bool = False
    is_doubtful: bool = False
    """An earlier agent claimed it, and may have sent it: it goes again while it is needed."""
    why_not: str = ""
    """Why it was not sent the last time."""
    tries: int = 0
    waits_for_template: bool = False


class MessagesAgent:
    """Works until it is stopped. `run` blocks; `stop` may be called from any thread."""

    def __init__(
        self,
        connection: Connection,
        channels: Sequence[Channel],
        wording: Wording,
        options: Options | None = None,
        *,
        patience: Patience | None = None,
        on_report: Callable[[Message], None] = lambda _message: None,
    ) -> None:
        """`channels`: the first that leads to a customer is taken."""
        self._connection = connection
        self._channels = channels
        self._wording = wording
        self._options = options or Options()
        self._patience = patience or Patience()
        self._on_report = on_report
        self._stream = Client(connection, patience=self._patience)
        self._arrived: queue.Queue[Message | Exception | None] = queue.Queue(READ_AHEAD)
        self._due: list[tuple[float, int, _Task]] = []
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._down_until = 0.0
        self._failures = 0
        # Until when messages of a kind wait on a way that lacks their template
        self._without_template: dict[tuple[str, int], float] = {}
        self._counts: Counter[str] = Counter()
        self._wrong = ""

    def run(self, *, drain: bool = False) -> None:
        """Sends until `stop`; `drain`: until all that waits has been sent. Raises CallFailed when refused,
        BadInput when a way's settings have to be mended first.
        """
        reader = threading.Thread(target=self._read, name="messages", daemon=True)
        reader.start()
        listed = False
        with Client(self._connection, patience=self._patience) as client:
            for task in self._leftovers(client):
                self._put(task, 0.0)
            while not self._stopping.is_set():
                if drain and listed and all(task.waits_for_template for _, _, task in self._due):
                    break
                pause_s = self._pause_s()
                if pause_s <= 0:
                    self._work(heapq.heappop(self._due)[2], client)
                    # What arrived meanwhile waits its turn behind it.
                    pause_s = 0.0
                listed |= self._take(min(pause_s, 1.0))
            self._keep(client)
        self.stop()
        reader.join(self._patience.timeout_s)
        if self._wrong:
            raise BadInput(f"{self._wrong}. Mend the settings: what waits is kept.")

    def stop(self) -> None:
        """Finishes the message under way and lets `run` return."""
        self._stopping.set()
        self._stream.close()

    def counts(self) -> dict[str, int]:
        """How many became what."""
        return dict(self._counts)

    # -- what arrives --------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            for reply in self._stream.watch(WatchMessagesRequest(), WatchMessagesResponse):
                self._arrive(reply.message if reply.HasField("message") else None)
        except (CallFailed, ValueError) as ended:  # ValueError: the line was closed under it
            self._arrive(ended)

    def _arrive(self, found: Message | Exception | None) -> None:
        """Hands over what came, when there is room; nobody takes it after a stop."""
        while not self._stopping.is_set():
            try:
                self._arrived.put(found, timeout=_STOP_POLL_S)
            except queue.Full:
                continue
            return

    def _take(self, timeout_s: float) -> bool:
        """Takes what has arrived, or waits for something; whether all that waited has been listed."""
        listed = False
        try:
            found = self._arrived.get(timeout=timeout_s) if timeout_s > 0 else self._arrived.get_nowait()
            while True:
                if isinstance(found, Exception):
                    if self._stopping.is_set():
                        return listed
                    raise found
                if found is None:
                    listed = True
                else:
                    # A stream that was opened again brings what is still queued once more; of two claims of
                    # one message one is refused.
                    self._put(_Task(found), 0.0)
                found = self._arrived.get_nowait()
        except queue.Empty:
            return listed

    def _leftovers(self, client: Client) -> list[_Task]:
        """What earlier agents surely did not send, or claimed for a way on which it may go again."""
        marks = {self._claim_words(channel) for channel in self._channels if channel.repeats}
        shop = Shop(client, Output(as_json=True))
        request = ListMessagesRequest(state=MESSAGE_STATE_UNKNOWN)
        found = reversed(shop.pages(request, ListMessagesResponse, "messages", LEFTOVERS_MAX))
        tasks = []
        for message in found:
            if message.detail.startswith(_KEPT):
                tasks.append(_Task(message))
            elif message.detail in marks:
                tasks.append(_Task(message, is_claimed=True, is_doubtful=True))
        return tasks

    def _put(self, task: _Task, pause_s: float) -> None:
        self._put_at(task, time.monotonic() + pause_s)

    def _put_at(self, task: _Task, due_s: float) -> None:
        heapq.heappush(self._due, (due_s, next(self._numbers), task))

    def _pause_s(self) -> float:
        """Until the next task may be worked on; long when there is none."""
        if not self._due:
            return 3600.0
        return max(self._due[0][0], self._down_until) - time.monotonic()

    # -- one message ---------------------------------------------------------------------------------------

    def _work(self, task: _Task, client: Client) -> None:
        """One try: claim, send, report."""
        message = task.message
        if message.kind not in _KNOWN_KINDS:
            self._end(task, client, Sent(Delivery.FAILED, "this agent is too old to know what it tells"))
            return
        way = next(((each, to) for each in self._channels if (to := each.reaches(message))), None)
        if way is None:
            beside = f", nor to '{message.email}'" if message.email else ""
            self._end(task, client, Sent(Delivery.FAILED, f"no way leads to this customer{beside}"))
            return
        channel, recipient = way
        until = self._without_template.get((channel.name, message.kind), 0.0)
        task.waits_for_template = until > time.monotonic()
        if task.waits_for_template:
            self._put_at(task, until)
            return
        text = self._claimed(task, channel, client)
        if text is not None:
            self._went(task, channel, channel.send(message, text, recipient), client)

    def _claimed(self, task: _Task, channel: Channel, client: Client) -> Text | None:
        """Claims a message; what it says. None when it is not sent now, which is seen to."""
        message = task.message
        # A new view of the shop each time: orders go on, and its name and couriers change within weeks.
        shop = Shop(client, Output(as_json=True))
        try:
            if why_not := why_not_needed(shop, message):
                self._end(task, client, _not_needed(task, why_not))
                return None
            text = self._wording.text(shop, message)
            if not task.is_claimed:
                task.claim = task.claim or self._claim(message, channel)
                self._report(message, client, task.claim)
                task.is_claimed = True
        except CallFailed as failed:
            if failed.reason in _TAKEN:
                self._counts["dropped"] += 1
            elif failed.settled:
                self._end(task, client, Sent(Delivery.FAILED, f"its text cannot be made: {failed}"))
            else:
                # The server is not there, or has to be asked again: with the same id, if it was the claim.
                self._again(task, Sent(Delivery.DOWN, str(failed)))
            return None
        return text

    def _went(self, task: _Task, channel: Channel, sent: Sent, client: Client) -> None:
        """What follows from what became of a message on its way."""
        task.why_not = f"{channel.name}: {sent.words}"
        if sent.delivery is Delivery.SETTINGS:
            self._wrong = task.why_not
            self._stopping.set()
            self._put(task, 0.0)
            return
        if sent.delivery is Delivery.TEMPLATE:
            self._wait_for_template(task, channel, client)
            return
        if sent.delivery in {Delivery.LATER, Delivery.DOWN}:
            task.tries += sent.delivery is Delivery.LATER
            if task.tries < self._options.tries:
                self._again(task, sent)
                return
            sent = Sent(Delivery.FAILED, f"not sent after {task.tries} tries: {sent.words}")
        self._failures = 0
        self._end(task, client, Sent(sent.delivery, f"{channel.name}: {sent.words}"))

    def _wait_for_template(self, task: _Task, channel: Channel, client: Client) -> None:
        """Says so of this one, which may be claimed again; the others of its kind stay as they are."""
        self._failures = 0
        until = time.monotonic() + self._options.without_template_s
        self._without_template[channel.name, task.message.kind] = until
        left = self._leave(task, client)
        if left is not None:
            self._put_at(_Task(left, waits_for_template=True), until)

    def _again(self, task: _Task, sent: Sent) -> None:
        """Later: this message alone, or everything."""
        if sent.delivery is Delivery.DOWN:
            self._failures += 1
            self._down_until = time.monotonic() + self._jittered(self._failures)
            self._put(task, 0.0)
        else:
            self._put(task, self._jittered(task.tries))

    def _jittered(self, failures: int) -> float:
        longest = min(self._options.pause_s * 2.0 ** min(failures - 1, 30), self._options.pause_max_s)
        return random.uniform(longest / 2, longest)

    def _end(self, task: _Task, client: Client, sent: Sent) -> Message | None:
        """Reports what became of a message; asked again with the same words until it is taken. The message as
        it stands then; None where somebody else has it, or nobody took the report before a stop.
        """
        state = _STATES[sent.delivery]
        request = self._request(task.message, state, sent.words)
        failures = 0
        while True:
            try:
                message = self._report(task.message, client, request)
                break
            except CallFailed as failed:
                if failed.settled:
                    self._counts["dropped"] += 1
                    return None
            failures += 1
            # A stop waits for one more try at most: what it leaves is UNKNOWN, and somebody looks.
            if self._stopping.wait(self._jittered(failures) / 5) and failures > 1:
                return None
        self._counts[_WORDS[state]] += 1
        self._on_report(message)
        return message

    def _leave(self, task: _Task, client: Client) -> Message | None:
        """Leaves what was claimed and surely not sent to whoever claims it next."""
        # Each time in other words: from them follows the next claim's id.
        words = f"{_KEPT} ({uuid.uuid4().hex[:8]}): {task.why_not}"
        return self._end(task, client, Sent(Delivery.UNKNOWN, words))

    def _keep(self, client: Client) -> None:
        """What was claimed and surely not sent is left to the next agent."""
        for _, _, task in self._due:
            if task.is_claimed and not task.is_doubtful:
                self._leave(task, client)

    # -- the words of reports ------------------------------------------------------------------------------

    def _claim_words(self, channel: Channel) -> str:
        """Whose claim it is: this very one; where it may be taken up again, whoever has this name."""
        name = self._connection.actor if channel.repeats else f"{self._connection.actor} {uuid.uuid4().hex}"
        return f"being sent by {name} ({channel.name})"[:MAX_DETAIL_CHARS]

    def _claim(self, message: Message, channel: Channel) -> ReportMessageRequest:
        """UNKNOWN, with an id that follows from the message alone, as it stands: a second claim says other
        words with it, and is refused.
        """
        request = self._request(message, MESSAGE_STATE_UNKNOWN, self._claim_words(channel))
        request.request_id = _id(message, f"claim{message.detail}")
        return request

    def _request(self, message: Message, state: MessageState.ValueType, words: str) -> ReportMessageRequest:
        request = ReportMessageRequest(
            message_id=message.message_id, state=state, detail=words[:MAX_DETAIL_CHARS]
        )
        request.request_id = _id(message, request.SerializeToString(deterministic=True).hex())
        return request

    def _report(self, message: Message, client: Client, request: ReportMessageRequest) -> Message:
        assert message.message_id == request.message_id
        return client.call(request, ReportMessageResponse).message


def _not_needed(task: _Task, why_not: str) -> Sent:
    """What is said of a message that is not sent, or not once more."""
    if task.is_doubtful:
        return Sent(Delivery.UNKNOWN, f"may have been sent; {why_not}")
    return Sent(Delivery.FAILED, why_not)


def _id(message: Message, said: str) -> str:
    """A report's id: of this message in this shop, and of what is said."""
    made = message.create_time
    name = f"{message.message_id}/{message.order_id}/{made.seconds}.{made.nanos}/{said}"
    return str(uuid.uuid5(_REPORTS, name))
