"""engine/_core.pyi is what type checkers believe of the native module: it has to be true.

Method: mypy's stubtest compares the stub with the built module.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_stub_is_true_to_the_module():
    finished = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "engine._core", "--mypy-config-file", "pyproject.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
