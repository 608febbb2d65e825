"""The bill of materials names all that is locked, with a licence of each crate."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_all_that_is_locked_is_named(tmp_path: Path):
    out = tmp_path / "new" / "sbom.json"
    subprocess.run([sys.executable, "tools/sbom.py", str(out)], cwd=ROOT, check=True, timeout=120)
    bill = json.loads(out.read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    named = {(each["purl"].split("/")[0], each["name"], each["version"]): each for each in bill["components"]}
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    crates = {("pkg:cargo", each["name"], each["version"]) for each in locked if "source" in each}
    pinned = re.findall(
        r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert crates <= named.keys()
    assert len(named) == len(crates) + len(pinned)
    assert all(named[crate]["licenses"] and named[crate]["hashes"] for crate in crates)
    scopes = {each["name"]: each["scope"] for each in bill["components"]}
    for name in ("grpcio", "argon2-cffi", "pyside6-essentials", "python-escpos", "pyo3", "rustls", "lmdb"):
        assert scopes[name] == "required", name
    for name in ("pytest", "locust", "grpcio-tools", "mypy", "proptest", "criterion"):
        assert scopes[name] == "excluded", name
