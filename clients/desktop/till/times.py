"""Times of the till's clock."""

from datetime import timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from clients.common.times import show_time


def clock(time_ms: int, offset: timedelta) -> str:
    """A time (ms since 1970) for people, in the shop's zone."""
    stamp = Timestamp()
    stamp.FromMilliseconds(time_ms)
    return show_time(stamp, offset)
