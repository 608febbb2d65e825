"""`kasir demo`: sets a shop up on a fresh directory and plays a whole day in it."""

import json
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from clients.common.commands import EXIT_INTERRUPTED, EXIT_REFUSED, epilog
from clients.common.connection import DEFAULT_SERVER
from clients.common.money import show_amount
from clients.common.plain_words import sentence
from clients.common.problems import BadInput, CallFailed
from kasir.demo.day import Day, Outcome
from kasir.demo.goods import ITEMS_MAX
from kasir.demo.opening import CURRENCY
from kasir.demo.plan import ITEMS_MIN, ORDERS_MAX, ORDERS_MIN, make_plan
from kasir.demo.stage import SUMMARY, DemoFailed, Stage

# Bars and lines of a day that goes to a file or a pipe
PIPE_WIDTH = 120
DIFFERENCES_SHOWN = 20

app = typer.Typer(pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})

EXAMPLES = (
    "kasir demo",
    "kasir demo --orders 1000 --items 2000 --out /tmp/busy-day",
    "kasir demo --seed 12",
    "kasir demo --keep-serving",
)


HELP = (
    "Set up a shop and play a whole day in it.\n\n"
    "A real server, a catalogue, Drop Orders, chat orders, the bank's mutation file, sales, labels, airway "
    "bills from a simulated courier, two tills, the day's report. What the server counts is compared with "
    "what was done; a difference ends with status 1."
)


@app.command(help=HELP, epilog=epilog(EXAMPLES))
def demo(
    out: Annotated[
        Path, typer.Option(file_okay=False, help="Where all of it goes; an earlier day there is removed.")
    ] = Path("out/demo"),
    orders: Annotated[
        int, typer.Option(min=ORDERS_MIN, max=ORDERS_MAX, help="Book Orders of the day.")
    ] = 300,
    items: Annotated[int, typer.Option(min=ITEMS_MIN, max=ITEMS_MAX, help="Items of the catalogue.")] = 1_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same day.")] = 7,
    keep_serving: Annotated[
        bool, typer.Option("--keep-serving", help="Serve the shop afterwards, until Ctrl-C.")
    ] = False,
) -> None:
    """Plays the day, tells what came of it, and ends with status 1 when something does not agree."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_WIDTH)
    # A demo that is told to end takes its server with it.
    signal.signal(signal.SIGTERM, _interrupt)
    stage = Stage(out)
    try:
        outcome = Day(stage, make_plan(orders, items, seed), console).play()
        _tell(console, stage, outcome)
        if keep_serving:
            _serve(console, stage)
    except CallFailed as failed:
        _give_up(console, sentence(failed, lambda kind, number: f"{kind} {number}", stage.address))
    except (DemoFailed, BadInput) as failed:
        _give_up(console, str(failed))
    except KeyboardInterrupt:
        console.print("Stopped.", style="yellow")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _give_up(console: Console, words: str) -> None:
    console.print(Text(words, style="red"), soft_wrap=True)
    raise typer.Exit(EXIT_REFUSED)


def _tell(console: Console, stage: Stage, outcome: Outcome) -> None:
    """Writes the summary, shows report and summary. Raises DemoFailed when something does not agree."""
    summary = outcome.summary
    stage.path(SUMMARY).write_text(json.dumps(summary, indent=2) + "\n")
    console.print()
    console.print(outcome.report)
    good = summary["invariants_ok"] and not outcome.differences
    console.print(
        Panel(
            _summary_table(summary),
            title=f"The day in {summary['seconds']} s",
            border_style="green" if good else "red",
            expand=False,
        )
    )
    for words in outcome.differences[:DIFFERENCES_SHOWN]:
        console.print(Text(words, style="red"), soft_wrap=True)
    if not good:
        raise DemoFailed("The server and the demo do not agree about the day.")
    hints = Text()
    hints.append(f"Papers, the bank's file and the summary are in {stage.out}.\n")
    hints.append(f"Look around in the shop:  kasir serve --data {stage.data}\n")
    hints.append("then, beside it:          kasir report day    kasir cs refunds    kasir cs find kopi")
    console.print(hints, soft_wrap=True)


def _summary_table(summary: dict[str, Any]) -> Table:
    """The numbers that matter, in two columns of pairs."""
    rows = (
        ("Book Orders", summary["orders"], "Drop Orders", summary["drop_orders"]),
        ("  paid and sold", summary["sold"], "  handed over", summary["handed_over"]),
        ("  cancelled", summary["cancelled"], "  rejected", summary["rejected"]),
        ("  expired", summary["expired"], "  returned", summary["returned"]),
        ("  refund due", summary["refund_due"], "Bank mutations", summary["mutations"]),
        ("  booked again by late money", summary["rebooked"], "  confirmed", summary["mutations_confirmed"]),
        (
            "Sales from orders",
            _rupiah(summary["order_sales_minor"]),
            "  ignored",
            summary["mutations_ignored"],
        ),
        ("Till sales", summary["till_sales"], "Parcels, labels", summary["labels"]),
        ("  amount", _rupiah(summary["till_sales_minor"]), "  airway bills", summary["awb_assigned"]),
        ("  cash difference", _rupiah(summary["cash_difference_minor"]), "  by hand", summary["awb_by_hand"]),
        ("Requests", summary["requests"], "Sales receipts", summary["receipts"]),
        ("Revision", summary["revision"], "Invariants", "hold" if summary["invariants_ok"] else "BROKEN"),
    )
    table = Table(box=None, show_header=False, padding=(0, 2))
    for justify in ("left", "right", "left", "right"):
        table.add_column(justify=justify)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    return table


def _rupiah(minor_units: int) -> str:
    return show_amount(minor_units, CURRENCY)


def _serve(console: Console, stage: Stage) -> None:
    """Serves the shop where clients look for it, until interrupted."""
    stage.start_server(DEFAULT_SERVER)
    try:
        console.print(f"\nServing {stage.data} on {stage.address}; Ctrl-C stops it.", soft_wrap=True)
        stage.wait_for_server()
    except KeyboardInterrupt:
        console.print("Stopping.")
        stage.stop_server()
    finally:
        stage.kill_server()
