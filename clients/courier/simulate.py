"""A carrier to play with: `kasir courier simulate`."""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from clients.common.commands import epilog, plain_failures
from clients.common.keys import read_key
from clients.common.output import Output
from clients.common.problems import BadInput
from clients.courier.desk import CONNECTED, app


@app.command(
    "simulate",
    rich_help_panel=CONNECTED,
    epilog=epilog(
        [
            "kasir courier simulate --port 8900 --errors 0.2 --lost 0.1",
            "kasir courier simulate --carrier biteship --webhook http://127.0.0.1:8901/webhooks",
        ]
    ),
)
def simulate(
    carrier: Annotated[str, typer.Option(help="Whose HTTP it speaks.")] = "generic",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen, on this machine only; 0 takes a free one.")
    ] = 8900,
    seed: Annotated[int, typer.Option(help="The same seed goes wrong in the same way.")] = 0,
    errors: Annotated[float, typer.Option(help="How often 500 is answered and nothing done, 0 to 1.")] = 0.0,
    errors_after: Annotated[
        float, typer.Option(help="How often 500 is answered although all was done.")
    ] = 0.0,
    dropped: Annotated[float, typer.Option(help="How often the connection is closed before anything.")] = 0.0,
    lost: Annotated[float, typer.Option(help="How often the connection is closed after the deed.")] = 0.0,
    busy: Annotated[float, typer.Option(help="How often 429 is answered.")] = 0.0,
    late: Annotated[float, typer.Option(help="How often the answer is late.")] = 0.0,
    late_seconds: Annotated[float, typer.Option(help="How late an answer is at most.")] = 1.0,
    later: Annotated[float, typer.Option(help="How often an order gets its number later.")] = 0.0,
    later_seconds: Annotated[float, typer.Option(help="How much later at most.")] = 1.0,
    webhook: Annotated[str, typer.Option(metavar="URL", help="Post there what happens.")] = "",
    webhook_secret_file: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Holds what webhooks are signed with.")
    ] = None,
    webhook_first: Annotated[float, typer.Option(help="How often a webhook comes before the answer.")] = 0.0,
    webhook_twice: Annotated[float, typer.Option(help="How often a webhook comes twice.")] = 0.0,
    webhook_lost: Annotated[float, typer.Option(help="How often a webhook never comes.")] = 0.0,
    shuffled: Annotated[bool, typer.Option("--shuffled", help="Post steps in any order.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    move_every: Annotated[
        float, typer.Option(min=0.0, help="Seconds after which every parcel is a step further; 0: none is.")
    ] = 0.0,
) -> None:
    """Run a carrier that takes orders as a real one does, and misbehaves as often as it is told to."""
    # Needs the courier extra.
    from clients.couriers.simulator import CourierSimulator, Misbehaviour, WebhookTarget  # noqa: PLC0415

    output = Output(as_json=as_json)
    with plain_failures(output):
        try:
            misbehaviour = Misbehaviour(
                seed=seed,
                errors=errors,
                errors_after=errors_after,
                dropped=dropped,
                lost=lost,
                busy=busy,
                late=late,
                late_seconds=late_seconds,
                later=later,
                later_seconds=later_seconds,
                webhook_first=webhook_first,
                webhook_twice=webhook_twice,
                webhook_lost=webhook_lost,
                shuffled=shuffled,
            )
            keys = {"webhook": read_key(webhook_secret_file)} if webhook_secret_file else {}
            target = WebhookTarget(webhook) if webhook else None
            simulator = CourierSimulator(misbehaviour, port=port, carrier=carrier, keys=keys, webhooks=target)
        except (ValueError, OverflowError) as error:
            raise BadInput(f"{error}.") from error
        output.emit(
            {"url": simulator.url}, lambda: f"The courier listens at {simulator.url} (Ctrl-C ends it)."
        )
        with suppress(KeyboardInterrupt), simulator:
            pause = threading.Event()
            while not pause.wait(move_every or None):
                simulator.go_on()
        orders = simulator.orders_per_reference()
        counts = {"references": len(orders), "orders": sum(orders.values())}
        output.emit(counts, lambda: f"{len(orders)} references, {sum(orders.values())} orders.")
