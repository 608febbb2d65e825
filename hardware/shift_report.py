"""The X report of an open shift on paper, as files.

Nobody queues an X report: it changes nothing, may be asked for at any time, and is worth nothing once the
shift is closed. The Z report is another matter, a print job with copies that are counted.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from clients.common.commands import command, new_app
from clients.common.numbers import id_option
from clients.common.problems import BadInput
from clients.common.shop import Shop
from hardware.file_agent import FOLDERS, PAPER_FORMATS
from kasir.durable import READABLE, sync_directory, write_durably
from kasir.v1.till_pb2 import GetShiftRequest, GetShiftResponse, Shift

app = new_app("shift-report", "The X report on paper.")


@command(
    app,
    "shift-report",
    [
        "kasir print shift-report --out out/prints",
        "kasir print shift-report KASIR-1 --out out/prints --width 58",
        "kasir print shift-report --shift 7 --out out/prints --format escpos",
    ],
)
def shift_report(
    shop: Shop,
    till: Annotated[
        str,
        typer.Argument(
            envvar="KASIR_TILL", metavar="[TILL]", help="The till's code; not needed if the only one."
        ),
    ] = "",
    shift: Annotated[
        int | None, id_option("--shift", "A shift by its number, in the place of a till.")
    ] = None,
    *,
    out: Annotated[
        Path, typer.Option(file_okay=False, help="The directory to write to; it is made when missing.")
    ],
    format_: Annotated[
        list[str] | None, typer.Option("--format", help="escpos, png or txt; repeatable. Else all.")
    ] = None,
    width: Annotated[int, typer.Option(metavar="MM", help="The paper's width, 58 or 80.")] = 80,
) -> None:
    """Print the shift as it stands (X report): files as of any other paper. Nothing is recorded."""
    formats = list(dict.fromkeys(format_ or PAPER_FORMATS))
    if unknown := [each for each in formats if each not in PAPER_FORMATS]:
        raise BadInput(f"There is no format {', '.join(unknown)}; there are {', '.join(PAPER_FORMATS)}.")
    shift_id = shift or shop.open_shift_id(till)
    found = shop.call(GetShiftRequest(shift_id=shift_id), GetShiftResponse).shift
    if found.HasField("close_time"):
        raise BadInput(
            f"Shift {shift_id} is closed: its Z report is a print job, and a copy is asked for with"
            " 'kasir print reprint'."
        )
    now = datetime.now(UTC)
    files = {
        f"shift-{shift_id}-x-{now:%Y%m%d-%H%M%S}.{suffix}": content
        for suffix, content in _rendered(shop, found, now, width).items()
        if suffix in formats
    }
    folder = out / FOLDERS["shift"]
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_durably(folder / name, content, mode=READABLE)
    sync_directory(folder)
    paths = [str(folder / name) for name in files]
    shop.output.emit({"shift_id": shift_id, "files": paths}, lambda: "\n".join(paths))


def _rendered(shop: Shop, shift: Shift, now: datetime, width_mm: int) -> dict[str, bytes]:
    """The report by the endings of its files. Raises BadInput for what cannot be printed."""
    # Without the paper extra, other commands work.
    from hardware.paper import PaperError  # noqa: PLC0415
    from hardware.paper import shift_report as paper_of  # noqa: PLC0415

    as_of = Timestamp()
    as_of.FromDatetime(now)
    till = next((each for each in shop.tills if each.till_id == shift.till_id), None)
    try:
        paper = paper_of(shift, shop.settings, till, as_of=as_of, width_mm=width_mm)
        return {"escpos": paper.escpos(), "png": paper.png(), "txt": paper.text().encode()}
    except PaperError as wrong:
        raise BadInput(f"The report cannot be printed: {wrong}.") from wrong
