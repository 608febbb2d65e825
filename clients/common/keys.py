"""Keys and passwords: from files of their own or the environment, never from a file of settings."""

import os
from pathlib import Path
from typing import Any

from clients.common.problems import BadInput, Word

MAX_KEY_BYTES = 4_096
KEY, PIN = Word("key"), Word("PIN")


def keys_of(path: Path, name: str, table: Any) -> dict[str, str]:
    """The keys that a table of settings names, like {"api_key": {"file": "shop.key"}}. Raises BadInput."""
    if not isinstance(table, dict):
        raise BadInput("{path}: {name}.secrets is a table.", path=path, name=name)
    found = {}
    for key, where in table.items():
        place = f"{path}: {name}.secrets.{key}"
        if not isinstance(where, dict) or len(where) != 1 or not {"file", "env"} >= where.keys():
            raise BadInput(
                "{place} names a file or a variable (.file, .env), and is not the key itself.", place=place
            )
        (kind, value), *_ = where.items()
        if not isinstance(value, str):
            raise BadInput("{place}.{kind} is a text.", place=place, kind=kind)
        found[key] = read_key(path.parent / value) if kind == "file" else _variable(place, value)
    return found


def read_key(path: Path, what: Word = KEY) -> str:
    """The key in a file, without blanks around it; `what` it is for people. Raises BadInput."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_BYTES + 1)
        secret = content.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise BadInput("{path} holds no {what}: it is no text.", path=path, what=what) from error
    except OSError as error:
        raise BadInput("{path} cannot be read: {error}.", path=path, error=error.strerror) from error
    if not secret:
        raise BadInput("{path} is empty: it has to hold the {what}.", path=path, what=what)
    if len(content) > MAX_KEY_BYTES or not secret.isprintable():
        raise BadInput(
            "{path} holds no {what}: one line of at most {most} bytes.",
            path=path,
            what=what,
            most=MAX_KEY_BYTES,
        )
    return secret


def _variable(place: str, variable: str) -> str:
    secret = os.environ.get(variable, "").strip()
    if not secret:
        raise BadInput("{place}: the variable {variable} is not set.", place=place, variable=variable)
    return secret
