"""`kasir match`: which orders the mutations of a file pay, without a server or a store."""

import re
from pathlib import Path
from typing import Annotated

import typer

# Exit status when a file cannot be used
UNUSABLE = 2

_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")
_MINUTES_MAX = 14 * 60

Orders = Annotated[Path, typer.Option("--orders", dir_okay=False, help="Orders, a JSON object a line.")]
Mutations = Annotated[
    Path, typer.Option("--mutations", dir_okay=False, help="Bank mutations, a JSON object a line.")
]
Out = Annotated[Path, typer.Option("--out", dir_okay=False, help="Where the decisions go, one a line.")]
Offset = Annotated[str, typer.Option("--utc-offset", help="Where the bank's days are counted.")]
WriteOff = Annotated[
    int | None,
    typer.Option(
        "--write-off-max",
        min=0,
        help="Most minor units let go when a transfer came short by a fee. "
        "Default: 6,500 rupiah, nothing in other currencies.",
    ),
]


def _minutes(offset: str) -> int:
    found = _OFFSET.fullmatch(offset)
    minutes = int(found[2]) * 60 + int(found[3]) if found else _MINUTES_MAX + 1
    if found is None or minutes > _MINUTES_MAX:
        raise typer.BadParameter(f"{offset} is no offset like +07:00", param_hint="--utc-offset")
    return -minutes if found[1] == "-" else minutes


def match(
    orders: Orders,
    mutations: Mutations,
    out: Out,
    utc_offset: Offset = "+07:00",
    write_off_max: WriteOff = None,
) -> None:
    """Match bank mutations with open orders, per account and currency, and say why.

    \b
    An order:    order_id, account, currency, payable_minor, unique_code, paid_minor,
                 customer_name, create_time, expire_time (RFC 3339)
    A mutation:  mutation_id, account, currency, date, amount_minor,
                 direction (IN, OUT, CR, DB), status (POSTED, PENDING), description
    A decision:  mutation_id, decision (AUTO, SUGGESTED, AMBIGUOUS, NONE), allocations,
                 joined, score and margin (thousandths of a nat), reasons, candidates

    \b
    Example:
      kasir match --orders orders.jsonl --mutations mutasi.jsonl --out matches.jsonl
    """  # noqa: D301 (\b: what follows keeps its lines)
    minutes = _minutes(utc_offset)
    try:
        # Only here, so that --help needs no engine.
        from engine._core import match_files  # noqa: PLC0415

        found = match_files(
            orders, mutations, out, utc_offset_minutes=minutes, write_off_max_minor=write_off_max
        )
    except (ValueError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNUSABLE) from None
    count = sum(found[decision] for decision in ("auto", "suggested", "ambiguous", "none"))
    typer.echo(
        f"{count} mutations, {found['orders']} orders: {found['auto']} AUTO, {found['suggested']} SUGGESTED, "
        f"{found['ambiguous']} AMBIGUOUS, {found['none']} NONE, matched in "
        f"{found['match_time_us'] / 1e6:.3f} s; written to {out}",
        err=True,
    )
