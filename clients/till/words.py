"""An index of words: which items have a word that begins so. Kept in the till's store, a row a word.

A row is a list of item numbers, or a set of bits where that is shorter. In memory every set is one large
integer, so that several words are an AND of a few kilobytes.
"""

import re
from array import array
from collections.abc import Iterable, Iterator

from clients.till.store import Table, Transaction, pack

# Rows that one beginning may reach. Of a beginning that more words have, the first count.
ROWS_MAX = 5_000
# LMDB takes keys of 511 bytes.
WORD_BYTES_MAX = 500
_WORD = re.compile(r"\w+")
_LIST, _BITS = 0, 1
# A number takes so many bits in a list.
_NUMBER_BITS = 32


def words_of(text: str) -> list[str]:
    """Its words, whatever their case, cut where the store takes no more."""
    return [_cut(word) for word in _WORD.findall(text.casefold())]


def _cut(word: str) -> str:
    return word.encode()[:WORD_BYTES_MAX].decode(errors="ignore")


def packed_rows(words: dict[str, list[int]]) -> list[tuple[bytes, bytes]]:
    """Rows of the table, sorted, for ascending numbers by word."""
    return [(word.encode(), pack(_packed(words[word]))) for word in sorted(words)]


def change(txn: Transaction, number: int, old: Iterable[str], new: Iterable[str]) -> None:
    """An item has other words than before."""
    before, after = set(old), set(new)
    for word in before ^ after:
        key = word.encode()
        numbers = set(_numbers(txn.get(Table.WORDS, key)))
        numbers ^= {number}
        if numbers:
            txn.put(Table.WORDS, key, _packed(sorted(numbers)))
        else:
            txn.delete(Table.WORDS, key)


def beginning(txn: Transaction, start: str) -> int:
    """Items with a word that begins so, one bit an item."""
    key = start.encode()
    bits = 0
    few: list[int] = []
    for count, (word, row) in enumerate(txn.scan(Table.WORDS, key)):
        if count == ROWS_MAX or not word.startswith(key):
            break
        if row[0] == _BITS:
            bits |= int.from_bytes(row[1], "little")
        else:
            few.extend(array("I", row[1]))
    return bits | bits_of(few)


def bits_of(numbers: Iterable[int]) -> int:
    """Numbers as bits of one integer."""
    wanted = list(numbers)
    if not wanted:
        return 0
    flags = bytearray(max(wanted) // 8 + 1)
    for each in wanted:
        flags[each >> 3] |= 1 << (each & 7)
    return int.from_bytes(flags, "little")


def numbers_of(bits: int) -> Iterator[int]:
    """The numbers in a set of bits, ascending."""
    flags = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    for index, byte in enumerate(flags):
        while byte:
            low = byte & -byte
            yield index * 8 + low.bit_length() - 1
            byte ^= low  # noqa: PLW2901 (bit by bit)


def _packed(numbers: list[int]) -> tuple[int, bytes]:
    if len(numbers) * _NUMBER_BITS < numbers[-1]:
        return _LIST, array("I", numbers).tobytes()
    bits = bits_of(numbers)
    return _BITS, bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def _numbers(row: tuple[int, bytes] | None) -> Iterable[int]:
    if row is None:
        return ()
    return array("I", row[1]) if row[0] == _LIST else numbers_of(int.from_bytes(row[1], "little"))
