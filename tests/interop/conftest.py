"""What the tests from outside need: programs in Go and for Node, and a test service on our transport."""

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.service import build

HERE = Path(__file__).parent
PATIENCE_S = 60.0
# A first build fetches and compiles grpc-go.
BUILD_S = 280.0


@pytest.fixture(scope="session")
def go_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the official interop client (`client`), `h2spec` and a grpc-go caller (`call`)."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    folder = tmp_path_factory.mktemp("go")
    packages = ["./call", "google.golang.org/grpc/interop/client", "github.com/summerwind/h2spec/cmd/h2spec"]
    fetched = subprocess.run(
        ["go", "mod", "download"],
        cwd=HERE / "go",
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    if fetched.returncode != 0:
        pytest.skip(f"the Go modules cannot be fetched: {fetched.stderr.strip()}")
    subprocess.run(
        ["go", "build", "-o", f"{folder}/", *packages], cwd=HERE / "go", timeout=BUILD_S, check=True
    )
    return folder


@pytest.fixture(scope="session")
def node_caller() -> list[str]:
    """The command of the @grpc/grpc-js caller."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    if not (HERE / "node" / "node_modules").exists():
        fetched = subprocess.run(
            ["npm", "ci", "--silent", "--no-audit", "--no-fund"],
            cwd=HERE / "node",
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if fetched.returncode != 0:
            pytest.skip(f"@grpc/grpc-js cannot be fetched: {fetched.stderr.strip()}")
    return ["node", str(HERE / "node" / "call.js")]


@pytest.fixture(scope="module")
def test_service() -> Iterator[int]:
    """The port of a running TestService."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[object, int]:
        server = build()
        return server, await server.start(["127.0.0.1:0"])

    server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE_S)
    yield port
    asyncio.run_coroutine_threadsafe(server.stop(1.0), loop).result(PATIENCE_S)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE_S)
