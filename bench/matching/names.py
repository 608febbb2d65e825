"""How well a payer's name, as the bank shows it, fits a customer's name, as customer service typed it.

Points of a careful person, on the scale of `evidence`. What a rule does not name fits nothing.
"""

import re
from functools import lru_cache

FULL = 3.0
"""All words are there, two at least."""
CLEAR = 2.5
"""Cut off behind the start of the second word, or a middle word is missing."""
MISSPELT = 2.25
"""Word for word the same but for one letter, or an old spelling, in some of them. Too near to `FULL` for a
choice between the two: customer service mistypes too."""
SHORT = 1.5
"""One word that is all of both names, or an initial in place of a word."""
HINT = 0.75
"""One word of a longer name."""
NONE = 0.0

_CLEAR_LETTERS = 8
_TITLES = frozenset(
    ("BU", "PAK", "KAK", "MBAK", "MAS", "BUNDA", "IBU", "BAPAK", "HJ", "H", "DR", "DRG", "IR", "DRS", "TGK")
)
_MUHAMMAD = frozenset(("M", "MOH", "MUH", "MHD", "MOCH", "MOHAMAD", "MOHAMMAD", "MUHAMAD"))
_OLD_SPELLINGS = (
    ("OE", "U"), ("DJ", "J"), ("TJ", "C"), ("SY", "S"), ("KH", "H"), ("CH", "H"), ("TH", "T"), ("DH", "D"),
    ("IE", "I"), ("Y", "I"), ("Z", "S"), ("V", "F"), ("F", "P"), ("Q", "K"),
)  # fmt: skip


@lru_cache(maxsize=200_000)
def words_of(name: str) -> tuple[str, ...]:
    """The words that name a person: capitals, without titles before them and degrees behind them."""
    words = re.findall(r"[A-Z]+", re.sub(r",.*", "", name).upper())
    while len(words) > 1 and words[0] in _TITLES:
        words = words[1:]
    if len(words) > 1 and words[0] in _MUHAMMAD:
        words[0] = "MUHAMMAD"
    return tuple(words)


@lru_cache(maxsize=400_000)
def fit(shown: str, customer: str, cut: bool) -> float:
    """Points for the name the bank shows; `cut` when it stops at the end of its field."""
    have, want = words_of(shown), words_of(customer)
    if not have or not want:
        return NONE
    if have == want:
        return FULL if len(have) > 1 else (HINT if cut else SHORT)
    return max(
        _subset(have, want, cut=cut), _cut_off(have, want) if cut else NONE, _alike(have, want, cut=cut)
    )


def _subset(have: tuple[str, ...], want: tuple[str, ...], *, cut: bool) -> float:
    if len(want) > 1 and _in_order(want, have):
        return CLEAR
    if len(have) > 1 and not cut and _in_order(have, want):
        return CLEAR
    one = want[0] if len(want) == 1 else have[0] if len(have) == 1 else ""
    return HINT if len(one) > 2 and one in have and one in want else NONE


def _in_order(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    rest = iter(long)
    return all(word in rest for word in short)


def _cut_off(have: tuple[str, ...], want: tuple[str, ...]) -> float:
    shown = " ".join(have)
    if not " ".join(want).startswith(shown) or len(shown) < 3:
        return NONE
    if len(shown) < _CLEAR_LETTERS:
        return HINT
    return CLEAR if len(have) > 1 else SHORT


def _alike(have: tuple[str, ...], want: tuple[str, ...], *, cut: bool) -> float:
    if len(have) > len(want) or (len(have) < len(want) and not cut):
        return NONE
    pairs = list(zip(have, want, strict=False))
    if cut:
        last = len(pairs) - 1
        pairs[last] = (pairs[last][0], pairs[last][1][: len(pairs[last][0])])
    long_enough = sum(len(word) for word in have) >= _CLEAR_LETTERS
    if all(one == other or near(one, other) for one, other in pairs):
        return MISSPELT if len(have) > 1 and long_enough else HINT
    initials = all(
        one == other or (min(len(one), len(other)) == 1 and one[0] == other[0]) for one, other in pairs
    )
    whole = any(one == other and len(one) > 3 for one, other in pairs)
    return SHORT if initials and whole and len(have) == len(want) else NONE


@lru_cache(maxsize=400_000)
def near(one: str, other: str) -> bool:
    """One letter lost, added, changed or swapped with its neighbour, or another spelling of a sound."""
    if min(len(one), len(other)) < 4:
        return False
    return one_change(one, other) or one_change(_modern(one), _modern(other))


def one_change(one: str, other: str) -> bool:
    """Whether one insertion, deletion, change or swap of neighbours, or none, makes one text of the other."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    at = next((index for index, sign in enumerate(one) if sign != other[index]), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    swapped = one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
    return swapped or one[at + 1 :] == other[at + 1 :]


def _modern(word: str) -> str:
    for old, new in _OLD_SPELLINGS:
        word = word.replace(old, new)
    return re.sub(r"(.)\1", r"\1", word)
