"""Writes what Kasir is made of: a CycloneDX bill of materials (JSON) of all locked packages, Rust and Python.

`python tools/sbom.py out/sbom.json`. Read from Cargo.lock and requirements.lock; licences from cargo's
metadata and from the installed packages. What only building, testing and measuring needs is marked as
excluded. Needs no network.
"""

import argparse
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output import OutputFormat, make_outputter
from cyclonedx.schema import SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;]+)")
LICENCES = LicenseFactory()
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Extras that a shop's machines install, and the crate that is built into the wheel.
SHIPPED_EXTRAS = ("server", "clients", "courier", "desktop", "paper", "hardware")
SHIPPED_CRATE = "kasir-bridge"


def crates() -> Iterator[Component]:
    """What Cargo.lock names, ours aside."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    licences = {(each["name"], each["version"]): each["license"] for each in metadata["packages"]}
    shipped = shipped_crates(metadata)
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    for package in lock["package"]:
        if "source" in package:
            name, version = package["name"], package["version"]
            yield component(
                "cargo",
                name,
                version,
                licences.get((name, version)),
                package.get("checksum", ""),
                is_shipped=(name, version) in shipped,
            )


def shipped_crates(metadata: dict[str, Any]) -> set[tuple[str, str]]:
    """Names and versions of what is built into the wheel, by cargo's own graph."""
    named = {each["id"]: (each["name"], each["version"]) for each in metadata["packages"]}
    graph = {
        node["id"]: [
            each["pkg"] for each in node["deps"] if any(kind["kind"] is None for kind in each["dep_kinds"])
        ]
        for node in metadata["resolve"]["nodes"]
    }
    waiting = [key for key, (name, _) in named.items() if name == SHIPPED_CRATE]
    found: set[str] = set()
    while waiting:
        if (key := waiting.pop()) not in found:
            found.add(key)
            waiting += graph[key]
    return {named[key] for key in found}


def packages() -> Iterator[Component]:
    """What requirements.lock names."""
    shipped = shipped_packages()
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if pinned := PINNED.match(line):
            name = pinned["name"]
            is_shipped = canonicalize_name(name) in shipped
            yield component("pypi", name, pinned["version"], licence_of(name), is_shipped=is_shipped)


def shipped_packages() -> set[str]:
    """Names of what a shop's machines install, as far as it is installed here."""
    extras = PROJECT["optional-dependencies"]
    waiting = [*PROJECT["dependencies"], *(each for extra in SHIPPED_EXTRAS for each in extras[extra])]
    found: set[str] = set()
    while waiting:
        requirement = Requirement(waiting.pop())
        if str(requirement) in found:
            continue
        found.add(str(requirement))
        waiting += needed_by(requirement)
    return {canonicalize_name(Requirement(each).name) for each in found}


def needed_by(requirement: Requirement) -> list[str]:
    """What an installed package needs here, with the extras that are asked for."""
    try:
        needed = importlib.metadata.requires(requirement.name) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    extras = ("", *requirement.extras)
    return [
        each
        for each in needed
        if (marker := Requirement(each).marker) is None or any(marker.evaluate({"extra": x}) for x in extras)
    ]


def licence_of(name: str) -> str | None:
    """What an installed package says of itself; those of other systems are not installed."""
    try:
        about = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    said = about.get("License-Expression") or about.get("License")
    return said.strip().splitlines()[0] if said and said.strip() else None


def component(
    kind: str, name: str, version: str, licence: str | None, sha256: str = "", *, is_shipped: bool
) -> Component:
    """One package."""
    purl = PackageURL(kind, None, name, version)
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=purl,
        bom_ref=purl.to_string(),
        scope=ComponentScope.REQUIRED if is_shipped else ComponentScope.EXCLUDED,
        licenses=[LICENCES.make_from_string(licence)] if licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else [],
    )


def bill() -> Bom:
    """The whole of it."""
    made = Bom(components=[*crates(), *packages()])
    made.metadata.component = Component(
        type=ComponentType.APPLICATION, name="kasir", version=PROJECT["version"], bom_ref="kasir"
    )
    made.register_dependency(made.metadata.component, made.components)
    return made


def main() -> None:
    """The program."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("out", type=Path, help="where it is written")
    out: Path = asked.parse_args().out
    made = bill()
    out.parent.mkdir(parents=True, exist_ok=True)
    text = make_outputter(made, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)
    out.write_text(text + "\n", encoding="utf-8")
    print(f"{out}: {len(made.components)} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
