"""Money as people type and read it, and as the contract carries it: whole minor units, never a float.

The Indonesian way of writing is the only one read: a dot groups thousands, a comma stands before the
decimals. What another way of writing would make a different amount ("108.40", "108,400") is refused instead
of guessed.
"""

import re

from clients.common.numbers import parse_whole
from clients.common.problems import BadInput
from kasir.v1.booking_pb2 import Order
from kasir.v1.common_pb2 import Money

# ISO 4217 "Minor unit" column; every other currency in use has two.
_CODES_BY_MINOR_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
MINOR_DIGITS = {code: digits for digits, codes in _CODES_BY_MINOR_DIGITS.items() for code in codes.split()}

# The contract's bound on one amount.
MINOR_UNITS_MAX = 10**15

_SIGNS = {"IDR": "Rp", "USD": "US$"}
_CURRENCY_OF_SIGN = {"RP": "IDR", "US$": "USD"}
_AMOUNT = re.compile(
    r"""
    (?P<minus>-)?\s*
    (?:(?P<currency>Rp\.?|US\$|[A-Za-z]{3})\s*)?
    (?P<minus_inside>-)?\s*
    (?P<whole>[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)
    (?:,(?P<decimals>[0-9]+|-{1,2}))?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WRONG_DOT = re.compile(r"^[^0-9]*0+\.|[0-9]\.[0-9]{1,2}(?![0-9])|[0-9]\.[0-9]{4,}|,[0-9]{3}([.,]|$)")


def minor_digits(currency_code: str) -> int:
    """How many decimal digits the currency has: 2 for IDR and most others."""
    return MINOR_DIGITS.get(currency_code, 2)


def parse_money(text: str, currency_code: str, *, signed: bool = False) -> Money:
    """Reads "108400", "108.400", "Rp 108.400,50" or "Rp108.400,-" as exact minor units of `currency_code`.

    Raises BadInput for what is no amount, could mean two amounts, names another currency, or is negative
    while `signed` is false.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise _why_not(text, currency_code)
    _same_currency(text, match["currency"], currency_code)
    negative = bool(match["minus"] or match["minus_inside"])
    if match["minus"] and match["minus_inside"]:
        raise BadInput("'{text}' has two minus signs.", text=text)
    if negative and not signed:
        raise BadInput("'{text}' is negative; an amount here is zero or more.", text=text)
    digits = minor_digits(currency_code)
    decimals = (match["decimals"] or "").strip("-")
    if decimals and len(decimals) != digits:
        raise _why_not(text, currency_code)
    whole = parse_whole(match["whole"].replace(".", ""))
    minor = None if whole is None else whole * 10**digits + int(decimals or "0")
    if minor is None or minor > MINOR_UNITS_MAX:
        most = show_amount(MINOR_UNITS_MAX, currency_code)
        raise BadInput("'{text}' is too much: at most {most}.", text=text, most=most)
    return Money(currency_code=currency_code, minor_units=-minor if negative else minor)


def _same_currency(text: str, named: str | None, currency_code: str) -> None:
    if named is None:
        return
    sign = named.upper().rstrip(".")
    if _CURRENCY_OF_SIGN.get(sign, sign) != currency_code:
        raise BadInput(
            "'{text}' is not in {currency}, the currency needed here.", text=text, currency=currency_code
        )


def _why_not(text: str, currency_code: str) -> BadInput:
    """Tells an ambiguous amount from something that is none."""
    digits = minor_digits(currency_code)
    example = f"108.400,{'5'.ljust(digits, '0')}" if digits else "108.400"
    if _WRONG_DOT.search(text) or re.search(r",[0-9]+", text):
        if not digits:
            return BadInput(
                "'{text}' could be read in two ways: write thousands with a dot, like {example}.",
                text=text,
                example=example,
            )
        return BadInput(
            "'{text}' could be read in two ways: write thousands with a dot and decimals with a comma and"
            " {digits} digits, like {example}.",
            text=text,
            digits=digits,
            example=example,
        )
    return BadInput(
        "'{text}' is not an amount of money: write it like 108400, 108.400 or {example}.",
        text=text,
        example=example,
    )


def show_amount(minor_units: int, currency_code: str) -> str:
    """Writes "Rp 108.400", "-Rp 5.000", "Rp 108.400,50", "EUR 12,00": decimals of rupiah only where there are
    some.
    """
    digits = minor_digits(currency_code)
    whole, rest = divmod(abs(minor_units), 10**digits)
    text = f"{whole:,}".replace(",", ".")
    if digits and (rest or currency_code != "IDR"):
        text += f",{rest:0{digits}d}"
    return f"{'-' if minor_units < 0 else ''}{_SIGNS.get(currency_code, currency_code)} {text}".replace(
        "  ", " "
    )


def show_money(money: Money) -> str:
    """One amount for people; an unset one is empty."""
    return show_amount(money.minor_units, money.currency_code) if money.currency_code else ""


def open_amount(order: Order) -> Money:
    """What of an order is still to pay; below zero when more was paid."""
    minor_units = order.payable.minor_units - order.paid.minor_units - order.written_off.minor_units
    return Money(currency_code=order.payable.currency_code, minor_units=minor_units)
