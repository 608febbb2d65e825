"""A parcel's steps as carriers tell them: which history it is, and when each was."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from clients.common.times import WIB_CLOCK
from clients.couriers.carrier import TrackEvent, Unclear
from clients.couriers.line import Reply


def read_steps(
    reply: Reply, history: object, event_of: Callable[[dict[str, Any]], TrackEvent]
) -> list[TrackEvent] | Unclear:
    """The steps of an answer, where `history` is what stands in the place for them."""
    if not reply.is_good or not isinstance(history, list):
        return reply.unclear()
    return [event_of(each) for each in history if isinstance(each, dict)]


def iso_time(told: object) -> datetime | None:
    """A time with its zone, in ISO 8601; None for what is none."""
    try:
        time = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def wib_time(told: object, layout: str) -> datetime | None:
    """A time of Western Indonesia, where the clock is of carriers that tell no zone, as `strptime` reads it.

    None for what is no such time.
    """
    try:
        return datetime.strptime(str(told), layout).replace(tzinfo=WIB_CLOCK)
    except ValueError:
        return None
