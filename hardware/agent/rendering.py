"""From a document to a printer's bytes, whatever the document holds."""

from collections.abc import Callable

from clients.common.problems import CallFailed
from hardware.paper import PaperError

WORDS_MAX = 200


def rendered_or_why(render: Callable[[], bytes]) -> bytes | PaperError:
    """The bytes, or why there are none: a document that nobody thought of ends no printer's thread. Raises
    CallFailed for what has to be asked of the server.
    """
    try:
        return render()
    except PaperError as wrong:
        return wrong
    except CallFailed:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a document does to its rendering is that document's fault)
        return PaperError(f"it cannot be rendered: {error!r}"[:WORDS_MAX])
