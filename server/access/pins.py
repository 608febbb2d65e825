"""PINs, tokens and codes: how they are made, and the only form in which each is kept.

A PIN has few possibilities: it is hashed slowly (argon2id), after a pepper that lies in another place than
the data. Tokens, keys and codes are random and long: SHA-256 is enough.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import argon2

PIN_MIN, PIN_MAX = 4, 64
TOKEN_BYTES = 32
KEY_PREFIX = "kasir_"
# Of a code: no signs that look alike. 60 bits that live for an hour, and 80 of the server's certificate.
CODE_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
SECRET_SIGNS, PIN_OF_SERVER_SIGNS = 12, 16


@dataclass(frozen=True)
class Cost:
    """What one guess costs: passes, KiB of memory."""

    passes: int = 3
    memory_kib: int = 65_536


DEFAULT_COST = Cost()


class Pins:
    """Hashes and checks PINs."""

    def __init__(self, pepper: bytes, cost: Cost | None = None) -> None:
        self._pepper = hmac.new(pepper, b"kasir pin", hashlib.sha256).digest()
        cost = cost or DEFAULT_COST
        self._hasher = argon2.PasswordHasher(cost.passes, cost.memory_kib, 1)

    @cached_property
    def _nobody(self) -> str:
        """Who does not exist costs as much as who does."""
        return self.hash("", secrets.token_hex())

    def hash(self, user: str, pin: str) -> str:
        """What is kept of a PIN."""
        return self._hasher.hash(self._peppered(user, pin))

    def fits(self, user: str, pin: str, kept: str) -> bool:
        """Whether it is the PIN; `kept` is "" for who has none, which takes as long to find out."""
        try:
            self._hasher.verify(kept or self._nobody, self._peppered(user, pin))
        except argon2.exceptions.VerificationError:
            return False
        return bool(kept)

    def _peppered(self, user: str, pin: str) -> bytes:
        return hmac.new(self._pepper, user.encode() + b"\0" + pin.encode(), hashlib.sha256).digest()


def audit_key(pepper: bytes) -> bytes:
    """What the log of access is sealed with."""
    return hmac.new(pepper, b"kasir audit", hashlib.sha256).digest()


def weakness(pin: str) -> str:
    """What is wrong with a new PIN, in plain words; empty: nothing."""
    if not PIN_MIN <= len(pin) <= PIN_MAX:
        return f"A PIN has {PIN_MIN} to {PIN_MAX} characters."
    if not pin.isprintable():
        return "A PIN has characters that can be typed."
    if len(set(pin)) == 1:
        return "A PIN of one sign only is guessed at once."
    steps = {ord(after) - ord(before) for before, after in pairwise(pin)}
    if steps in ({1}, {-1}):
        return "A PIN like 1234 is guessed at once."
    return ""


def digest(secret: str) -> bytes:
    """What is kept of a token, a key or a code."""
    return hashlib.sha256(secret.encode()).digest()


def new_token() -> str:
    """A session's token."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_key() -> str:
    """Another program's key. Its beginning lets those find it who look for secrets that got lost."""
    return KEY_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def new_code() -> str:
    """The secret half of an enrolment code."""
    return "".join(secrets.choice(CODE_SIGNS) for _ in range(SECRET_SIGNS))


def shown_code(secret: str, server_certificate: bytes) -> str:
    """A code as it is told: the secret, and what the device knows the server by; in groups of four."""
    whole = secret + pin_of_server(server_certificate)
    return "-".join(whole[place : place + 4] for place in range(0, len(whole), 4))


def secret_of(code: str) -> str:
    """The secret half of a code as it was typed."""
    return "".join(sign for sign in code.upper() if sign in CODE_SIGNS)[:SECRET_SIGNS]


def pin_of_server(certificate: bytes) -> str:
    """80 bits of the SHA-256 of a certificate (DER), in the signs of codes."""
    plain = base64.b32encode(hashlib.sha256(certificate).digest()[:10]).decode()
    return plain.translate(str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", CODE_SIGNS))
