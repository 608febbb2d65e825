"""Commands that ask no server, and what they share with those that do: examples in the help, failures in
plain words. Imports no gRPC, which takes longer than most of them work.
"""

import errno
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.markup import escape

from clients.common.bad_input import BadInput
from clients.common.journal import RequestJournal
from clients.common.output import Output, clean

if TYPE_CHECKING:
    from clients.common.problems import CallFailed

Function = TypeVar("Function", bound=Callable[..., Any])

EXIT_REFUSED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class Refused(Exception):  # noqa: N818 (an outcome)
    """The command has said what went wrong with some of what it did, and ends with status 1."""


def new_app(name: str, text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        name=name,
        help=text,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def local_command(app: typer.Typer, name: str, examples: Sequence[str]) -> Callable[[Function], Function]:
    """Makes a function a command of `app`, with its own options only. `examples` are whole command lines,
    shown by --help.
    """

    def decorate(function: Function) -> Function:
        text = flowing(function.__doc__ or "")
        app.command(name, help=text, epilog=epilog(examples))(function)
        return function

    return decorate


def flowing(text: str) -> str:
    """A docstring with its lines joined: where they break in the source is no matter of the reader's."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def epilog(examples: Sequence[str], more_help: str = "") -> str:
    """What stands below a command's options: examples, after what else there is to know."""
    assert examples, "a command without an example helps nobody"
    shown = "[bold]Examples:[/bold]\n" + "\n".join(escape(f"  {example}") for example in examples)
    return f"{escape(more_help)}\n\n{shown}" if more_help else shown


@contextmanager
def plain_failures(output: Output) -> Iterator[None]:
    """Ends a command with one sentence and a status instead of a traceback."""
    try:
        yield
    except BadInput as wrong:
        tell(output, str(wrong))
        raise typer.Exit(EXIT_BAD_INPUT) from None
    except (UnicodeError, OverflowError):
        # Commands check what they are given; this stands behind them, so that a case forgotten there is still
        # told in a sentence.
        tell(output, "What was given holds bytes that are no text, or a number larger than can be sent.")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    except Refused:
        raise typer.Exit(EXIT_REFUSED) from None
    except KeyboardInterrupt:
        kept = " What was not answered is kept: see 'kasir cs pending'." if RequestJournal().pending() else ""
        output.say(f"Stopped.{kept}", "yellow")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of a pipe has seen enough
            raise
        tell(output, f"{file_words(error)}.")
        raise typer.Exit(EXIT_REFUSED) from None


def file_words(error: OSError) -> str:
    """What the system refused, and of which file."""
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{error.strerror or error}"


def tell(output: Output, words: str, failed: "CallFailed | None" = None) -> None:
    """Says what went wrong, as JSON when asked for."""
    if not output.as_json:
        output.say(words, "red")
        return
    error: dict[str, Any] = {"message": clean(words)}
    if failed is not None:
        error |= {
            "code": failed.code.name,
            "reason": failed.reason,
            "details": failed.details,
            "field": failed.field,
        }
    sys.stderr.write(json.dumps({"error": error}, ensure_ascii=False) + "\n")
