"""Words of these tests: what the engine itself says of a store."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def verified(data: Path) -> tuple[int, str]:
    """What `kasir verify` ends with, and says."""
    command = [sys.executable, "-m", "kasir.cli", "verify", "--data", str(data)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr
