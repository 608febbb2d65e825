"""A small library in C before libc: what a server under test asks the system for goes through it."""

import subprocess
from pathlib import Path


def built(source: str, into: Path) -> Path:
    """The library, for LD_PRELOAD; raises CalledProcessError. A C compiler is there: LMDB needs it."""
    library = into / "preload.so"
    build = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-x", "c", "-", "-o", str(library)]
    subprocess.run([*build, "-ldl", "-pthread"], input=source, text=True, check=True, timeout=60)
    return library
