"""Calls to the server: with a deadline, repeated with the same request id, remembered until answered."""

import contextlib
import itertools
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import grpc
from google.protobuf import message_factory
from google.protobuf.message import Message

from clients.common.connection import ACTOR_METADATA, Connection
from clients.common.enrolment import AUTHORIZATION, DEVICE_ACTOR, Session
from clients.common.journal import PendingRequest, RequestJournal, new_pending
from clients.common.knocking import is_encrypted
from clients.common.problems import BadInput, CallFailed, from_rpc_error
from clients.common.request_ids import new_request_id
from clients.common.tracing import UNTRACED, Tracing, traced

Reply = TypeVar("Reply", bound=Message)
Metadata = tuple[tuple[str, str], ...]

# Checks and copies of a whole store.
LONG_TIMEOUT_S = 600.0
# How often a line looks whether its session or certificate ends soon; and after a renewal that failed.
LOOK_S, RENEW_AGAIN_S = 30.0, 60.0
# Ways in that are tried for one call: who asked once, who is logged in now, who logs in.
LOGINS_MAX = 3
# A file of the largest size, sent and read.
UPLOAD_TIMEOUT_S = 3_600.0


@dataclass(frozen=True)
class Patience:
    """How long one try may take, how many there are, and how the pauses between them grow; seconds."""

    timeout_s: float = 10.0
    tries: int = 6
    pause_s: float = 0.1
    pause_max_s: float = 5.0

    def pause(self, failed: CallFailed, tries_made: int) -> float:
        """Exponential with full jitter, so that tills that lost one server do not all come back at once.

        A server that says how long to wait is believed, plus jitter.
        """
        limit = min(self.pause_max_s, self.pause_s * 2 ** min(tries_made, 16))
        return (failed.retry_s or 0.0) + random.uniform(0.0, limit)


