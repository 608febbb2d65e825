"""TOML read with care: every complaint names the key and its line, and a key that means nothing is one."""

import difflib
import re
import tomllib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_HEADER = re.compile(r"\s*\[{1,2}\s*([\w.\-]+)\s*\]{1,2}")
_KEY = re.compile(r"\s*[\"']?([\w\-]+)[\"']?\s*[.=]")


class ConfigError(Exception):
    """The file cannot be used; the text says where and why."""


class Document:
    """A TOML file."""

    def __init__(self, path: Path) -> None:
        """Reads it. Raises ConfigError."""
        self.path = path
        try:
            self._lines = path.read_text(encoding="utf-8-sig").splitlines()
            values = tomllib.loads("\n".join(self._lines))
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: it is no text in UTF-8.") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: {error}.") from error
        self.root = Table(self, values, "", 0)

    def line_of(self, table: str, index: int, key: str) -> int:
        """The line of a key in the `index`th table of that name; of the table's head when it has no such
        key.
        """
        current, seen, head = "", 0, 1
        for number, line in enumerate(self._lines, start=1):
            if header := _HEADER.match(line):
                current = header[1]
                seen += current == table
                if current == table and seen == index + 1:
                    head = number
            elif current == table and (not table or seen == index + 1):
                found = _KEY.match(line)
                if found and found[1] == key:
                    return number
        return head


class Table:
    """One table of the file: values are taken out one by one, and `end` complains of what is left."""

    def __init__(self, document: Document, values: dict[str, Any], name: str, index: int) -> None:
        self._document = document
        self._values = values
        self._name = name
        self._index = index
        self._known: set[str] = set()

    def wrong(self, key: str, why: str) -> ConfigError:
        """A complaint about a key."""
        line = self._document.line_of(self._name, self._index, key)
        return ConfigError(f"{self._document.path}, line {line}: {key}: {why}")

    def has(self, key: str) -> bool:
        """Whether the file says it."""
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        """A text; it must be there when there is no default."""
        value: str = self._take(key, str, "a text in quotes", default)
        if default is None and not value.strip():
            raise self.wrong(key, "it is empty.")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Reads true or false."""
        value: bool = self._take(key, bool, "true or false", default)
        return value

    def whole(self, key: str, default: int, allowed: range) -> int:
        """A whole number within bounds."""
        value: int = self._take(key, int, "a whole number", default)
        if value not in allowed or isinstance(value, bool):
            raise self.wrong(key, f"it is {value}; it must be from {allowed[0]} to {allowed[-1]}.")
        return value

    def number_of(self, key: str, default: int, allowed: Collection[int]) -> int:
        """A whole number out of some."""
        value: int = self._take(key, int, "a whole number", default)
        if value not in allowed or isinstance(value, bool):
            words = ", ".join(map(str, allowed))
            raise self.wrong(key, f"there is no {value}; there are {words}.")
        return value

    def seconds(self, key: str, default: float) -> float:
        """A time of more than nothing, at most an hour."""
        value = self._take(key, (int, float), "a number of seconds", default)
        if isinstance(value, bool) or not 0 < value <= 3600:
            raise self.wrong(key, f"it is {value}; it must be more than 0 and at most 3600 seconds.")
        return float(value)

    def choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        """One of some words."""
        return self._one_of(key, self._take(key, str, "a text in quotes", default), allowed)

    def choices(self, key: str, allowed: Collection[str]) -> list[str]:
        """Some of some words, at least one."""
        found = self._take(key, list, "a list of texts", None)
        if not found:
            raise self.wrong(key, "it is empty.")
        return [self._one_of(key, each, allowed) for each in found]

    def tables(self, key: str) -> list["Table"]:
        """The tables written [[key]]."""
        found = self._take(key, list, f"written as [[{key}]]", [])
        if not all(isinstance(each, dict) for each in found):
            raise self.wrong(key, f"it must be written as [[{key}]].")
        return [Table(self._document, each, key, index) for index, each in enumerate(found)]

    def end(self) -> None:
        """Raises ConfigError for a key that nobody asked for."""
        for key in self._values.keys() - self._known:
            close = difflib.get_close_matches(key, self._known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(self._known))}."
            raise self.wrong(key, f"there is no such key; {hint}")

    def read(self, key: str, parse: Callable[[str], T], default: str | None = None) -> T:
        """A text that `parse` understands; what its ValueError says is the complaint."""
        text = self.text(key, default)
        try:
            return parse(text)
        except ValueError as error:
            raise self.wrong(key, str(error)) from error

    def _one_of(self, key: str, value: Any, allowed: Collection[str]) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        close = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(allowed)}."
        raise self.wrong(key, f"there is no {value!r}; {hint}")

    def _take(self, key: str, kind: Any, words: str, default: Any) -> Any:
        self._known.add(key)
        value = self._values.get(key, default)
        if value is None:
            raise self.wrong(key, f"it is missing; it must be {words}.")
        if not isinstance(value, kind):
            raise self.wrong(key, f"it must be {words}.")
        return value
