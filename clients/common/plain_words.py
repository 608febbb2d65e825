"""What a refusal means for the person at the desk: one sentence, and the next step where there is one."""

import re
from collections.abc import Callable, Mapping

import grpc

from clients.common.money import show_amount
from clients.common.problems import CallFailed
from kasir.v1.common_pb2 import BatchError

# How a thing is named for people: kind ("item", "location") and id to a text.
Describe = Callable[[str, str], str]

# Reason -> (sentence, next step). A sentence stands only when the server told all facts that it names; else
# the server's own words stand there. "{item}" and "{location}" are names looked up from item_id and
# location_id; "{due}" is the amount of the detail due_minor in the detail currency, and so for every amount.
WORDS: dict[str, tuple[str, str]] = {
    "FIELD_REQUIRED": ("{where} is missing.", ""),
    "FIELD_OUT_OF_RANGE": ("", ""),
    "FIELD_TOO_LONG": ("", ""),
    "FIELD_MALFORMED": ("", ""),
    "TOO_MANY_ELEMENTS": ("", "Split it into several commands."),
    "CURRENCY_UNKNOWN": ("", "Use an ISO 4217 code like IDR."),
    "CURRENCY_MISMATCH": ("", ""),
    "AMOUNT_OUT_OF_RANGE": ("", ""),  # see MONEY_WORDS
    "BARCODE_CHECK_DIGIT": ("", "Scan it again, or check the last digit."),
    "CARD_NUMBER_REFUSED": (
        "That looks like a card number; those are never kept.",
        "Enter the terminal's approval code instead.",
    ),
    "MESSAGE_MALFORMED": (
        "The server could not read the request.",
        "Client and server may be of different versions.",
    ),
    "STATEMENT_UNRECOGNISED": (
        "",
        "Nothing was imported. Download the file again, name its --format, or see kasir cs save-mapping.",
    ),
    "STATEMENT_BROKEN": ("", "Nothing was imported."),
    "ITEM_NOT_FOUND": ("", "Look it up: kasir cs find WORDS."),
    "BARCODE_UNKNOWN": ("", "Look it up: kasir cs find WORDS."),
    "TAX_CLASS_NOT_FOUND": ("", "See: kasir setup tax-classes."),
    "LOCATION_NOT_FOUND": ("", "See: kasir setup locations."),
    "HOLD_NOT_FOUND": ("", "It was released, used up or its deadline passed."),
    "DROP_ORDER_NOT_FOUND": ("", "See: kasir cs drops."),
    "ORDER_NOT_FOUND": ("", "See: kasir cs bookings."),
    "CUSTOMER_NOT_FOUND": ("", "See: kasir cs customers."),
    "BANK_ACCOUNT_NOT_FOUND": ("", "See: kasir setup accounts."),
    "BANK_ACCOUNT_AMBIGUOUS": ("", "Say which, with its currency: --account 'NUMBER USD'."),
    "COLUMN_MAPPING_NOT_FOUND": ("", "See: kasir cs mappings."),
    "COLUMN_MAPPING_AMBIGUOUS": ("", "Add --saved NAME, and --account if several accounts have it."),
    "MUTATION_NOT_FOUND": ("", "See: kasir cs mutations."),
    "SALE_NOT_FOUND": ("", ""),
    "TILL_NOT_FOUND": ("", "See: kasir till tills."),
    "SHIFT_NOT_FOUND": ("", "See: kasir till shifts."),
    "COURIER_NOT_FOUND": ("", "See: kasir courier list."),
    "PARCEL_NOT_FOUND": ("", "Check the number on the label."),
    "MANIFEST_NOT_FOUND": ("", ""),
    "REFUND_NOT_FOUND": ("", ""),
    "PRINT_JOB_NOT_FOUND": ("", "See: kasir print jobs."),
    "MESSAGE_NOT_FOUND": ("", "See: kasir cs messages."),
    "METHOD_UNKNOWN": (
        "The server does not know this command.",
        "Client and server may be of different versions.",
    ),
    "REQUEST_ID_REUSED": ("The server has another request under this request id.", "Nothing was changed."),
    "SKU_TAKEN": ("", ""),
    "BARCODE_TAKEN": ("", ""),
    "CODE_TAKEN": ("", ""),
    "PHONE_TAKEN": ("", "See: kasir cs customers."),
    "AIRWAY_BILL_TAKEN": ("", "Check the number on the courier's slip."),
    "OUT_OF_STOCK": ("Not enough of {item} at {location}: {wanted} wanted, {available} available.", ""),
    "WRONG_STATE": ("{entity} {id} is {state}: '{action}' is not possible now.", ""),
    "DEADLINE_PASSED": ("The deadline lies in the past.", "Give a later time, like +3h."),
    "NOT_PAID": ("", "A sale is made only from a paid order."),
    "ORDER_SOLD": ("", "A sold order keeps its payment."),
    "OVER_ALLOCATED": ("", "See what is due: kasir cs show ORDER."),
    "WRITE_OFF_TOO_HIGH": ("", "See what may be: kasir cs rules."),  # see MONEY_WORDS
    "PROPOSAL_AMBIGUOUS": (
        "Several orders fit equally.",
        "Compare: kasir cs proposals --decision ambiguous. Then say which: kasir cs allocate MUTATION ORDER.",
    ),
    "REMAINDER_LEFT": ("", "Add --credit to keep the rest for the customer."),
    "TENDERS_TOO_LOW": ("", ""),
    "CHANGE_NOT_FROM_CASH": ("Only cash gives change.", "Lower the other payments."),
    "SALE_OF_ORDER": ("", "A till gives back what tills sold."),
    "REFUND_TOO_MUCH": ("Only {left} of it can still be given back.", "See: kasir till refund RECEIPT."),
    "DRAWER_TOO_LOW": ("", "Put cash in first, or pay it back another way."),
    "SHIFT_OPEN": ("", "See: kasir till close."),
    "SHIFT_CLOSED": ("", "Open one: kasir till open."),
    "ITEM_MISMATCH": ("", "Nothing was moved."),
    "ITEM_INACTIVE": ("{item} is not sold any more.", ""),
    "PRICE_MISSING": ("{item} has no price for this quantity.", ""),
    "UNIQUE_CODES_EXHAUSTED": ("", "Wait until open orders close, or use another bank account."),
    "DROP_ORDER_REQUIRED": (
        "Stock of a CS desk moves by Drop Orders only.",
        "Request one: kasir cs drop ITEM.",
    ),
    "LOCATION_KIND_WRONG": ("", "See: kasir setup locations."),
    "COURIER_NOT_CONNECTED": ("", "Enter the number by hand: kasir cs awb PARCEL NUMBER."),
    "CUSTOMER_BUSY": ("", ""),
    "CUSTOMER_ERASED": ("", ""),
    "REPLY_LOST": ("", "It was done once: look it up before you do it again."),
    "POINTS_TOO_LOW": ("", ""),
    "CREDIT_TOO_LOW": ("", ""),
    "SETTING_FIXED": ("", ""),
    "VERSION_STALE": ("", "Somebody changed it meanwhile: look at it again, then repeat."),
    "QUEUE_FULL": ("The server has too much to do.", "Try again in a moment."),
    "REVISION_COMPACTED": ("The journal does not reach back that far.", "Start from now, without --since."),
    "TOO_MANY_STREAMS": ("", "Close a watch that nobody looks at."),
    "TOO_MANY_UPLOADS": ("", "Try again in a moment."),
    "READER_TOO_SLOW": ("", ""),
    "UPLOAD_STALLED": ("", "Nothing was imported. Try again."),
    "TOO_MANY_CALLS": ("", "Try again in a moment."),
    "MESSAGE_TOO_LARGE": ("", "Split it into several commands."),
    "FILE_TOO_LARGE": ("", "Download a shorter period."),
    "SNAPSHOT_UNWRITABLE": ("", "Tell whoever runs the server."),
    "SERVER_STOPPING": ("The server is being stopped.", "Try again when it runs."),
    "ACTOR_MALFORMED": ("", "Say who you are with --as NAME."),
    "ACTOR_MISMATCH": ("", "Log in with: kasir login NAME."),
    "ACCESS_NAME_TAKEN": ("", ""),
    "ACCESS_NOT_FOUND": ("", ""),
    "DEVICE_UNKNOWN": ("", ""),
    "ENROLMENT_REFUSED": ("", "Ask for a new one."),
    "LAST_OWNER": ("", ""),
    "LOCATION_DENIED": ("You do not work at this location.", "Ask whoever is in charge."),
    "LOGIN_FAILED": ("", ""),
    "LOGIN_LOCKED": ("", ""),
    "RATE_EXCEEDED": ("", ""),
    "ROLE_MISSING": ("", "Ask whoever is in charge."),
    "SESSION_REQUIRED": ("Nobody is logged in at this device.", "Log in with: kasir login NAME."),
    "ACTOR_RESERVED": ("That is the server's own name.", "Say who you are with --as NAME."),
    "WRITER_STOPPED": ("The server takes no commands now.", "Whoever runs it must look at it."),
    "STORE_FULL": (
        "The server's disk is full or cannot be written; nothing was changed.",
        "Tell whoever runs it.",
    ),
    "STORE_CORRUPT": ("A stored record cannot be trusted.", "Tell whoever runs the server: kasir verify."),
}

