"""What BCA's mutation texts tell: who paid, and the day of a row that is not posted yet.

The bank cuts names and notes off and glues them together, so all of this is a hint, never an identity.
"""

import re

# Notes are two fields of this width, padded with blanks or cut off; then comes the name, at most as wide.
_FIELD = 18

_DAY = re.compile(r"E-BANKING (?:CR|DB) ([0-3][0-9])([01][0-9])/|TANGGAL ?:([0-3][0-9])/([01][0-9])")
# "TRSF E-BANKING CR 0205/FTSCY/WS95031         108400.00" and then notes and name
_E_BANKING = re.compile(
    r"TRSF E-BANKING (?:CR|DB) [0-9]{4}/FTSCY/\S+\s+[0-9]+\.[0-9]{2}(?P<rest>.*)", re.DOTALL
)
# "BI-FAST CR TRANSFER   DR 014 NAME", "SWITCHING CR TRANSFER DR 008 NAME": DR is "dari" (from), KE is "to"
_TRANSFER = re.compile(r"(?:BI-FAST|SWITCHING) (?:CR|DB) .*?\b(?:DR|KE) [0-9]{3} (?P<rest>.*)", re.DOTALL)
# "KR OTOMATIS LLG-MANDIRI NAME", "KR OTOMATIS LLG-ANTAR BANK NAME"
_CLEARING = re.compile(r"KR OTOMATIS (?:LLG|RTGS)-(?:ANTAR BANK|\S+)\s+(?P<rest>.*)", re.DOTALL)
_NAME = re.compile(r"[^\W\d_][^\d]*")


def counterparty(description: str) -> str:
    """The payer's or payee's name where the text shows where it begins; else empty."""
    if match := _E_BANKING.match(description):
        name = _last_field(match["rest"].strip())
    elif match := _TRANSFER.match(description) or _CLEARING.match(description):
        name = re.split(r"\s{2,}", match["rest"].strip())[0]
    else:
        return ""
    return name if _NAME.fullmatch(name) else ""


def day_in_text(description: str) -> str | None:
    """The day of the transaction as "DD/MM", or None when the text names none."""
    match = _DAY.search(description)
    if match is None:
        return None
    day, month = (match[1], match[2]) if match[1] else (match[3], match[4])
    return f"{day}/{month}"


def _last_field(text: str) -> str:
    """The name behind the notes, or empty when nothing shows where it begins."""
    padded = re.split(r"\s{2,}", text)
    if len(padded) > 1:
        return padded[-1]
    if len(text) <= _FIELD:
        return text
    # Notes that fill their fields leave no blank before the name.
    fields = 2 if len(text) > 2 * _FIELD else 1
    return text[fields * _FIELD :].strip()
