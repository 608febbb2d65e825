"""A serial line for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.devices.pty_line import PtyLine


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PtyLine]:
    made = PtyLine(tmp_path / "ttyTEST0")
    yield made
    made.unplug()