# Where the server's own words count in minor units, which no cashier does: sentences instead, the one that
# says most first. The first of which all facts were told stands; the last of each needs none.
MONEY_WORDS: dict[str, tuple[str, ...]] = {
    "TENDERS_TOO_LOW": ("{missing} is missing.", "The payments do not reach the total."),
    "NOT_PAID": (
        "Order {order_id} is not paid: {due} is missing.",
        "Order {order_id} is not paid in full.",
        "The order is not paid in full.",
    ),
    "OVER_ALLOCATED": (
        "Order {order_id} has {due} to pay, and no more.",
        "The money is {available}, and {wanted} are given out.",
        "Order {order_id} has less to pay than that.",
        "The money is less than what is given out.",
    ),
    "WRITE_OFF_TOO_HIGH": (
        "Order {order_id} would have {left} left to pay; the account's rules write off {max} at most.",
        "More would be written off than the account's rules allow, or other than what is left to pay.",
    ),
    "REMAINDER_LEFT": ("{remainder} is left over.", "Some of the money is left over."),
    "CREDIT_TOO_LOW": ("The customer's credit is {available}, not {wanted}.", ""),
    "DRAWER_TOO_LOW": (
        "There is {expected_cash} in the drawer, and {wanted} would be paid out.",
        "The drawer has less cash than would be paid out.",
    ),
    "AMOUNT_OUT_OF_RANGE": (
        "{where} is {value}: it must lie between {min} and {max}.",
        "There is {expected_cash} in the drawer: no more can be taken, and zero moves nothing.",
        "{outside}",
        "",
    ),
}

