"""QRIS codes: the shop's own, as the bank gave it to be printed, with an amount put into it.

A payload is a row of fields, each a number of two digits, a length of two digits and a value (EMV QR Code
Specification for Payment Systems, Merchant-Presented Mode); the last is the checksum of all before it.
"""

from binascii import crc_hqx

from clients.common.problems import BadInput

_CRC_START = 0xFFFF
_CHECKSUM = "63"
# Whether the code is for many payments or, with an amount in it, for one
_INITIATION, _ONE = "01", "12"
_CURRENCY, _AMOUNT = "53", "54"
_RUPIAH = "360"


def checked(code: str) -> str:
    """The shop's code without what stands around it. Raises BadInput for what is none."""
    payload = code.strip()
    fields = _fields(payload)
    stated = fields.get(_CHECKSUM, "")
    if payload[:6] != "000201" or payload[-8:-4] != _CHECKSUM + "04":
        raise BadInput("That is no QRIS code: it begins with 000201 and ends with its checksum.")
    if stated.upper() != _checksum(payload[:-4]):
        raise BadInput("The QRIS code has a mistake in it: its checksum is another. Copy it anew.")
    if fields.get(_CURRENCY) != _RUPIAH:
        raise BadInput("The QRIS code is not for rupiah.")
    return payload


def with_amount(code: str, minor: int) -> str:
    """A code for one payment of so many hundredths of a rupiah to whom the shop's code pays.

    Raises BadInput for a code that is none, and for nothing to pay.
    """
    fields = _fields(checked(code))
    if minor <= 0:
        raise BadInput("There is nothing to pay by QRIS.")
    rupiah, sen = divmod(minor, 100)
    fields[_AMOUNT] = f"{rupiah}.{sen:02}" if sen else str(rupiah)
    fields[_INITIATION] = _ONE
    del fields[_CHECKSUM]
    body = "".join(f"{name}{len(value):02}{value}" for name, value in sorted(fields.items()))
    body += _CHECKSUM + "04"
    return body + _checksum(body)


def _fields(payload: str) -> dict[str, str]:
    found, rest = {}, payload
    while rest:
        name, length = rest[:2], rest[2:4]
        if not (payload.isascii() and name.isdigit() and length.isdigit()) or len(rest) < 4 + int(length):
            raise BadInput("That is no QRIS code: copy the whole text of the shop's own.")
        found[name], rest = rest[4 : 4 + int(length)], rest[4 + int(length) :]
    return found


def _checksum(body: str) -> str:
    return f"{crc_hqx(body.encode(), _CRC_START):04X}"
