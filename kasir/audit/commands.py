"""The commands of `kasir audit`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from clients.common.bad_input import BadInput
from clients.common.local_commands import EXIT_REFUSED, local_command, new_app, plain_failures
from clients.common.output import Output
from engine import EngineError
from engine.backup import audit_journal, check_base, check_journal, store_head
from kasir.audit.heads import SignedHead, Signer, make_keys, read_heads, read_public
from kasir.backup import catalogue, places, words
from kasir.backup.catalogue import History

# Of problems, so many are told
TOLD_MAX = 20
DATA_HELP = "The server's data directory; its server may run."

app = new_app("audit", "Whether the journal is the one that was written: its chain, and signed heads.")


@local_command(app, "keygen", ["kasir audit keygen /root/kasir-audit.key"])
def keygen(path: Annotated[Path, typer.Argument(metavar="FILE", help="Where the key goes.")]) -> None:
    """Make a key to sign heads with (FILE, for its owner only), and the one to check them (FILE.pub)."""
    with plain_failures(Output(as_json=False)):
        public = make_keys(path)
        typer.echo(f"{path} signs: keep it where only the backup's user reads it. {public} checks.")


@local_command(
    app, "head", ["kasir audit head --data data --key /root/kasir-audit.key --to /mnt/other/heads.jsonl"]
)
def head(
    data: Annotated[Path, typer.Option(exists=True, help=DATA_HELP)],
    key: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Sign with this key.")],
    to: Annotated[
        Path, typer.Option(dir_okay=False, help="Append it here: where who may change the store may not.")
    ],
) -> None:
    """Sign where the journal ends now, and append that to a file."""
    output = Output(as_json=False)
    with plain_failures(output):
        signer = Signer(key, to)
        try:
            found = store_head(data)
        except EngineError as error:
            output.say(error.message, "red")
            raise typer.Exit(EXIT_REFUSED) from error
        signed = signer.sign(found["revision"], found["hash"], found["time_ms"])
        typer.echo(f"{to}: revision {signed.revision}, {signed.hash.hex()}, signed {signed.signed}.")


@dataclass
class _Looked:
    """What an audit came by."""

    summary: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    # Of the revisions that were asked for
    # each hash, and where it was seen
    hashes: dict[int, dict[bytes, set[str]]] = field(default_factory=dict)
    first_revision: int | None = None
    last_revision: int = 0

    def add(self, hashes: dict[int, bytes], place: str) -> None:
        """Takes up the hashes of a history or a store."""
        for revision, digest in hashes.items():
            self.hashes.setdefault(revision, {}).setdefault(digest, set()).add(place)

    def reaches(self, first: int, last: int) -> None:
        """Takes up what was seen."""
        self.first_revision = first if self.first_revision is None else min(first, self.first_revision)
        self.last_revision = max(last, self.last_revision)


@local_command(
    app,
    "verify",
    [
        "kasir audit verify --data data",
        "kasir audit verify --data data --heads /mnt/other/heads.jsonl --public kasir-audit.key.pub",
        "kasir audit verify /mnt/backup/kasir --heads heads.jsonl --public kasir-audit.key.pub",
    ],
)
def verify(
    backup: Annotated[
        Path | None,
        typer.Argument(exists=True, metavar="[BACKUP]", help="A backup's directory, or a snapshot."),
    ] = None,
    data: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help=DATA_HELP)] = None,
    heads: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Compare with all heads signed here.")
    ] = None,
    public: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The public key of those who signed.")
    ] = None,
) -> None:
    """Follow the journal's chain from its first record to its last, and compare it with every signed head.
    Ends with status 1 when something is not as it was written.
    """
    output = Output(as_json=False)
    with plain_failures(output):
        if (backup is None) == (data is None):
            raise BadInput("Name a backup, or a store with --data.")
        if (heads is None) != (public is None):
            raise BadInput("--heads and --public go together.")
        signed = list(read_heads(heads, read_public(public))) if heads and public else []
        good = [each for each in signed if isinstance(each, SignedHead)]
        looked = _Looked(problems=[each for each in signed if isinstance(each, str)])
        asked = sorted({each.revision for each in good})
        try:
            with output.beside.status("following the chain"):
                if backup is not None and places.is_backup(backup):
                    _look_at_backup(backup, asked, looked)
                else:
                    _look_at_store(data or backup or Path(), asked, looked)
        except EngineError as error:
            output.say(error.message, "red")
            raise typer.Exit(EXIT_REFUSED) from error
        _compare(good, looked)
        for line in looked.summary:
            typer.echo(line)
        for problem in looked.problems[:TOLD_MAX]:
            output.say(f"{problem}.", "red")
        if len(looked.problems) > TOLD_MAX:
            output.say(f"And {len(looked.problems) - TOLD_MAX} more.", "red")
        if looked.problems:
            raise typer.Exit(EXIT_REFUSED)


def _look_at_store(store: Path, asked: list[int], looked: _Looked, history: str = "") -> None:
    found = audit_journal(store, asked)
    looked.add(found["hashes"], history or str(store))
    looked.reaches(found["first_revision"], found["revision"])
    if found["broken"]:
        sound = f"the chain is sound from revision {found['first_revision']} to {found['sound_revision']}"
        looked.problems.append(f"{store}: {found['broken']}; {sound}")
        return
    first, last = found["first_revision"], found["revision"]
    ended = words.moment(found["time_ms"], words.zone_of(store))
    looked.summary.append(
        f"{store}: revisions {first} to {last}, {ended}, head {found['hash'].hex()}: the chain is sound."
    )


def _look_at_backup(folder: Path, asked: list[int], looked: _Looked) -> None:
    with places.reading(folder):
        found = catalogue.read(folder, catalogue.UNUSABLE)
        for history in found:
            _look_at_history(history, asked, looked)


def _look_at_history(history: History, asked: list[int], looked: _Looked) -> None:
    before = len(looked.problems)
    looked.problems += [*map(str, history.broken), *history.gaps()]
    for base in history.bases:
        try:
            check_base(base.path)
            _look_at_store(base.path, asked, looked, history.path.name)
        except EngineError as error:
            looked.problems.append(error.message.rstrip("."))
    for part in history.parts:
        try:
            looked.add(check_journal(part.path, asked)["hashes"], history.path.name)
            looked.reaches(part.first_revision, part.end.revision)
        except EngineError as error:
            looked.problems.append(error.message.rstrip("."))
    by_end = {part.end.revision: part.end.hash for part in history.parts}
    for base in history.bases:
        if by_end.get(base.end.revision, base.end.hash) != base.end.hash:
            looked.problems.append(f"{base.path.name} is of another history than the journal beside it")
    if len(looked.problems) == before and history.bases:
        end = max((history.reach(base) for base in history.bases), key=lambda end: end.revision)
        shown = words.point(end, words.zone_of(history.bases[-1].path))
        looked.summary.append(f"{history.path}: up to {shown}, head {end.hash.hex()}: the chain is sound.")


def _compare(signed: list[SignedHead], looked: _Looked) -> None:
    """Every signed head must be there as it was signed, and nowhere else otherwise, or be older than the
    journal.
    """
    older = matching = 0
    for each in signed:
        known = looked.hashes.get(each.revision)
        if known is not None and each.hash in known:
            matching += 1
            if others := [name for digest, names in known.items() if digest != each.hash for name in names]:
                fits, differs = ", ".join(sorted(known[each.hash])), ", ".join(sorted(set(others)))
                looked.problems.append(
                    f"revision {each.revision}, signed at {each.signed}, is as signed in {fits} and another "
                    f"one in {differs}"
                )
        elif known is not None:
            looked.problems.append(
                f"revision {each.revision} is not as signed at {each.signed}: the store was written anew"
            )
        elif each.revision > looked.last_revision:
            looked.problems.append(
                f"revision {each.revision}, signed at {each.signed}, is missing: "
                f"the journal ends at {looked.last_revision}"
            )
        else:
            older += 1
    if signed:
        trimmed = f"; {older} are older than the journal" if older else ""
        looked.summary.append(
            f"{matching} of {len(signed)} signed heads are there as they were signed{trimmed}."
        )
