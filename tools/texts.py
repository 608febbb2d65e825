"""Renews the windows' texts: what the sources say goes into locale/, translations stay, and are compiled.

python tools/texts.py           # after a change of texts; then translate what is empty
python tools/texts.py --check   # fails when that was forgotten, or something is not translated
"""

import argparse
import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
WINDOWS = ROOT / "clients" / "desktop"
# What windows say, and what else they tell people of what was typed; by how the catalogue names its files
SOURCES = {
    "": WINDOWS,
    "../common/": ROOT / "clients" / "common",
    "../till/": ROOT / "clients" / "till",
}
CATALOGUE = WINDOWS / "locale" / "id" / "LC_MESSAGES" / "desktop.po"
KEYWORDS = dict.fromkeys(("_", "marked", "BadInput", "NeedsLine", "NobodyWaits", "NotCovered", "Word"))


def extracted() -> Catalog:
    """All messages of the sources."""
    found = Catalog(locale="id", project="kasir", charset="utf-8", fuzzy=False)
    for folder, source in SOURCES.items():
        for name, _line, message, _comments, _context in extract_from_dir(
            source, [("**.py", "python")], keywords=KEYWORDS
        ):
            # Line numbers would change with every edit.
            found.add(message, locations=[(folder + name, None)])
    return found


def renewed(old: bytes) -> Catalog:
    """The sources' messages with the translations that there are."""
    known = read_po(io.BytesIO(old), locale="id")
    catalogue = extracted()
    for message in catalogue:
        if message.id and (translated := known.get(message.id)) is not None and not translated.fuzzy:
            message.string = translated.string
    return catalogue


def as_po(catalogue: Catalog) -> bytes:
    """For people."""
    out = io.BytesIO()
    write_po(out, catalogue, width=110, sort_output=True, omit_header=True, ignore_obsolete=True)
    head = b'msgid ""\nmsgstr ""\n"Language: id\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return head + out.getvalue()


def as_mo(po: bytes) -> bytes:
    """For the program."""
    out = io.BytesIO()
    catalogue = read_po(io.BytesIO(po), locale="id")
    # The same texts make the same bytes, whenever.
    catalogue.creation_date = catalogue.revision_date = datetime(2000, 1, 1, tzinfo=UTC)
    write_mo(out, catalogue)
    return out.getvalue()


def main() -> int:
    """Exit status 1 when `--check` finds something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    old = CATALOGUE.read_bytes() if CATALOGUE.exists() else b""
    catalogue = renewed(old)
    po = as_po(catalogue)
    missing = [message.id for message in catalogue if message.id and not message.string]
    compiled = CATALOGUE.with_suffix(".mo")
    if not check:
        CATALOGUE.write_bytes(po)
        compiled.write_bytes(as_mo(po))
    elif po != old or compiled.read_bytes() != as_mo(po):
        print("the texts are not those of the sources: make texts", file=sys.stderr)
        return 1
    for each in missing:
        print(f"not translated: {each}", file=sys.stderr)
    return 1 if missing and check else 0


if __name__ == "__main__":
    sys.exit(main())