class Client:
    """One line to one server. Not for use by several threads at once, except `watch`."""

    def __init__(
        self,
        connection: Connection,
        journal: RequestJournal | None = None,
        patience: Patience | None = None,
        on_retry: Callable[[CallFailed, float], None] | None = None,
        log_in: Callable[["Client"], bool] | None = None,
    ) -> None:
        """Opens the line; nothing is sent yet. `on_retry` hears of a failed try and of the pause after it.
        `log_in` is called where the server wants somebody logged in, once a call where nobody does; it says
        whether now there is, and what it raises (CallFailed) is the cause of the call's own failure.
        """
        self.connection = connection
        self.journal = journal or RequestJournal()
        self.patience = patience or Patience()
        self._on_retry = on_retry or (lambda _failed, _pause_s: None)
        self._log_in = log_in
        self._next_look = self._next_renewal = 0.0
        self._lines: list[grpc.Channel] = []
        self._lock = threading.Lock()
        self._certificate = ""
        self._open()
        # Ids of commands whose outcome is not known, by what they say
        self._unsettled: dict[bytes, str] = {}

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def _who(self) -> str:
        """Whose session goes with the calls; empty: the device's own programs have none."""
        actor = self.connection.actor
        return "" if actor.startswith(DEVICE_ACTOR) else actor

    @property
    def channel(self) -> grpc.Channel:
        """The line itself."""
        return self._channel

    def acts_as(self, name: str) -> None:
        """Somebody else calls from now on."""
        self.connection = replace(self.connection, actor=name)

    def close(self) -> None:
        """Ends the line and every stream on it."""
        for line in self._lines:
            line.close()

    def _open(self) -> None:
        enrolment = self.connection.enrolment
        certificate = enrolment.device.certificate if enrolment is not None else ""
        self._channel = self.connection.channel()
        self._certificate = certificate
        # A line that was opened with the certificate of before is used by what is under way on it
        self._lines.append(self._channel)
        self._calls: dict[str, Callable[..., Any]] = {}

    def _opened_anew(self) -> bool:
        """Opens another line where this machine has another certificate by now; whether it did."""
        enrolment = self.connection.enrolment
        if enrolment is None:
            return False
        with self._lock, contextlib.suppress(BadInput):
            if enrolment.device.certificate != self._certificate:
                self._open()
                return True
        return False

    def call(
        self, request: Message, reply_type: type[Reply], *, note: str = "", timeout_s: float | None = None
    ) -> Reply:
        """Sends one request and returns its reply. The method is the one whose request this is.

        A command (a request with a `request_id`) that comes without an id gets a new one and is kept in the
        journal until answered; the same words, as long as they are kept there without a known outcome, are
        that command again, with its id. One that comes with an id is the caller's to repeat. Raises
        CallFailed.
        """
        descriptor = method_of(request)
        method = method_path(descriptor)
        command: Any = request
        if "request_id" not in request.DESCRIPTOR.fields_by_name or command.request_id:
            return self._answered(method, reply_type, request, timeout_s)
        said = method.encode() + b"\0" + request.SerializeToString(deterministic=True)
        command.request_id = self._id_of(said)

        def keep() -> None:
            self.journal.add(self._pending(command.request_id, method, note, request))

        keep()
        return self._settled(
            command.request_id, lambda: self._answered(method, reply_type, request, timeout_s, keep=keep)
        )

    def upload(
        self,
        head: Message,
        parts: Callable[[], Iterable[Message]],
        request_id: str,
        reply_type: type[Reply],
        *,
        note: str = "",
        kept: bool = True,
        on_sent: Callable[[int], None] | None = None,
    ) -> Reply:
        """Sends a client stream: `head`, then `parts`, which are asked for anew with each try and are never
        all in memory.

        `kept`: it is written to the journal first, as by `call`; what is too large for that is the caller's
        to repeat. `on_sent` hears how many messages of the current try have gone out. Raises CallFailed,
        and OSError as `parts` does.
        """
        method = method_path(method_of(head))

        def messages() -> Iterator[Message]:
            return itertools.chain([head], parts())

        def keep() -> None:
            if kept:
                self.journal.add(self._pending(request_id, method, note, *messages()))

        keep()
        return self._settled(
            request_id,
            lambda: self._uploaded(method, reply_type, messages, request_id, on_sent=on_sent, keep=keep),
            kept=kept,
        )

    def resend(self, pending: PendingRequest) -> Message:
        """Asks again what was never answered, as the one who asked first.

        Raises CallFailed; KeyError or DecodeError for what this version of the contract does not know.
        """
        descriptor = known_method(pending.method)
        request_type, reply_type = message_class(descriptor.input_type), message_class(descriptor.output_type)
        messages = [request_type.FromString(content) for content in pending.messages]
        actor = pending.actor

        def ask() -> Message:
            if descriptor.client_streaming:
                return self._uploaded(pending.method, reply_type, lambda: messages, pending.request_id, actor)
            return self._answered(pending.method, reply_type, messages[0], None, actor)

        return self._settled(pending.request_id, ask, asked_before=True)

    def watch(
        self, request: Message, reply_type: type[Reply], *, restart_revision: int | None = None
    ) -> Iterator[Reply]:
        """Yields what a server stream brings, for ever: one that breaks is opened again where it stopped.

        Where the request has a `start_revision`, the last revision seen is asked for; should the server have
        trimmed it, `restart_revision` is, when given. A stream without revisions starts anew, and the caller
        may see a thing twice. Raises CallFailed for what waiting does not heal.
        """
        method = method_path(method_of(request))
        resumes = "start_revision" in request.DESCRIPTOR.fields_by_name
        failures, refused = 0, 0
        while True:
            line, session = self._channel, self._session()
            open_stream = line.unary_stream(method, _to_bytes, reply_type.FromString)
            stream = open_stream(request, metadata=self._metadata(session))
            try:
                for reply in stream:
                    failures, refused = 0, 0
                    self._keep_on()
                    if resumes:
                        request.start_revision = reply.revision  # type: ignore[attr-defined]
                    yield reply
                failed = CallFailed(
                    grpc.StatusCode.UNAVAILABLE, "", "the server ended the stream", method=method
                )
            except grpc.RpcError as error:
                failed = self._explained(from_rpc_error(error, method))
            finally:
                stream.cancel()
            if failed.reason == "REVISION_COMPACTED" and restart_revision is not None and resumes:
                request.start_revision = restart_revision  # type: ignore[attr-defined]
            elif self._opened_anew() or line is not self._channel:
                # What ended was the line with the certificate of before.
                continue
            elif refused < LOGINS_MAX and self._let_in(failed, session):
                refused += 1
                continue
            elif not failed.retriable and failed.code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise failed
            self._wait(failed, failures)
            failures = min(failures + 1, self.patience.tries)

    def _settled(
        self, request_id: str, ask: Callable[[], Reply], *, kept: bool = True, asked_before: bool = False
    ) -> Reply:
        """Runs `ask`. The journal forgets the request once its outcome is known, and keeps it otherwise."""
        try:
            reply = ask()
        except CallFailed as failed:
            failed.asked_before = failed.asked_before or asked_before
            if failed.settled:
                self._forget(request_id)
            failed.kept = kept and not failed.settled
            raise
        self._forget(request_id)
        return reply

    def _id_of(self, said: bytes) -> str:
        """The id under which these words still wait for an answer, else a new one: another process, or a
        person, may have settled them.
        """
        known = self._unsettled.get(said, "")
        if not known or not self.journal.has(known):
            known = self._unsettled[said] = new_request_id()
        return known

    def _forget(self, request_id: str) -> None:
        self.journal.remove(request_id)
        self._unsettled = {said: each for said, each in self._unsettled.items() if each != request_id}

    def _answered(
        self,
        method: str,
        reply_type: type[Reply],
        request: Message,
        timeout_s: float | None,
        actor: str | None = None,
        keep: Callable[[], None] | None = None,
    ) -> Reply:
        timeout_s = timeout_s or self.patience.timeout_s

        def ask(metadata: Metadata) -> Any:
            return self._unary(method, reply_type)(request, timeout=timeout_s, metadata=metadata)

        request_id = getattr(request, "request_id", "")
        with traced(method, request_id) as call:
            reply: Reply = self._tried(method, ask, call, actor, keep)
        return reply

    def _unary(self, method: str, reply_type: type[Message]) -> Callable[..., Any]:
        calls = self._calls
        if method not in calls:
            calls[method] = self._channel.unary_unary(method, _to_bytes, reply_type.FromString)
        return calls[method]

    def _uploaded(
        self,
        method: str,
        reply_type: type[Reply],
        messages: Callable[[], Iterable[Message]],
        request_id: str,
        actor: str | None = None,
        on_sent: Callable[[int], None] | None = None,
        keep: Callable[[], None] | None = None,
    ) -> Reply:
        def ask(metadata: Metadata) -> Any:
            method_call = self._channel.stream_unary(method, _to_bytes, reply_type.FromString)
            sending = _Sending(_counted(messages(), on_sent))
            call = method_call.future(sending.parts(), timeout=UPLOAD_TIMEOUT_S, metadata=metadata)
            return sending.reply(call)

        with traced(method, request_id) as call:
            reply: Reply = self._tried(method, ask, call, actor, keep)
        return reply

    def _tried(
        self,
        method: str,
        ask: Callable[[Metadata], Any],
        call: Tracing,
        actor: str | None,
        keep: Callable[[], None] | None,
    ) -> Any:
        """Asks until there is an answer or the tries are used up; `keep` writes down anew what is asked when
        somebody has logged in for it. Raises the last failure.
        """
        tries_made, refused, unknown = 0, 0, False
        while True:
            self._look()
            session = self._session(actor)
            try:
                reply = ask(self._metadata(session, actor) + call.metadata)
            except grpc.RpcError as error:
                failed = self._explained(from_rpc_error(error, method))
            else:
                self._keep_on()
                return reply
            failed.asked_before = unknown
            if refused < LOGINS_MAX and self._let_in(failed, session, actor):
                refused += 1
                if keep is not None:
                    keep()
                continue
            unknown = unknown or not failed.settled
            tries_made += 1
            if not failed.retriable or tries_made >= self.patience.tries:
                raise failed
            self._wait(failed, tries_made, call)

    def _wait(self, failed: CallFailed, tries_made: int, call: Tracing = UNTRACED) -> None:
        pause_s = self.patience.pause(failed, tries_made)
        call.failed(failed, pause_s)
        self._on_retry(failed, pause_s)
        time.sleep(pause_s)

    def _session(self, actor: str | None = None) -> Session | None:
        """The session that goes with a call: of who asks, or did so once (`actor`); where that one is over,
        of whoever is logged in now.
        """
        enrolment, who = self.connection.enrolment, actor or self._who
        if enrolment is None or not who:
            return None
        name = "" if who.startswith(DEVICE_ACTOR) else who
        found = enrolment.session(name) or (enrolment.session() if actor else None)
        # The server says whether it is over: this machine's clock may be wrong.
        return found or enrolment.kept_session(name) or (enrolment.kept_session() if actor else None)

    def _metadata(self, session: Session | None, actor: str | None = None) -> Metadata:
        if self.connection.enrolment is None:
            return ((ACTOR_METADATA, actor or self.connection.actor),)
        if session is None:
            return ()
        token = ((AUTHORIZATION, f"Bearer {session.token}"),)
        if actor is None or actor.startswith(DEVICE_ACTOR) or actor == session.user:
            return token
        # Whoever is logged in sends it, and says for whom.
        return (*token, (ACTOR_METADATA, actor))

    def _look(self) -> None:
        """Sees now and then whether another program has renewed the certificate."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_S
            self._opened_anew()

    def _keep_on(self) -> None:
        """Sees to it, now and then, that neither session nor certificate end while somebody works. Only after
        an answer: on a silent line nobody waits for this.
        """
        enrolment, now = self.connection.enrolment, time.monotonic()
        if enrolment is not None and now >= self._next_renewal:
            went_well = enrolment.keep_on(self._channel, self._who, self.patience.timeout_s)
            self._next_renewal = now + (LOOK_S if went_well else RENEW_AGAIN_S)
            self._opened_anew()

    def _explained(self, failed: CallFailed) -> CallFailed:
        """What failed since the server's line is encrypted and this machine is not enrolled, as that."""
        line = self.connection
        if failed.code is not grpc.StatusCode.UNAVAILABLE or failed.reason or line.is_encrypted:
            return failed
        if line.server.startswith("unix:") or not is_encrypted(line.server):
            return failed
        words = (
            f"This machine is not enrolled at {line.server}. Ask an owner or a manager for a code, then: "
            f"kasir enrol CODE --server {line.server}."
        )
        code = grpc.StatusCode.UNAUTHENTICATED
        return CallFailed(code, "DEVICE_UNKNOWN", words, method=failed.method)

    def _let_in(self, failed: CallFailed, sent: Session | None, actor: str | None = None) -> bool:
        """Where the session that was sent is over, or there was none: whether there is another way in, by
        which it is worth asking once more. Raises `failed` where a login does: what becomes of that says
        nothing of what was asked.
        """
        enrolment = self.connection.enrolment
        if failed.reason != "SESSION_REQUIRED" or enrolment is None:
            return False
        if sent is not None:
            with contextlib.suppress(OSError):
                enrolment.end_session(sent)
        if actor and self._session(actor) not in (None, sent):
            return True
        try:
            logged_in = self._log_in is not None and self._log_in(self)
        except CallFailed as why:
            raise failed from why
        if logged_in and not (self._who and enrolment.session(self._who)):
            self.acts_as(enrolment.user)
        # Without the session that is over the device itself may be let in.
        return logged_in or (self._log_in is None and sent is not None)

    def _pending(self, request_id: str, method: str, note: str, *messages: Message) -> PendingRequest:
        content = [message.SerializeToString() for message in messages]
        note = note or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", method.rpartition("/")[2]).lower()
        return new_pending(request_id, method, self.connection.server, self.connection.actor, note, *content)


