"""Scanners that may hang on this machine as keyboards."""

import re
from pathlib import Path

# Links that udev makes: they stay the same when a device is plugged in elsewhere.
FOLDER = Path("/dev/input/by-id")
_SUFFIX = "-event-kbd"
# In the names of scanners and of those who make them.
_SCANNER = re.compile(
    "scan|bar_?code|auto-id|datalogic|honeywell|metrologic|newland|opticon|symbol|zebra|zkteco",
    re.IGNORECASE,
)


def keyboards(folder: Path = FOLDER) -> list[tuple[str, str]]:
    """Input devices with a stable name that type: (path, what it is by its name), scanners first."""
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        name = path.name.removesuffix(_SUFFIX).partition("-")[2].replace("_", " ")
        is_scanner = _SCANNER.search(path.name) is not None
        what = "a scanner by its name" if is_scanner else "a keyboard, or a scanner that types"
        found.append((not is_scanner, str(path), f"{name}: {what}"))
    return [(path, what) for _, path, what in sorted(found)]
