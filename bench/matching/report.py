"""The results for people: tables at the terminal, and report.html, one file without scripts."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.matching.files import SEN
from bench.matching.measure import Judged, Mistake, precision_by_coverage
from bench.matching.results import HEAD, Results, Target
from bench.report import STYLE

_WIDTH, _HEIGHT, _MARGIN = 640, 300, 48
_COLOURS = ("#0b7a5c", "#8a8f98")
# The plot shows precision from here up, and from lower down only when a curve goes there.
_LOWEST = 0.9
# Percentages that most rows leave empty are left out at the terminal.
_NARROW = (0, 1, 3, 4, 5, 8, 9, 12, 13, 14)
_NOTES = (
    "decidable: a careful person with the two files alone would be certain, and right. found: decidable ones "
    "that are AUTO and right. 1 for n, n for 1: one transfer for several orders, one of several transfers "
    "for one order; AUTO and right, or the first candidate is. first 3: true orders among the first three "
    "candidates; like the two before it, of those whose evidence leaves at most two others as good. wrong "
    "AUTO: another set of orders, or another amount. misleading: the evidence points elsewhere with "
    "certainty; AUTO is wrong there too."
)
_CURVES = (
    "Proposals by descending score: the share that is right, over what is rightly proposed of all that pays. "
    "Grey: amount and date alone."
)


def show(results: Results, console: Console) -> None:
    """Prints targets, sets and kinds."""
    console.print(_table("", HEAD, results.rows()))
    for name in results.sets():
        narrow = [tuple(cells[at] for at in _NARROW) for cells in results.kinds(name)]
        console.print(_table(f"{name}, by kind", [HEAD[at] for at in _NARROW], narrow))
    if results.speed:
        console.print(_table("Speed, the least of three runs", _SPEED_HEAD, _speed_rows(results)))
    targets = Table("to reach", "needed", "found", "reached", title="To reach")
    for target in results.targets():
        colour = {True: "green", False: "red", None: "dim"}[target.reached]
        targets.add_row(target.name, target.needed, target.found, f"[{colour}]{_said(target)}")
    console.print(targets)


def show_mistakes(judged: Judged, most: int, console: Console) -> None:
    """Prints the first mistakes with their evidence: what was said, what is true, what could be known."""
    for mistake in judged.mistakes[:most]:
        console.print(_mistake(mistake), markup=False, highlight=False, soft_wrap=True)
    left = len(judged.mistakes) - most
    if left > 0:
        console.print(f"and {left:,} more")


def write_html(results: Results, path: Path) -> None:
    """Writes the report."""
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in results.facts.items())
    targets = [(each.name, each.needed, each.found, _said(each)) for each in results.targets()]
    kinds = "".join(
        f"<h2>{html.escape(name)}, by kind</h2>{_html_table(HEAD, results.kinds(name))}"
        for name in results.sets()
    )
    plots = "".join(f"<h2>{html.escape(name)}</h2>{_plot(results, name)}" for name in results.sets())
    speed = f"<h2>Speed</h2>{_html_table(_SPEED_HEAD, _speed_rows(results))}" if results.speed else ""
    path.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Matching, measured</title><style>{STYLE} table {{ font-size: .85rem }}</style>"
        f"<h1>Matching, measured</h1><p class=note>{html.escape(facts)}</p>"
        f"<h2>To reach</h2>{_html_table(('what', 'needed', 'found', 'reached'), targets)}"
        f"<h2>By set</h2>{_html_table(HEAD, results.rows())}<p class=note>{html.escape(_NOTES)}</p>"
        f"<h2>Precision by coverage</h2><p class=note>{_CURVES}</p>{plots}{speed}{kinds}"
    )


_SPEED_HEAD = ("set", "orders", "mutations", "s", "s with start", "mutations/s", "amount and date, s")


def _speed_rows(results: Results) -> list[tuple[str, ...]]:
    return [
        (
            each.set_name,
            f"{each.orders:,}",
            f"{each.mutations:,}",
            f"{each.net_s:.3f}",
            f"{each.seconds:.3f}",
            f"{each.rate_per_s:,.0f}",
            f"{each.naive_s:.3f}",
        )
        for each in results.speed
    ]


def _said(target: Target) -> str:
    return {True: "yes", False: "no", None: ""}[target.reached]


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title)
    for at, name in enumerate(head):
        table.add_column(name, justify="right" if at else "left")
    for cells in rows:
        table.add_row(*cells)
    return table


def _mistake(mistake: Mistake) -> str:
    mutation, truth, match = mistake.mutation, mistake.truth, mistake.match
    said = {order: amount / SEN for order, amount in match.allocations.items()}
    true = {order: amount / SEN for order, amount in truth.allocations.items()}
    candidates = [sorted(each) for each in match.candidates[:3]]
    amount = f"{mutation.amount_minor / SEN:,.2f}"
    return (
        f"{mistake.what}: {mutation.mutation_id} {truth.kind}, {mutation.date}, {amount}\n"
        f"  {mutation.description}\n"
        f"  said  {match.decision} {said}, score {match.score:.2f}, margin {match.margin:.2f}\n"
        f"        candidates {candidates}\n"
        f"        {'; '.join(match.reasons)}\n"
        f"  true  {true}, {'decidable' if truth.decidable else 'not decidable'}\n"
        f"        {truth.why}"
    )


def _html_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def line(tag: str, cells: Iterable[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{line('th', head)}{''.join(line('td', cells) for cells in rows)}</table>"


def _plot(results: Results, name: str) -> str:
    curves = [
        precision_by_coverage(judged.ranked, judged.total().paying)
        for judged in (results.quality.command[name], results.quality.naive[name])
    ]
    lowest = min([_LOWEST, *(min(precision for _, precision in curve) for curve in curves if curve)])
    lowest = int(lowest * 10) / 10

    def place(coverage: float, precision: float) -> str:
        x = _MARGIN + coverage * (_WIDTH - 2 * _MARGIN)
        y = _HEIGHT - _MARGIN - (precision - lowest) / (1 - lowest) * (_HEIGHT - 2 * _MARGIN)
        return f"{x:.1f},{y:.1f}"

    lines = "".join(
        f"<polyline fill=none stroke='{colour}' stroke-width=2 points='"
        + " ".join(place(*point) for point in curve)
        + "' />"
        + "".join(_dot(place(*point), colour) for point in curve[-1:])
        for curve, colour in reversed(list(zip(curves, _COLOURS, strict=True)))
    )
    axes = "".join(
        f"<text x={_MARGIN + share * (_WIDTH - 2 * _MARGIN):.0f} y={_HEIGHT - _MARGIN + 18} "
        f"text-anchor=middle>{share:.0%}</text>"
        for share in (0, 0.25, 0.5, 0.75, 1)
    ) + "".join(
        f"<text x={_MARGIN - 6} y={place(0, level).split(',')[1]} text-anchor=end>{level:.0%}</text>"
        f"<polyline stroke='#ddd' points='{place(0, level)} {place(1, level)}' />"
        for level in (lowest, (lowest + 1) / 2, 1)
    )
    return (
        f"<svg width={_WIDTH} height={_HEIGHT} role=img aria-label='{html.escape(name)}'>{axes}{lines}</svg>"
    )


def _dot(place: str, colour: str) -> str:
    """The end of a curve, which may be all of it."""
    x, _, y = place.partition(",")
    return f"<circle cx={x} cy={y} r=4 fill='{colour}' />"