# When the line failed before anybody decided anything.
_TRANSPORT: dict[grpc.StatusCode, str] = {
    grpc.StatusCode.UNAVAILABLE: "The server at {server} does not answer. Is it running?",
    grpc.StatusCode.DEADLINE_EXCEEDED: "The server at {server} did not answer in time.",
    grpc.StatusCode.UNAUTHENTICATED: "The server at {server} does not know who you are.",
    grpc.StatusCode.PERMISSION_DENIED: "The server at {server} does not allow this to you.",
    grpc.StatusCode.UNIMPLEMENTED: "The server at {server} does not know this command: another version?",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "That is more than the server at {server} takes: {message}",
}

# What ends the name of a detail that is an amount.
_MINOR = "_minor"
NAMED_BY_ID = ("item", "location", "till", "order")


def by_number(kind: str, ident: str) -> str:
    """Describes things where their names are not known, like "item 7"."""
    return f"{kind} {ident}"


def sentence(failed: CallFailed, describe: Describe, server: str = "") -> str:
    """What happened and what to do next, in plain words. `describe` names things; `server` is its address."""
    if not failed.reason:
        words = _TRANSPORT.get(failed.code, "The server at {server} failed: {message}")
        return words.format(server=server, message=ended(failed.message or failed.code.name.lower()))
    return _words(failed.reason, failed.message, failed.details, failed.field, describe)


