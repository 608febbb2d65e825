"""Why the server said no, in the language of now, with the next step as it is taken in a window."""

from collections.abc import Mapping
from dataclasses import dataclass

from clients.common.plain_words import (
    NAMED_BY_ID,
    Describe,
    ended,
    field_words,
    filled,
    refusal_facts,
    servers_words,
)
from clients.common.problems import CallFailed
from clients.common.shop import Shop
from clients.desktop import texts
from clients.desktop.refusal_words import DETAILED, ENTITIES, FIELDS, NO_ANSWER, STATES, WORDS
from clients.desktop.texts import _, marked
from kasir.v1.common_pb2 import BatchError

_FAILED = marked("The server at {server} failed: {message}")
_UNKNOWN = marked("The server refused it ({reason}).")


@dataclass(frozen=True)
class _Refusal:
    reason: str
    message: str
    details: Mapping[str, str]
    field: str


def sentence(failed: CallFailed, describe: Describe, server: str) -> str:
    """What happened and what to do next. `describe` names things; `server` is its address."""
    if not failed.reason:
        words = _(NO_ANSWER.get(failed.code, _FAILED))
        return words.format(server=server, message=ended(failed.message or failed.code.name.lower()))
    return _words(_Refusal(failed.reason, failed.message, failed.details, failed.field), describe)


def why(shop: Shop, error: BatchError) -> str:
    """The same for one element of a batch."""
    details = dict(error.details)
    refusal = _Refusal(error.reason, error.message, details, details.get("field", ""))
    return _words(refusal, shop.describe)


def _words(refusal: _Refusal, describe: Describe) -> str:
    sentences, advice = WORDS.get(refusal.reason, ((_UNKNOWN,), ""))
    facts = _facts(refusal, " ".join(sentences), describe)
    *special, general = sentences
    words = next(filter(None, (filled(_(each), facts) for each in special)), "")
    if not words:
        words = _general(refusal, _(general).format_map({"reason": refusal.reason}))
    return f"{words} {_(advice)}".strip()


def _general(refusal: _Refusal, words: str) -> str:
    """The server speaks English, and knows more; in another language it is heard where that matters."""
    said = servers_words(refusal.reason, refusal.message, refusal.field) if refusal.message else ""
    if texts.language() == "en":
        return said or words
    if said and (refusal.reason in DETAILED or refusal.reason not in WORDS):
        return f"{words} ({said})"
    return words


def _facts(refusal: _Refusal, sentences: str, describe: Describe) -> dict[str, str]:
    facts = refusal_facts(refusal.details, refusal.field)
    for kind in NAMED_BY_ID:
        if f"{kind}_id" in refusal.details and f"{{{kind}}}" in sentences:
            facts[kind] = describe(kind, refusal.details[f"{kind}_id"])
    if refusal.field:
        facts["where"] = where(refusal.field)
    entity = refusal.details.get("entity", "")
    if entity in ENTITIES:
        facts["thing"] = _(ENTITIES[entity])
        state = STATES.get(entity, {}).get(refusal.details.get("state", ""))
        if state:
            facts["stands"] = _(state)
    return facts


def where(path: str) -> str:
    """A field's path as people say it: "booking.lines[0].quantity" is "Baris 1, jumlah"."""
    if texts.language() == "en":
        return field_words(path)
    words: list[str] = []
    for part in path.split("."):
        name, _bracket, index = part.rstrip("]").partition("[")
        if name == "minor_units" and words:
            continue
        said = _(FIELDS[name]) if name in FIELDS else name.replace("_", " ")
        words.append(f"{said} {int(index) + 1}" if index.isascii() and index.isdigit() else said)
    if len(words) > 1 and path.split(".", 1)[0] in {
        "booking",
        "item",
        "sale",
        "customer",
        "settings",
        "header",
    }:
        words = words[1:]
    text = ", ".join(words)
    return text[:1].upper() + text[1:]
