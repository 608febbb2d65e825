"""Goal: a server that is asked for far more than it can do does not break down: what it said it did is done
once, what it refused is not, and it serves on.

Method: bench.overload against a real server that has few calls in progress, a fraction of a second. No figure
is judged.
"""

from pathlib import Path

import pytest

from bench import overload, work
from bench.kasir_server import SERVE_OPTIONS, KasirServer
from bench.overload import held, measure

SMALL = {"ITEMS": 40, "CUSTOMERS": 20, "BODIES": 50, "BATCH_BODIES": 4, "SEED_THREADS": 8}
TIMES = 20.0


@pytest.mark.timeout(300)
def test_what_is_beyond_its_means_is_refused_and_the_rest_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(work, name, value)
    monkeypatch.setattr(overload, "UNDER_WAY", (256,))
    assert list(work.seed_store(tmp_path / "shop"))[-1] == 100
    with KasirServer(tmp_path / "shop", options=(*SERVE_OPTIONS, "--max-queue", "200")) as server:
        # Holds what was said beside what is there.
        result = measure(server, seconds=0.7, times=TIMES)
        assert result.told.sent == result.told.good + result.told.exhausted
        assert result.told.good
        assert result.told.exhausted, "it was more than it could do"
        assert result.peak_after_per_s > 0
        assert held(server) > result.told.good
