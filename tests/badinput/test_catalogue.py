"""Every refusal has a test that provokes it.

Goal: each reason of the catalogue reaches a client over gRPC as its own status and reason, in plain words,
names the field that is wrong, and changes nothing. Method: the catalogue is read from the core's source; for
each reason a way to provoke it stands in `provoked.py`, or, for what only the engine's inside can lead to, a
test elsewhere that does. A reason with neither fails.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine import Code, EngineError
from tests.badinput.provoked import PROVOKED
from tests.badinput.world import World
from tools.refusals import CORE, ROOT, Reason, read_rust

CATALOGUE = {reason.name: reason for reason in read_rust(CORE)}

# What no request leads to: a full disk, a damaged file, a writer that stopped. Reason -> file and test.
PROVOKED_ELSEWHERE = {
    "STORE_FULL": ("engine_rs/store/tests/disk.rs", "a_really_full_disk_is_waited_for"),
    "STORE_CORRUPT": (
        "engine_rs/store/tests/files.rs",
        "a_damaged_record_stops_the_writer_rather_than_being_built_upon",
    ),
    "REPLY_LOST": (
        "engine_rs/store/tests/files.rs",
        "a_damaged_reply_is_not_given_out_and_stops_nobody_else",
    ),
    "WRITER_STOPPED": (
        "engine_rs/store/tests/sequencer.rs",
        "closing_answers_what_was_accepted_and_takes_nothing_more",
    ),
    "QUEUE_FULL": ("engine_rs/store/tests/sequencer.rs", "the_queue_is_bounded_and_says_when_to_try_again"),
    "REVISION_COMPACTED": (
        "engine_rs/store/tests/files.rs",
        "a_trimmed_journal_begins_later_and_everything_else_stays",
    ),
    # gRPC answers an unknown method before the engine is asked: the engine's own refusal is below.
    "METHOD_UNKNOWN": (
        "tests/badinput/test_catalogue.py",
        "test_the_engine_itself_refuses_an_unknown_method",
    ),
}


def test_every_reason_is_provoked_by_some_test() -> None:
    assert CATALOGUE.keys() == PROVOKED.keys() | PROVOKED_ELSEWHERE.keys()
    assert not PROVOKED.keys() & PROVOKED_ELSEWHERE.keys()


@pytest.mark.parametrize("reason", sorted(PROVOKED_ELSEWHERE))
def test_the_tests_elsewhere_are_there(reason: str) -> None:
    source, name = PROVOKED_ELSEWHERE[reason]
    text = (ROOT / source).read_text()
    body = re.search(rf"^(?:def|fn) {name}\(.*?(?=^(?:def|fn|#\[|@)|\Z)", text, re.MULTILINE | re.DOTALL)
    assert body is not None, f"{source} has no {name}"
    variant = "".join(word.title() for word in reason.split("_"))
    assert reason in body[0] or f"Reason::{variant}" in body[0], f"{name} does not look for {reason}"


@pytest.mark.parametrize("reason", sorted(PROVOKED))
def test_a_refusal_is_told_and_changes_nothing(reason: str, channel, engine) -> None:
    world = World(channel, engine)

    refused = world.refuses(PROVOKED[reason](world))

    assert (refused.reason, refused.domain) == (reason, "kasir")
    assert refused.code.name == CATALOGUE[reason].status


def test_the_engine_itself_refuses_an_unknown_method(engine) -> None:
    with pytest.raises(EngineError) as caught:
        engine.submit_blocking("/kasir.v1.StockService/Steal", b"", "sari")
    assert (caught.value.code, caught.value.reason) == (Code.UNIMPLEMENTED, "METHOD_UNKNOWN")
    assert CATALOGUE["METHOD_UNKNOWN"].status == "UNIMPLEMENTED"


def test_the_page_of_refusals_is_that_of_the_sources() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "refusals.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_a_catalogue_that_is_none_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    empty = tmp_path / "refusal.rs"
    empty.write_text("pub enum Reason {}")
    with pytest.raises(SystemExit):
        read_rust(empty)
    empty.write_text('reasons! {\n    OutOfStock = "OUT_OF_STOCK" FailedPrecondition "Less.";\n}\n')
    assert read_rust(empty) == [Reason("OUT_OF_STOCK", "FAILED_PRECONDITION", "Less.")]