class _Sending:
    """Parts of a client stream that may fail to be read: then the call is cancelled. To gRPC the end of what
    was read would be the end of all, and a cut-off file would be taken for a whole one.
    """

    def __init__(self, messages: Iterator[Message]) -> None:
        self._messages = messages
        self._failed: OSError | None = None
        self._call: Any = None
        self._begun = threading.Event()

    def parts(self) -> Iterator[Message]:
        """What gRPC sends, on a thread of its own."""
        try:
            yield from self._messages
        except OSError as error:
            self._failed = error
            self._begun.wait()
            self._call.cancel()

    def reply(self, call: Any) -> Any:
        """Waits for the answer. Raises RpcError, and OSError when a part could not be read."""
        self._call = call
        self._begun.set()
        try:
            return call.result()
        except grpc.FutureCancelledError:
            assert self._failed is not None, "nobody else cancels"
            raise self._failed from None
        finally:
            call.cancel()


def _to_bytes(message: Message) -> bytes:
    return message.SerializeToString()


def _counted(messages: Iterable[Message], on_sent: Callable[[int], None] | None) -> Iterator[Message]:
    for count, message in enumerate(messages, start=1):
        yield message
        if on_sent is not None:
            on_sent(count)


def method_of(request: Message) -> Any:
    """The descriptor of the RPC that takes this request: each has a request message of its own."""
    for service in request.DESCRIPTOR.file.services_by_name.values():
        for method in service.methods:
            if method.input_type is request.DESCRIPTOR:
                return method
    raise AssertionError(f"{request.DESCRIPTOR.full_name} is no RPC's request")


def method_path(method: Any) -> str:
    """Its name on the wire, like "/kasir.v1.BookingService/CreateBooking"."""
    return f"/{method.containing_service.full_name}/{method.name}"


def known_method(path: str) -> Any:
    """The RPC of a path. Raises KeyError for one that the contract does not have."""
    # Whole contract, so not at the head of the module: only a repeat from the journal needs all of it.
    from kasir.contract import SERVICES  # noqa: PLC0415

    service, _, name = path.removeprefix("/").partition("/")
    return SERVICES[service].methods_by_name[name]


def message_class(descriptor: Any) -> type[Message]:
    """The generated class of a message descriptor."""
    return message_factory.GetMessageClass(descriptor)
