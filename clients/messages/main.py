"""`kasir messages`: the agent that sends them, their texts, and what needs a person."""

import signal
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text as RichText

from clients.common.commands import command, epilog, new_app, plain_failures
from clients.common.numbers import id_argument
from clients.common.output import Output, state_words
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.views import messages_table
from clients.messages.agent import MessagesAgent
from clients.messages.channel import Channel
from clients.messages.needed import is_not_needed
from clients.messages.texts import LANGUAGES, Wording
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
)

app = new_app("messages", "Messages to customers: send them, read them, say what became of one.")

# So far back a message is looked for by its number.
LOOKED_AT_MAX = 100_000

Language = Annotated[str, typer.Option("--language", help="id or en.")]
OwnWording = Annotated[
    Path | None,
    typer.Option("--wording", dir_okay=False, help="The shop's own texts (TOML), see show --all."),
]


@command(
    app,
    "agent",
    [
        "kasir messages agent --config messages.toml",
        "kasir messages agent --out out/messages --language en --drain",
    ],
    more_help="It may be killed at any moment: no message goes twice, and what nobody knows is listed.",
)
def agent(
    shop: Shop,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="KASIR_MESSAGES_CONFIG", dir_okay=False, metavar="FILE", help="The ways they go (TOML)."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Write them there, when no other way leads.")
    ] = None,
    language: Language = "id",
    wording: OwnWording = None,
    drain: Annotated[bool, typer.Option("--drain", help="Leave when all that waits is sent.")] = False,
) -> None:
    """Send what is queued, each message once, for as long as it runs."""
    from clients.messages import settings  # noqa: PLC0415 (asked for by this command alone)
    from clients.messages.channels.folder import Folder  # noqa: PLC0415

    ways: list[Channel] = settings.read(config, language) if config is not None else []
    if out is not None:
        ways.append(Folder(out))
    if not ways:
        raise BadInput("Say how messages go: --config FILE, --out DIRECTORY, or both.")
    with ExitStack() as open_now:
        for way in ways:
            open_now.callback(way.close)
        running = MessagesAgent(
            shop.client.connection,
            ways,
            Wording(language, wording),
            on_report=lambda message: _tell(shop, message),
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            # In a thread: a handler may not wait for a lock that the interrupted code holds.
            signal.signal(number, lambda *_: threading.Thread(target=running.stop).start())
        running.run(drain=drain)
    counts = running.counts()
    words = ", ".join(f"{count} {word}" for word, count in counts.items()) or "nothing to send"
    shop.output.emit(counts, lambda: words)


def _tell(shop: Shop, message: Message) -> None:
    kind = state_words(MessageKind, message.kind, "MESSAGE_KIND")
    state = state_words(MessageState, message.state, "MESSAGE_STATE")
    words = f"{kind} of order {message.order_id}: {state}, {message.detail}"
    shop.output.say(words, "green" if message.state == MESSAGE_STATE_SENT else "yellow")


@command(app, "questions", ["kasir messages questions", "kasir messages questions --json"])
def questions(
    shop: Shop, limit: Annotated[int, typer.Option(min=1, help="At most this many of each.")] = 200
) -> None:
    """List messages that need a person: those that may have been sent or not, and those that could not be."""
    found = [
        message
        for state in (MESSAGE_STATE_UNKNOWN, MESSAGE_STATE_FAILED)
        for message in shop.pages(ListMessagesRequest(state=state), ListMessagesResponse, "messages", limit)
        if not is_not_needed(message)
    ]
    shop.output.emit({"messages": found}, lambda: messages_table(shop, found, "Messages that need a person"))


@command(app, "show", ["kasir messages show 17", "kasir messages show 17 --language en"])
def show(
    shop: Shop,
    message: Annotated[int, id_argument("The message's number.")],
    language: Annotated[str, typer.Option(help="id or en; else both.")] = "",
    wording: OwnWording = None,
) -> None:
    """Show what a message says, ready to paste."""
    found = _find(shop, message)
    wanted = [language] if language else LANGUAGES
    texts = {each: Wording(each, wording).text(shop, found) for each in wanted}
    value = {
        "message": found,
        "texts": {each: {"subject": text.subject, "body": text.body} for each, text in texts.items()},
    }
    shop.output.emit(
        value, lambda: Group(*(RichText(f"{text.subject}\n\n{text.body}\n") for text in texts.values()))
    )


@command(app, "settle", ["kasir messages settle 17 --sent", "kasir messages settle 17 --not-sent"])
def settle(
    shop: Shop,
    message: Annotated[int, id_argument("The message's number.")],
    sent: Annotated[bool, typer.Option("--sent", help="The customer has it.")] = False,
    not_sent: Annotated[bool, typer.Option("--not-sent", help="The customer does not have it.")] = False,
) -> None:
    """Say what you found out about a message of which nobody knew whether it was sent.

    It is not sent by this: kasir messages show has its text.
    """
    if sent == not_sent:
        raise BadInput("Say one of the two: --sent, or --not-sent.")
    report = ReportMessageRequest(
        message_id=message,
        state=MESSAGE_STATE_SENT if sent else MESSAGE_STATE_FAILED,
        detail=f"settled by {shop.client.connection.actor}",
    )
    found = shop.call(report, ReportMessageResponse, note=f"message {message}").message
    shop.output.emit({"messages": [found]}, lambda: messages_table(shop, [found], "Settled"))


@app.command("simulate", epilog=epilog(["kasir messages simulate --port 8902 --lost 0.1"]))
def simulate(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen, on this machine only; 0 takes a free one.")
    ] = 8902,
    seed: Annotated[int, typer.Option(help="The same seed goes wrong in the same way.")] = 0,
    errors: Annotated[float, typer.Option(help="How often 500 is answered and nothing sent, 0 to 1.")] = 0.0,
    lost: Annotated[float, typer.Option(help="How often it is sent and never answered.")] = 0.0,
    busy: Annotated[float, typer.Option(help="How often it is too much for now.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Run something that takes messages as WhatsApp's Cloud API does, and misbehaves as it is told to."""
    from clients.messages.simulator import Trouble, WhatsAppSimulator  # noqa: PLC0415

    output = Output(as_json=as_json)
    with plain_failures(output):
        simulator = WhatsAppSimulator(Trouble(seed, errors, lost, busy), port=port)
        output.emit(
            {"url": simulator.url}, lambda: f"Messages are taken at {simulator.url} (Ctrl-C ends it)."
        )
        with suppress(KeyboardInterrupt), simulator:
            threading.Event().wait()
        output.emit({"messages": len(simulator.sent)}, lambda: f"{len(simulator.sent)} messages.")


def _find(shop: Shop, message_id: int) -> Message:
    """The message of that number. Raises BadInput."""
    request = ListMessagesRequest()
    for looked_at, each in enumerate(shop.each(request, ListMessagesResponse, "messages")):
        if each.message_id == message_id:
            found: Message = each
            return found
        # Newest first: below its number it will not come any more.
        if each.message_id < message_id or looked_at >= LOOKED_AT_MAX:
            break
    raise BadInput(f"There is no message {message_id} among the newest.")
