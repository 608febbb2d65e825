"""`kasir doctor`: what `clients.doctor` finds, and whether the store on this machine can be opened at all."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from clients.common.commands import Refused, command, new_app
from clients.common.shop import Shop
from clients.doctor import Finding, Health, findings, table_of, wrong

app = new_app("doctor", "Say what is wrong, and what to do about it.")


@command(
    app,
    "doctor",
    [
        "kasir doctor",
        "kasir doctor --data out/shop          # at the server's machine: its disk and snapshots, too",
        "kasir doctor --data /var/lib/kasir --backup /mnt/backup/kasir",
        "kasir doctor --json",
    ],
)
def doctor(
    shop: Shop,
    data: Annotated[
        Path | None, typer.Option("--data", help="The server's data directory, where it is on this machine.")
    ] = None,
    backup: Annotated[
        Path | None, typer.Option("--backup", help="Where kasir backup writes, where it is on this machine.")
    ] = None,
) -> None:
    """Say what is wrong with the server, its agents and this machine, and what to do. Changes nothing; status
    1 when something is wrong.
    """
    found = [*findings(shop, data, backup), *(_store(data) if data is not None else ())]
    shop.output.emit({"findings": [asdict(each) for each in found]}, lambda: table_of(found))
    if any(each.health is Health.WRONG for each in found):
        raise Refused


def _store(data: Path) -> Iterator[Finding]:
    """That no server of this version takes the store. What is in it, a server's verify tells."""
    # Only here, so that a client without the engine can ask a server.
    from engine import EngineError  # noqa: PLC0415
    from engine.backup import store_head  # noqa: PLC0415

    try:
        store_head(data)
    except EngineError as error:
        if error.reason in {"STORE_FORMAT", "STORE_CORRUPT"}:
            yield wrong("Data", error.message)
