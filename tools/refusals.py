"""Writes docs/refusals.md from the catalogues of refusals in the sources.

`--check` only compares: it exits with 1 when the page differs.
"""

import argparse
import ast
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "refusals.md"
CORE = ROOT / "engine_rs" / "core" / "src" / "refusal.rs"
STORE = ROOT / "engine_rs" / "store" / "src" / "error.rs"
BRIDGE = ROOT / "engine_rs" / "bridge" / "src" / "answers.rs"
PYTHON = ("server", "engine")
# A row of `reasons!`, `kinds!` or `refusals!`: OutOfStock = "OUT_OF_STOCK" FailedPrecondition "Less is
# available than …";
ROW = re.compile(r'^\s*\w+ = "(?P<reason>[A-Z_]+)" (?P<code>\w+) "(?P<meaning>[^"]+)";$', re.MULTILINE)

# What Python refuses by itself has no catalogue beside the code that says it: here is what each means. A
# reason that is missing here, or here and nowhere else, is an error of `read_python`.
MEANINGS = {
    "ACCESS_NAME_TAKEN": "A user or a key has this name already.",
    "ACCESS_NOT_FOUND": "No user, device or key has this name.",
    "BANK_ACCOUNT_AMBIGUOUS": "Several bank accounts have the file's number, and it says no currency.",
    "COLUMN_MAPPING_AMBIGUOUS": "Several saved column mappings fit the file, or have the name.",
    "ENROLMENT_REFUSED": "The enrolment code is wrong, used or too old.",
    "ENGINE_FORKED": "The process was forked while a store was open; start it with spawn.",
    "ENGINE_OPEN": "This process has the store open already.",
    "FILE_TOO_LARGE": "The uploaded file is larger than 1 GiB.",
    "LAST_OWNER": "The last owner who can log in would be gone.",
    "LOGIN_FAILED": "The name and the PIN do not fit together.",
    "LOGIN_LOCKED": "Too many wrong PINs at this device; `seconds` says for how long.",
    "READER_TOO_SLOW": "The reader of a stream did not keep up; it resumes from the last revision it saw.",
    "SNAPSHOT_UNWRITABLE": "The snapshot directory cannot be made.",
    "TOO_MANY_AGENTS": "So many hardware agents report their devices already.",
    "TOO_MANY_STREAMS": "So many streams are open already.",
    "TOO_MANY_UPLOADS": "So many files are being uploaded already.",
    "UPLOAD_STALLED": "Nothing of the uploaded file came for a minute.",
    "UPLOAD_UNWRITABLE": "The disk has no room for the uploaded file while it is read; nothing was imported.",
}

INTRODUCTION = """\
# Refusals

Every refusal is a gRPC status with a `google.rpc.ErrorInfo` (domain `kasir`): its `reason` is one of
these names, its `metadata` holds facts for programs. A wrong field is named by `google.rpc.BadRequest`
too, a time to wait by `google.rpc.RetryInfo`. A name is part of the contract and never changes its
meaning. What is refused changes nothing, and its request id may be used again.

Written by `python tools/refusals.py` from the sources; do not edit.
"""


class Reason(NamedTuple):
    """A row of the page."""

    name: str
    # The gRPC status, e.g. "FAILED_PRECONDITION".
    status: str
    meaning: str


def status_of(code: str) -> str:
    """The status that Rust calls FailedPrecondition, as gRPC writes it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code).upper()


def read_rust(source: Path) -> list[Reason]:
    """The rows of a catalogue in Rust, in its order."""
    rows = [
        Reason(row["reason"], status_of(row["code"]), row["meaning"])
        for row in ROW.finditer(source.read_text())
    ]
    if not rows:
        raise SystemExit(f"{source} holds no catalogue of refusals")
    return rows


def raised(tree: ast.AST) -> set[tuple[str, str]]:
    """(reason, status) of each `EngineError(Code.STATUS, "REASON", …)`."""
    found = set()
    for call in ast.walk(tree):
        if not (
            isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "EngineError"
        ):
            continue
        match call.args[:2]:
            case [ast.Attribute(attr=status), ast.Constant(value=str(reason))]:
                found.add((reason, status))
    return found


def read_python(catalogued: set[str]) -> list[Reason]:
    """What Python refuses by itself, by name."""
    found: set[tuple[str, str]] = set()
    for package in PYTHON:
        for source in sorted((ROOT / package).rglob("*.py")):
            found |= raised(ast.parse(source.read_text()))
    own = {(reason, status) for reason, status in found if reason not in catalogued}
    unexplained = sorted({reason for reason, _ in own} ^ MEANINGS.keys())
    if unexplained:
        raise SystemExit(f"tools/refusals.py: MEANINGS and the sources differ in {', '.join(unexplained)}")
    return [Reason(reason, status, MEANINGS[reason]) for reason, status in sorted(own)]


def table(rows: list[Reason]) -> list[str]:
    """A table in Markdown."""
    lines = ["| reason | status | meaning |", "|---|---|---|"]
    return lines + [f"| `{row.name}` | {row.status} | {row.meaning} |" for row in rows]


def page() -> str:
    """The whole page."""
    core, store, bridge = read_rust(CORE), read_rust(STORE), read_rust(BRIDGE)
    python = read_python({row.name for row in core + store + bridge})
    store = [row for row in store if row.name not in {each.name for each in core}]
    parts = [INTRODUCTION, "## The shop", "", *table(core), ""]
    parts += ["## The store's files", "", *table(store), ""]
    parts += ["## The server", "", *table(sorted(bridge + python)), ""]
    return "\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description="Write docs/refusals.md, or check it.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on drift")
    arguments = parser.parse_args()
    fresh = page()
    same = PAGE.exists() and PAGE.read_text() == fresh
    if arguments.check:
        if not same:
            print("docs/refusals.md differs from the sources: run python tools/refusals.py", file=sys.stderr)
        return 0 if same else 1
    if not same:
        PAGE.write_text(fresh)
    print("nothing changed" if same else "docs/refusals.md written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
