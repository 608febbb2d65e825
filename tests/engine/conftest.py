"""A shop on an engine in this process."""

from typing import Any

import pytest

from tests.engine.desk import Shop


@pytest.fixture
def shop(engine: Any) -> Shop:
    """A small shop on a new store."""
    return Shop(engine)