def batch_sentence(error: BatchError, describe: Describe) -> str:
    """The same for one element of a batch."""
    return _words(error.reason, error.message, error.details, error.details.get("field", ""), describe)


def _words(reason: str, message: str, details: Mapping[str, str], field: str, describe: Describe) -> str:
    pattern, advice = WORDS.get(reason, ("", ""))
    facts = refusal_facts(details, field)
    for kind in NAMED_BY_ID:
        if f"{kind}_id" in details and f"{{{kind}}}" in pattern:
            facts[kind] = describe(kind, details[f"{kind}_id"])
    patterns = MONEY_WORDS.get(reason, (pattern,))
    words = next(filter(None, (filled(each, facts) for each in patterns)), "")
    if not words:
        words = servers_words(reason, message, field)
    return f"{words} {advice}".strip()


def refusal_facts(details: Mapping[str, str], field: str) -> dict[str, str]:
    """The server's details, with amounts, states and the field as people say them."""
    facts = dict(details)
    facts |= {name: _uncamelled(details[name]) for name in ("state", "action") if name in details}
    for name, value in details.items():
        if name.endswith(_MINOR) and details.get("currency") and re.fullmatch(r"-?[0-9]{1,18}", value):
            facts[name.removesuffix(_MINOR)] = show_amount(int(value), details["currency"])
    if field:
        where = facts["where"] = field_words(field)
        if "max" in details:
            # Which bound was broken is not told: the amount is below the least or above the most.
            of_lines = re.fullmatch(r"Lines?(?: [0-9]+)?", where)
            comes = "What is asked for comes to" if of_lines else f"{where} is"
            facts["outside"] = f"{comes} nothing, less than nothing, or more than Kasir can keep."
    return facts


def filled(pattern: str, facts: Mapping[str, str]) -> str:
    """The sentence, or nothing when a fact is missing."""
    try:
        return pattern.format_map(facts)
    except KeyError:
        return ""


def servers_words(reason: str, message: str, field: str) -> str:
    """What the server said, with the name of a field in the place of its path."""
    words = ended(message) or f"Refused: {reason}."
    if not field:
        return words
    where = field_words(field)
    if words.startswith(field):
        return where + words.removeprefix(field)
    if field in words:
        return words.replace(field, where[:1].lower() + where[1:])
    return f"{where}: {words}" if _is_about_the_field(reason) else words


def _is_about_the_field(reason: str) -> bool:
    """Whether the words make no sense without the field's name; "SKU A is taken" does."""
    return reason.startswith(("FIELD_", "AMOUNT_", "CURRENCY_", "TOO_MANY_ELEMENTS"))


def _uncamelled(name: str) -> str:
    """The engine's names of states and actions as people say them: "HandOver" is "hand over"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def field_words(path: str) -> str:
    """A field's path as people say it: "booking.lines[0].quantity" is "Line 1, quantity"."""
    words: list[str] = []
    for part in path.split("."):
        name, _, index = part.rstrip("]").partition("[")
        if name == "minor_units" and words:
            continue
        name = name.replace("_", " ")
        if index.isascii() and index.isdigit():
            name = f"{re.sub(r'(?<=ss)es$|(?<=x)es$|(?<=ch)es$|s$', '', name)} {int(index) + 1}"
        words.append(name)
    if len(words) > 1 and words[0] in {"booking", "item", "sale", "customer", "settings", "header"}:
        words = words[1:]
    text = ", ".join(words)
    return text[:1].upper() + text[1:]


def ended(text: str) -> str:
    """The text with its point."""
    text = text.strip()
    return text if not text or text[-1] in ".!?" else f"{text}."
