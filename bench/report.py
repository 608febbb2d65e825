"""What was measured, for people: a table at the terminal, and report.html, one file without scripts."""

import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.cells import IN_FLIGHT, Cell, System
from bench.results import FIGURES, Results, Target
from bench.work import Kind, Spread

BAR_WIDTH = 420
# Interrupts and the like take some of every run.
DISTURBED_CORES = 0.4
BAR_HEIGHT = 22
LABEL_WIDTH = 330
# CPU of the system in microseconds an operation, then cores kept busy, then commands a commit.
HEAD = (
    "what",
    "per second",
    "± %",
    "p50 ms",
    "p99 ms",
    "CPU us",
    "system",
    "sequencer",
    "loader",
    "others",
    "a commit",
)
COLOURS = {
    System.KASIR: "#0b7a5c",
    System.POSTGRESQL: "#336791",
    System.REDIS: "#b3392c",
    System.SQLITE: "#c98a1b",
    System.GRPCIO: "#8a8f98",
    System.TIGERBEETLE: "#5b4b8a",
}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
body { color: #1c1e21 }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .7rem; text-align: right }
th { border-bottom: 1px solid #999; font-weight: 600 } td:first-child, th:first-child { text-align: left }
tr:nth-child(even) td { background: #f5f6f7 }
td.yes { color: #0b7a5c } td.no { color: #b3392c }
.note { color: #555 } svg text { font: 13px system-ui, sans-serif }
"""


def show(results: Results, console: Console) -> None:
    """Prints medians and ratios."""
    console.print(_cells_table(results))
    compared = results.compared()
    if compared:
        table = Table("ratio", "median", "least", "greatest", title="Side by side, round by round")
        for column in table.columns[1:]:
            column.justify = "right"
        for each in compared:
            table.add_row(each.name, f"{each.value:.2f}", f"{each.least:.2f}", f"{each.greatest:.2f}")
        console.print(table)
    console.print(_targets_table(results))
    for left_out in results.not_measured():
        console.print(f"Not measured: {left_out.system} {left_out.path}, {left_out.why}.")
    for warning in warnings(results):
        console.print(f"[yellow]{warning}")


def _targets_table(results: Results) -> Table:
    table = Table("to reach", "needed", "found", "reached", title="To reach")
    for target in results.targets():
        colour = {True: "green", False: "red", None: "dim"}[target.reached]
        table.add_row(target.name, target.needed, target.found, f"[{colour}]{_said(target)}")
    return table


def _said(target: Target) -> str:
    return {True: "yes", False: "no", None: ""}[target.reached]


def _cells_table(results: Results) -> Table:
    table = Table(title="Medians over the rounds; CPU of one operation, and cores kept busy")
    for name in HEAD:
        table.add_column(name, justify="left" if name == "what" else "right", no_wrap=True)
    for cell in results.samples:
        table.add_row(*_cell_row(results, cell))
    return table


def _cell_row(results: Results, cell: Cell) -> tuple[str, ...]:
    run = results.run(cell)
    cpu = run["cpu"]
    return (
        cell.name,
        f"{run['rate_per_s']:,.0f}",
        f"{_spread_percent(results.figure(cell, 'rate_per_s')):.0f}",
        f"{run['p50_ms']:.2f}",
        f"{run['p99_ms']:.2f}",
        f"{run['cpu_us']:.0f}",
        f"{cpu['system']:.2f}",
        f"{cpu['sequencer']:.2f}" if cpu["sequencer"] else "",
        # In one process nobody can tell the loader from the engine.
        "" if cell.path == "in_process" else f"{cpu['loader']:.2f}",
        f"{cpu['others']:.2f}",
        f"{run['engine']['commands_per_commit']:.0f}" if run["engine"] else "",
    )


def _spread_percent(values: list[float]) -> float:
    """Half of what lies between the least and the greatest, as a share of the middle."""
    middle = sorted(values)[len(values) // 2]
    return (max(values) - min(values)) / 2 / middle * 100 if middle else 0.0


def warnings(results: Results) -> list[str]:
    """Why figures may be worth less than they look."""
    found: list[str] = []
    cores = int(results.machine["cores"])
    disturbed = [cell for cell in results.samples if results.run(cell)["cpu"]["others"] > DISTURBED_CORES]
    if disturbed:
        found.append(
            f"Others kept more than {DISTURBED_CORES} of the {cores} cores busy during {len(disturbed)} of "
            f"{len(results.samples)} cells (column others): rates are too low there, and who has many "
            "processes got more of the machine. Repeat it alone, or give it --patience."
        )
    shaky = [
        cell.name for cell in results.samples if _spread_percent(results.figure(cell, "rate_per_s")) > 25
    ]
    if shaky:
        found.append(f"Differs by more than a quarter between rounds: {', '.join(shaky)}.")
    return found


@dataclass(frozen=True)
class Chart:
    """Bars of one figure of some cells."""

    title: str
    cells: list[Cell]
    figure: str = "rate_per_s"


def charts(results: Results) -> list[Chart]:
    """What is drawn; what was not measured is left out."""
    measured = list(results.samples)
    found: list[Chart] = []
    for work in (Kind.BOOKING, Kind.HOLD):
        for spread in Spread:
            alike = [cell for cell in measured if (cell.work, cell.spread) == (work, spread)]
            single = [cell for cell in alike if cell.batch == cell.pipeline == 1]
            many = [cell for cell in single if cell.in_flight == IN_FLIGHT]
            title = f"{work.value.title()}s, {spread.value}"
            found += [
                Chart(f"{title}, {IN_FLIGHT} in flight: a second", many),
                Chart(f"{title}, {IN_FLIGHT} in flight: p99 in ms", many, "p99_ms"),
                Chart(f"{title}, batches and pipelines: a second", [c for c in alike if c not in single]),
                Chart(
                    f"{title}, one at a time: p50 in ms", [c for c in single if c.in_flight == 1], "p50_ms"
                ),
            ]
    echoes = [cell for cell in measured if cell.work is Kind.ECHO]
    found += [
        Chart("Echo of 100 bytes through a Python handler: a second", echoes),
        Chart("Echo of 100 bytes through a Python handler: p99 in ms", echoes, "p99_ms"),
    ]
    return [chart for chart in found if chart.cells]


def write_html(results: Results, path: Path) -> None:
    """Writes the report."""
    drawn = "".join(f"<h2>{html.escape(each.title)}</h2>{_chart(results, each)}" for each in charts(results))
    facts = [(name, value) for name, value in results.machine.items() if not isinstance(value, list)]
    machine = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts)
    notes = "".join(f"<p class=note>{html.escape(warning)}</p>" for warning in warnings(results))
    path.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Kasir's benchmark</title><style>{STYLE}</style>"
        f"<h1>Kasir's benchmark</h1><p class=note>{html.escape(machine)}</p>{notes}"
        "<p>Every system makes each booking or hold durable before it answers. Medians of interleaved "
        "rounds; a bar's whisker goes from the least to the greatest round. Of a batch, the rate counts "
        "what is in it and the wait is that of the whole call.</p>"
        f"<h2>To reach</h2>{_targets(results)}{drawn}<h2>All figures</h2>{_figures(results)}"
        f"<h2>Side by side</h2>{_ratios(results)}<h2>Floors of this disk</h2>{_floors(results)}"
        f"<h2>Not measured</h2>{_left_out(results)}</html>\n"
    )


def _chart(results: Results, chart: Chart) -> str:
    top = max((max(results.figure(cell, chart.figure)) for cell in chart.cells), default=0.0)
    if not top:
        return "<p class=note>Not measured.</p>"
    bars = "".join(_bar(results, cell, index, top, chart.figure) for index, cell in enumerate(chart.cells))
    width, height = LABEL_WIDTH + BAR_WIDTH + 150, len(chart.cells) * (BAR_HEIGHT + 8)
    return f"<svg viewBox='0 0 {width} {height}' width={width} role=img>{bars}</svg>"


def _bar(results: Results, cell: Cell, index: int, top: float, figure: str) -> str:
    assert figure in FIGURES, "a figure of every sample"
    values = results.figure(cell, figure)
    middle = results.middle(cell, figure)
    y = index * (BAR_HEIGHT + 8)
    baseline, centre = y + BAR_HEIGHT * 0.72, y + BAR_HEIGHT / 2
    scale = BAR_WIDTH / top
    low, high = LABEL_WIDTH + min(values) * scale, LABEL_WIDTH + max(values) * scale
    size = f"width={middle * scale:.1f} height={BAR_HEIGHT}"
    words = f"{middle:,.0f}" if figure == "rate_per_s" else f"{middle:.2f} ms"
    return (
        f"<text x=0 y={baseline:.0f}>{html.escape(cell.name)}</text>"
        f"<rect x={LABEL_WIDTH} y={y} {size} fill='{COLOURS[cell.system]}'/>"
        f"<line x1={low:.1f} x2={high:.1f} y1={centre} y2={centre} stroke='#1c1e21' stroke-width=1.5 />"
        f"<text x={high + 8:.1f} y={baseline:.0f}>{words}</text>"
    )


def _html_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def row(tag: str, words: Iterable[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(word)}</{tag}>" for word in words) + "</tr>"

    return f"<table>{row('th', head)}{''.join(row('td', words) for words in rows)}</table>"


def _figures(results: Results) -> str:
    return _html_table(HEAD, [_cell_row(results, cell) for cell in results.samples])


def _ratios(results: Results) -> str:
    rows = [
        (each.name, f"{each.value:.2f}", f"{each.least:.2f}", f"{each.greatest:.2f}")
        for each in results.compared()
    ]
    return _html_table(("ratio", "median", "least", "greatest"), rows)


def _targets(results: Results) -> str:
    head = "<tr><th>what</th><th>needed</th><th>found</th><th>reached</th></tr>"
    rows = "".join(
        f"<tr><td>{html.escape(each.name)}</td><td>{html.escape(each.needed)}</td>"
        f"<td>{html.escape(each.found)}</td><td class='{_said(each)}'>{_said(each)}</td></tr>"
        for each in results.targets()
    )
    return f"<table>{head}{rows}</table>"


def _floors(results: Results) -> str:
    """Tables of what the disk itself takes."""
    found: list[str] = []
    for name, title in (
        ("fdatasync", "fdatasync"),
        ("lmdb_commit", "bare LMDB commit of four puts a command"),
    ):
        rows = results.machine.get(name)
        if rows:
            words = [[f"{value:,.10g}" for value in row.values()] for row in rows]
            found.append(f"<p>{title}</p>{_html_table(rows[0], words)}")
    return "".join(found) or "<p class=note>Not measured.</p>"


def _left_out(results: Results) -> str:
    rows = [(f"{each.system} {each.path}", each.why) for each in results.not_measured()]
    return _html_table(("what", "why"), rows) if rows else "<p class=note>Nothing.</p>"
