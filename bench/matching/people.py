"""Who buys and who pays: Indonesian names, how a chat shortens them, how a bank and a typist spoil them."""

import random
from dataclasses import dataclass

from faker import Faker

# Very common first words; Faker draws names evenly, life does not.
_COMMON = (
    "Muhammad",
    "Siti",
    "Sri",
    "Nur",
    "Dewi",
    "Agus",
    "Budi",
    "Ahmad",
    "Dwi",
    "Eka",
    "Rizki",
    "Putri",
    "Ani",
)
_COMMON_LAST = ("Lestari", "Setiawan", "Wahyuni", "Hidayat", "Saputra", "Kurniawan", "Rahmawati", "Susanti")
_HONORIFICS = ("Bu", "Pak", "Kak", "Mbak", "Mas", "Bunda", "Hj.", "H.", "dr.", "Ibu")
_DEGREES = ("S.Pd", "S.E.", "S.Kom", "S.T.", "M.M.")
# Old and new spellings of one sound, both ways
_SPELLINGS = (
    ("ch", "h"), ("sy", "s"), ("oe", "u"), ("dj", "j"), ("tj", "c"), ("ie", "i"), ("f", "p"), ("z", "s"),
    ("y", "i"), ("v", "f"), ("kh", "h"), ("th", "t"), ("dh", "d"), ("q", "k"), ("mm", "m"), ("nn", "n"),
    ("ll", "l"), ("ss", "s"),
)  # fmt: skip
_NEIGHBOURS = {
    "a": "s",
    "e": "r",
    "i": "u",
    "o": "p",
    "u": "y",
    "n": "m",
    "m": "n",
    "s": "d",
    "d": "f",
    "t": "r",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, by the name in their bank's books."""

    name: str


def make_people(count: int, seed: str) -> list[Person]:
    """So many people; some share a name, as in life. The same for the same seed."""
    rng = random.Random(f"people/{seed}")
    fake = Faker("id_ID")
    fake.seed_instance(f"people/{seed}")
    return [Person(_name(rng, fake)) for _ in range(count)]


def _name(rng: random.Random, fake: Faker) -> str:
    first = rng.choice(_COMMON) if rng.random() < 0.25 else fake.first_name()
    last = rng.choice(_COMMON_LAST) if rng.random() < 0.2 else fake.last_name()
    shape = rng.random()
    if shape < 0.06:
        return last
    if shape < 0.26:
        return f"{first} {fake.first_name()} {last}"
    return f"{first} {last}"


def relative(rng: random.Random, person: Person, other: Person) -> Person:
    """A spouse or sibling of `person`: a name of their own, a sibling's with the same last word."""
    words = person.name.split()
    if len(words) > 1 and rng.random() < 0.4:
        return Person(f"{other.name.split()[0]} {words[-1]}")
    return other


def chat_name(rng: random.Random, name: str, *, careless: bool) -> str:
    """The name as customer service types it: mostly in full, with titles, or what the chat shows."""
    words = name.split()
    draw = rng.random()
    if draw < 0.08:
        return f"{rng.choice(_HONORIFICS)} {name}"
    if draw < 0.11:
        return f"{name}, {rng.choice(_DEGREES)}"
    if draw < 0.16:
        return rng.choice((name.lower(), name.upper()))
    if not careless or len(words) == 1:
        return name
    if draw < 0.22:
        return words[0] if rng.random() < 0.5 else f"{rng.choice(_HONORIFICS)} {words[0]}"
    if draw < 0.26:
        return f"{' '.join(words[:-1])} {words[-1][0]}"
    if draw < 0.30 and len(words) > 2:
        return f"{words[0]} {words[-1]}"
    if draw < 0.33 and words[0] == "Muhammad":
        return f"{rng.choice(('M.', 'Moh.', 'Mohamad', 'Muh'))} {' '.join(words[1:])}"
    return name


def misspelt(rng: random.Random, name: str) -> str:
    """The name with one mistake: another spelling of a sound, a letter lost, doubled, swapped or mistyped."""
    words = name.split()
    at = max(range(len(words)), key=lambda index: (len(words[index]) > 3, rng.random()))
    words[at] = _spoilt(rng, words[at])
    return " ".join(words)


def _spoilt(rng: random.Random, word: str) -> str:
    lower = word.lower()
    swaps = [pair for pair in _SPELLINGS + tuple((b, a) for a, b in _SPELLINGS) if pair[0] in lower[1:]]
    if swaps and rng.random() < 0.6:
        old, new = rng.choice(swaps)
        start = lower.index(old, 1)
        return word[:start] + new + word[start + len(old) :]
    at = rng.randrange(1, max(2, len(word) - 1))
    change = rng.randrange(4)
    if change == 0:
        return word[:at] + word[at + 1 :]
    if change == 1:
        return word[:at] + word[at] + word[at:]
    if change == 2:
        return word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    return word[:at] + _NEIGHBOURS.get(lower[at], "a") + word[at + 1 :]
