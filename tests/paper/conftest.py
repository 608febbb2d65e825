"""Foreign programs that draw what we send to printers, and read what was drawn."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.paper.reading import picture, words

NODE = Path(__file__).parent / "node"
FETCH_S = 120.0

# (ZPL, width and height in mm, dots a mm) -> the labels' pictures
DrawZpl = Callable[[bytes, int, int, int], list[Image.Image]]


@pytest.fixture(scope="session")
def draw_zpl() -> Iterator[DrawZpl]:
    """Draws ZPL with zpl-renderer-js, which shares nothing with us."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    if not (NODE / "node_modules").exists():
        fetched = subprocess.run(
            ["npm", "ci", "--silent", "--no-audit", "--no-fund"],
            cwd=NODE,
            capture_output=True,
            text=True,
            timeout=FETCH_S,
            check=False,
        )
        if fetched.returncode != 0:
            pytest.skip(f"zpl-renderer-js cannot be fetched: {fetched.stderr.strip()}")
    drawer = subprocess.Popen(
        ["node", str(NODE / "draw.js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert drawer.stdin is not None
    assert drawer.stdout is not None
    to_drawer, from_drawer = drawer.stdin, drawer.stdout

    def draw(zpl: bytes, width: int, height: int, dots: int) -> list[Image.Image]:
        asked = {"zpl": zpl.decode(), "width": width, "height": height, "dots": dots}
        to_drawer.write(json.dumps(asked) + "\n")
        to_drawer.flush()
        answer = from_drawer.readline()
        assert answer, "zpl-renderer-js broke down"
        return [picture(base64.b64decode(drawn)) for drawn in json.loads(answer)]

    yield draw
    to_drawer.close()
    drawer.wait(FETCH_S)
    from_drawer.close()


@pytest.fixture(scope="session")
def read_words() -> Callable[[Image.Image], str]:
    """Reads a picture's words with tesseract, spaces as they come."""
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract-ocr is not installed")

    return words
