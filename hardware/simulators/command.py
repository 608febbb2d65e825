"""`kasir hardware simulate`: devices for who has none."""

import json
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from clients.common.commands import plain_failures
from clients.common.output import Output
from clients.common.problems import BadInput
from hardware.simulators.running import HELP, Simulation


def simulate(
    out: Annotated[Path, typer.Option(help="Where papers are written, and devices are found.")] = Path(
        "out/paper"
    ),
    receipt_port: Annotated[int, typer.Option(help="Of the receipt printer; 0 takes a free one.")] = 9100,
    label_port: Annotated[int, typer.Option(help="Of the label printer; 0 takes a free one.")] = 9101,
    tspl_port: Annotated[int, typer.Option(help="Of the one that speaks TSPL; 0 takes a free one.")] = 9102,
    serial: Annotated[
        Path | None, typer.Option(help="Reach the receipt printer like a serial port, too, under this name.")
    ] = None,
    width_mm: Annotated[int, typer.Option(help="The receipt paper: 58 or 80.")] = 80,
) -> None:
    """Start devices that are programs: printers whose papers are files, a scanner, a display, a scale.

    Lines typed here are what happens to them, such as 'scan 8991234567891', 'weigh 1250', 'paper out' or
    'ok'. Until Ctrl-C.
    """
    output = Output(as_json=False)
    with plain_failures(output):
        if width_mm not in {58, 80}:
            raise BadInput("Paper is 58 or 80 mm wide.")
        simulation = Simulation(out, (receipt_port, label_port, tspl_port), serial, width_mm)
        config = out / "hardware.toml"
        config.write_text(example(simulation, width_mm), encoding="utf-8")
        output.say(f"In another terminal: kasir hardware run --config {config}")
        output.say(HELP, "dim")
        stop = threading.Event()
        watcher = threading.Thread(target=simulation.watch, args=(stop, output.say), daemon=True)
        watcher.start()
        try:
            for line in sys.stdin:
                if line.strip() and not simulation.happen(line):
                    output.say(HELP, "yellow")
            # Without a terminal there is nothing to type.
            watcher.join()
        except KeyboardInterrupt:
            stop.set()
            watcher.join()
        finally:
            simulation.close()


def example(simulation: Simulation, width_mm: int) -> str:
    """An agent's file for the simulated devices. The two label printers share the jobs."""
    receipts, labels, tspl_labels = simulation.ports
    # Such a text of JSON is one of TOML.
    scanner, display, scale = (json.dumps(device.path, ensure_ascii=False) for device in simulation.station)
    return f"""\
[[printer]]
name = "slips"
line = "tcp://{receipts.address}"
language = "escpos"
documents = ["order-slip", "sales-receipt", "shift-report", "pickup-manifest"]
width_mm = {width_mm}
drawer_pin = 2

[[printer]]
name = "labels"
line = "tcp://{labels.address}"
language = "zpl"
documents = ["address-label"]

[[printer]]
name = "labels-tspl"
line = "tcp://{tspl_labels.address}"
language = "tspl"
documents = ["address-label"]

[[scanner]]
name = "scanner"
kind = "serial"
port = {scanner}

[[display]]
name = "display"
kind = "epson"
port = {display}

[[scale]]
name = "scale"
kind = "toledo"
port = {scale}
# What a pseudo terminal carries
data_bits = 8
parity = "none"

[[in_store_code]]
pattern = "20IIIIIWWWWWC"
"""
