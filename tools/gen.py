"""Writes the code that is generated from proto/, or says where what is committed differs from it.

    python tools/gen.py            writes kasir/v1/ and engine_rs/bridge/src/gen/
    python tools/gen.py --check    writes nothing; exit status 1 and a list of files on drift

Python comes from grpcio-tools with mypy-protobuf's stubs, Rust from engine_rs/gen (protox and prost): neither
needs a `protoc` on the machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO_ROOT = ROOT / "proto"
PYTHON_OUT = Path("kasir/v1")
RUST_OUT = Path("engine_rs/bridge/src/gen")
GENERATED = (PYTHON_OUT, RUST_OUT)
PACKAGE_INIT = '"""Messages and stubs of the contract, written by `make gen` from proto/: do not edit."""\n'


def proto_files() -> list[str]:
    """Every file of the contract, relative to proto/, in one order on every machine."""
    files = sorted(path.relative_to(PROTO_ROOT).as_posix() for path in PROTO_ROOT.rglob("*.proto"))
    if not files:
        raise SystemExit(f"no .proto file under {PROTO_ROOT}")
    return files


def write_python(out: Path) -> None:
    """Messages, gRPC stubs and their types, under `out`/kasir/v1."""
    target = out / PYTHON_OUT
    target.mkdir(parents=True, exist_ok=True)
    # mypy-protobuf's plugins lie beside the interpreter, in a virtual environment that may not be active.
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")])}
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--proto_path={PROTO_ROOT}",
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--mypy_grpc_out=quiet:{out}",
        *proto_files(),
    ]
    subprocess.run(command, check=True, env=environment)
    # A file without a service has no stubs: grpcio-tools writes an empty shell for it all the same.
    for stub in target.glob("*_pb2_grpc.py"):
        if "_pb2 as " not in stub.read_text():
            stub.unlink()
            stub.with_suffix(".pyi").unlink(missing_ok=True)
    (target / "__init__.py").write_text(PACKAGE_INIT)


def write_rust(out: Path) -> None:
    """One file per protobuf package, under `out`/engine_rs/bridge/src/gen."""
    command = ["cargo", "run", "--quiet", "--locked", "--package", "kasir-gen", "--"]
    subprocess.run([*command, PROTO_ROOT, out / RUST_OUT], check=True, cwd=ROOT)


def generated_files(root: Path) -> dict[Path, bytes]:
    """What is generated under `root`, by path relative to it."""
    found: dict[Path, bytes] = {}
    for folder in GENERATED:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found[path.relative_to(root)] = path.read_bytes()
    return found


def drift(committed: dict[Path, bytes], fresh: dict[Path, bytes]) -> list[str]:
    """One line for each file that is missing, left over or different."""
    lines = [f"missing: {path}" for path in fresh.keys() - committed.keys()]
    lines += [f"left over: {path}" for path in committed.keys() - fresh.keys()]
    lines += [
        f"differs: {path}" for path in committed.keys() & fresh.keys() if committed[path] != fresh[path]
    ]
    return sorted(lines)


def install(committed: dict[Path, bytes], fresh: dict[Path, bytes]) -> None:
    """Makes the tree hold `fresh`. A file that is right keeps its time, so that nothing is rebuilt for it."""
    for path, content in fresh.items():
        if committed.get(path) != content:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_bytes(content)
    for path in committed.keys() - fresh.keys():
        (ROOT / path).unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the code generated from proto/, or check it.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on drift")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kasir-gen-") as temporary:
        fresh_root = Path(temporary)
        write_python(fresh_root)
        write_rust(fresh_root)
        committed, fresh = generated_files(ROOT), generated_files(fresh_root)
        lines = drift(committed, fresh)
        if arguments.check:
            for line in lines:
                print(line, file=sys.stderr)
            if lines:
                print(
                    "Generated code differs from proto/: run `make gen` and commit what it wrote.",
                    file=sys.stderr,
                )
            return 1 if lines else 0
    install(committed, fresh)
    print(f"{len(lines)} files changed" if lines else "nothing changed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
