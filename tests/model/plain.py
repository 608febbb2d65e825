"""Messages of the contract as plain dicts: what the model reads and answers.

Money is an integer of minor units when it is in rupiah, else a pair (currency, minor units). Times and
durations are milliseconds, enums their names without prefix ("HANDED_OVER"); an unset message is None, an
unset oneof is missing.
"""

import re
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

HOME_CURRENCY = "IDR"
# What the model does not know: when a record changed last (deadlines fall due a little late), and how a
# matcher weighs.
UNKNOWN_TO_THE_MODEL = frozenset({"update_time", "score_millinats", "margin_millinats", "reasons"})


def plain(message: Message) -> dict[str, Any]:
    """The fields of a message, by name."""
    fields: dict[str, Any] = {}
    for descriptor in message.DESCRIPTOR.fields:
        name = descriptor.name
        if name in UNKNOWN_TO_THE_MODEL:
            continue
        if descriptor.containing_oneof is not None and not message.HasField(name):
            continue
        value = getattr(message, name)
        if _is_map(descriptor):
            fields[name] = dict(value)
        elif descriptor.is_repeated:
            fields[name] = [_value(descriptor, each) for each in value]
        elif descriptor.message_type is not None and not message.HasField(name):
            fields[name] = None
        else:
            fields[name] = _value(descriptor, value)
    return fields


def _is_map(descriptor: FieldDescriptor) -> bool:
    return descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry


def _value(descriptor: FieldDescriptor, value: Any) -> Any:
    if descriptor.enum_type is not None:
        return _enum_name(descriptor.enum_type, value)
    if descriptor.message_type is None:
        return value
    match descriptor.message_type.full_name:
        case "google.protobuf.Timestamp" | "google.protobuf.Duration":
            return value.ToMilliseconds()
        case "kasir.v1.Money":
            home = value.currency_code == HOME_CURRENCY
            return value.minor_units if home else (value.currency_code, value.minor_units)
        case _:
            return plain(value)


def _enum_name(enum: EnumDescriptor, number: int) -> str | int:
    """The name without its prefix, "" when nothing was said; the number itself when the contract has no such
    value.
    """
    known = enum.values_by_number.get(number)
    if known is None:
        return number
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper() + "_"
    name = known.name.removeprefix(prefix)
    return "" if name == "UNSPECIFIED" else name


def public(value: Any) -> Any:
    """A deep copy without what the model keeps for itself (names that begin with an underscore)."""
    if isinstance(value, dict):
        return {name: public(each) for name, each in value.items() if not str(name).startswith("_")}
    if isinstance(value, list):
        return [public(each) for each in value]
    return value
