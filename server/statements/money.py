"""Amounts as banks write them, to integer minor units and back, exactly."""

import re

# The contract's bound: |amount| <= 10^15 minor units.
MAX_AMOUNT_MINOR = 10**15

# ISO 4217: how many minor digits a currency has, where it is not two. A reader checks that the code is one.
_MINOR_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"), 0),
    **dict.fromkeys(("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
_USUAL_DIGITS = 2

# ASCII digits only: `\d` would also take other scripts' digits. Thousands are grouped in threes or not at
# all.
_AMOUNT = re.compile(r"(-?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?")
_MAX_DIGITS = 20


class AmountError(ValueError):
    """Not an amount; the message says why in plain words."""


def minor_digits(currency: str) -> int:
    """How many decimals of an amount are minor units, by ISO 4217."""
    return _MINOR_DIGITS.get(currency, _USUAL_DIGITS)


def parse_amount(text: str, currency: str, *, decimals: int | None = None) -> int:
    """Minor units of `text`, e.g. "3,528,964.00" or "-108400.00", written with a decimal point.

    `decimals`: how many decimals must be written (a missing digit then shows that the text was cut off); None
    takes any number. Decimals beyond the currency's minor digits must be zeros: nothing is ever rounded.
    Raises AmountError.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise AmountError(f"{shown(text)} is not an amount")
    sign, whole, fraction = match.group(1), match.group(2).replace(",", ""), match.group(3) or ""
    if decimals is not None and len(fraction) != decimals:
        raise AmountError(f"{shown(text)} should have {decimals} decimals")
    if len(whole) + len(fraction) > _MAX_DIGITS:
        raise AmountError(f"{shown(text)} is too large")
    digits = minor_digits(currency)
    if fraction[digits:].strip("0"):
        raise AmountError(f"{shown(text)} has more decimals than {currency} has minor units")
    minor = int(whole + fraction[:digits].ljust(digits, "0"))
    if minor > MAX_AMOUNT_MINOR:
        raise AmountError(f"{shown(text)} is too large")
    return -minor if sign else minor


def format_amount(minor: int, currency: str) -> str:
    """`minor` for people, e.g. 10840000 of IDR as "108,400.00"."""
    digits = minor_digits(currency)
    sign = "-" if minor < 0 else ""
    whole, fraction = divmod(abs(minor), 10**digits)
    return f"{sign}{whole:,}.{fraction:0{digits}d}" if digits else f"{sign}{whole:,}"


def shown(text: str) -> str:
    """`text` in quotes, short enough for a message."""
    return repr(text if len(text) <= 40 else text[:40] + "…")
