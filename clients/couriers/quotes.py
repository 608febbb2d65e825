"""Prices as carriers tell them: each in its own words, and none of them to be trusted to be one."""

from collections.abc import Callable
from typing import Any

from clients.couriers.carrier import Quote, Unclear
from clients.couriers.line import Line


def read_quotes(
    line: Line, found: list[Any], quote_of: Callable[[dict[str, Any]], Quote]
) -> list[Quote] | Unclear:
    """The prices of an answer. `quote_of` raises KeyError, ValueError or TypeError for what is none."""
    quotes = []
    for each in found:
        if not isinstance(each, dict):
            return line.odd("the answer's prices are none: one is no object")
        try:
            quotes.append(quote_of(each))
        except KeyError as missing:
            return line.odd(f"the answer's prices cannot be read: {missing.args[0]} is missing")
        except (TypeError, ValueError) as error:
            return line.odd(f"the answer's prices cannot be read: {error}")
    return quotes
