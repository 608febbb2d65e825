"""What the tests of this directory share."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.crash import disk
from tests.crash.death import preload


@pytest.fixture
def preloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`preload`, for this test."""
    return partial(preload, monkeypatch, disk.recorder(tmp_path))
