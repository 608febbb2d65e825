"""The contract and its code: the protos keep buf's rules, and what is generated is what they say."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FileDescriptor

ROOT = Path(__file__).resolve().parent.parent
PROTOS = sorted((ROOT / "proto" / "kasir" / "v1").glob("*.proto"))
RUST = ROOT / "engine_rs" / "bridge" / "src" / "gen" / "kasir.v1.rs"

sys.path.insert(0, str(ROOT / "tools"))
gen = importlib.import_module("gen")
sys.path.pop(0)


def descriptor(proto: Path) -> FileDescriptor:
    return importlib.import_module(f"kasir.v1.{proto.stem}_pb2").DESCRIPTOR


def test_the_contract_passes_buf_lint():
    command = [Path(sys.executable).parent / "buf", "lint"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_generated_code_is_what_the_protos_say():
    command = [sys.executable, "tools/gen.py", "--check"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_drift_names_what_is_missing_left_over_or_different():
    committed = {Path("old.py"): b"", Path("same.py"): b"1", Path("changed.py"): b"1"}
    fresh = {Path("new.py"): b"", Path("same.py"): b"1", Path("changed.py"): b"2"}
    assert gen.drift(committed, fresh) == ["differs: changed.py", "left over: old.py", "missing: new.py"]
    assert gen.drift(fresh, fresh) == []


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.stem)
def test_every_message_is_known_to_python_and_rust(proto):
    rust = RUST.read_text()
    for name in descriptor(proto).message_types_by_name:
        assert f"pub struct {name} " in rust


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.stem)
def test_every_field_method_and_value_is_documented(proto):
    """A line that declares something carries a comment: before it, or behind it."""
    lines = proto.read_text().splitlines()
    undocumented = []
    for number, line in enumerate(lines):
        words = line.strip()
        declares = words.startswith(("rpc ", "message ", "service ", "enum ")) or (
            " = " in words and words.split("//")[0].rstrip().endswith((";", "["))
        )
        generic = words.startswith(("option ", "syntax ", "reserved "))
        if declares and not generic and "//" not in words and "//" not in lines[number - 1]:
            undocumented.append(f"{proto.name}:{number + 1}: {words}")
    assert not undocumented, "\n".join(undocumented)


READS = ("Get", "List", "Find", "Quote", "Watch", "Search", "Read", "Verify")
# The first writes a file beside the shop and changes nothing in it, and a name that is taken is refused; the
# second is kept nowhere, and said again every ten seconds; the others ask a device, which may be done twice.
# A receipt is told from others by the till's number of it, under which it is printed once.
# AccessService says why it has none: what carries secrets is kept nowhere to be asked again.
WITHOUT_IDS = {"kasir.v1.AccessService"}
NO_COMMANDS = {"CreateSnapshot", "PrintReceipt", "ReportDeviceStates", "ShowOnDisplay", "Weigh"}


def carries_request_id(message: Descriptor) -> bool:
    """In the message itself, in the header that opens a stream of it, or in each of the commands that it may
    bring.
    """
    header = message.nested_types_by_name.get("Header")
    if header is not None:
        return carries_request_id(header)
    if (one := message.oneofs_by_name.get("command")) is not None:
        return all(carries_request_id(field.message_type) for field in one.fields)
    return "request_id" in message.fields_by_name


def test_every_command_carries_a_request_id():
    """A method that may change something can be repeated safely; reads are known by their verb."""
    missing = [
        method.full_name
        for proto in PROTOS
        for service in descriptor(proto).services_by_name.values()
        if service.full_name not in WITHOUT_IDS
        for method in service.methods
        if not method.name.startswith(READS) and method.name not in NO_COMMANDS
        if not carries_request_id(method.input_type)
    ]
    assert not missing
