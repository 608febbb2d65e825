"""The house rules: who may depend on whom, what the core may not touch, what is locked, how long code is.

Goal: a change that bends the architecture goes red here, with its file and line. Method: manifests and
sources are read as they lie in the tree; nothing is built.
"""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import kasir
from kasir.cli import EXTRA_OF_MODULE

ROOT = Path(__file__).resolve().parent.parent
PYTHON_PACKAGES = ("engine", "server", "clients", "hardware", "kasir", "bench")
MODULE_LINES = 600
FUNCTION_LINES = 70

# What each crate may name, beside the standard library. A new dependency is a decision: it is added here too.
CRATE_DEPENDENCIES = {
    "core": {"blake3", "kasir-matching", "rmp-serde", "rustc-hash", "serde"},
    "matching": {"rustc-hash"},
    "store": {
        "blake3",
        "crc32fast",
        "crossbeam-channel",
        "heed",
        "kasir-core",
        "libc",
        "ring",
        "rmp-serde",
        "rustc-hash",
        "serde",
        "smallvec",
    },
    "statements": {
        "blake2",
        "calamine",
        "cfb",
        "csv",
        "csv-core",
        "encoding_rs",
        "hmac",
        "memchr",
        "quick-xml",
        "serde",
        "serde_json",
        "sha2",
        "time",
        "zip",
        "toml",
    },
    "transport": {"base64", "bytes", "flate2", "h2", "http", "tokio", "tokio-rustls"},
    "bridge": {
        "bytes",
        "http",
        "kasir-core",
        "kasir-matching",
        "kasir-statements",
        "kasir-store",
        "kasir-transport",
        "mimalloc",
        "prost",
        "prost-types",
        "pyo3",
        "rustc-hash",
        "serde",
        "serde_json",
        "sha2",
    },
    "gen": {"prost-build", "protox"},
    "sim": {
        "blake3",
        "clap",
        "crossbeam-channel",
        "fastrand",
        "indicatif",
        "kasir-core",
        "kasir-store",
        "libc",
        "tempfile",
    },
}
# Not even by way of another crate.
NEVER_UNDER_CORE = {"chrono", "getrandom", "heed", "prost", "pyo3", "rand", "time", "tokio"}
NEVER_UNDER_MATCHING = {"heed", "kasir-core", "kasir-store", "prost", "pyo3", "rand", "tokio"}
NEVER_UNDER_STORE = {"prost", "pyo3", "tokio"}
NEVER_UNDER_STATEMENTS = {"heed", "kasir-core", "kasir-store", "prost", "pyo3", "tokio"}
NEVER_UNDER_TRANSPORT = {"heed", "kasir-core", "kasir-store", "prost", "pyo3"}


def toml(path: str) -> dict:
    return tomllib.loads((ROOT / path).read_text())


def rust_sources(crate: str) -> list[Path]:
    return [
        path for path in (ROOT / "engine_rs" / crate / "src").rglob("*.rs") if "gen" not in path.parent.name
    ]


def python_sources() -> list[Path]:
    generated = ROOT / "kasir" / "v1"
    found = [path for package in PYTHON_PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [path for path in found if generated not in path.parents]


# --- Who depends on whom ---


def test_python_imports_point_one_way():
    command = [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("crate", CRATE_DEPENDENCIES)
def test_a_crate_names_only_what_its_layer_may_use(crate):
    named = set(toml(f"engine_rs/{crate}/Cargo.toml").get("dependencies", {}))
    assert named <= CRATE_DEPENDENCIES[crate]


@pytest.mark.parametrize(
    ("crate", "never"),
    [
        ("core", NEVER_UNDER_CORE),
        ("matching", NEVER_UNDER_MATCHING),
        ("store", NEVER_UNDER_STORE),
        ("statements", NEVER_UNDER_STATEMENTS),
        ("transport", NEVER_UNDER_TRANSPORT),
    ],
)
def test_a_lower_layer_does_not_reach_up_through_another_crate(crate, never):
    command = [
        "cargo",
        "tree",
        "--locked",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--package",
        f"kasir-{crate}",
    ]
    tree = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    reached = {line.split()[0] for line in tree.splitlines() if line}
    assert f"kasir-{crate}" in reached
    assert not reached & never


# --- What the core may not touch ---


def rust_code_only(source: str) -> str:
    """`source` without comments, strings and characters; every line keeps its number."""
    skipped = re.compile(
        r"""
          //[^\n]*                              # a comment to the end of the line
        | /\*.*?\*/                             # a comment in the line or over several
        | \bb?r(?P<hashes>\#*)".*?"(?P=hashes)  # a raw string
        | \bb?"(?:\\.|[^"\\])*"                 # a string
        | "(?:\\.|[^"\\])*"
        | b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[0-9a-fA-F_]+\}|.)|[^'\\\n])'  # a character, never a lifetime
        """,
        re.VERBOSE | re.DOTALL,
    )
    return skipped.sub(lambda match: "\n" * match.group().count("\n"), source)


IMPURE_MODULES = ("env", "fs", "io", "net", "os", "process", "thread", "time")
FORBIDDEN_IN_CORE = {
    "a float type": re.compile(r"\bf(?:32|64)\b"),
    # A digit, a point, a digit; not the 0.1 of a tuple of tuples (`pair.0.1`).
    "a float": re.compile(r"(?<![\w.])\d[\d_]*\.\d"),
    "an unordered collection": re.compile(r"\bHash(?:Map|Set)\b"),
    "the world outside": re.compile(rf"\b(?:std|core)::(?:{'|'.join(IMPURE_MODULES)})\b"),
    "the world outside, imported in a group": re.compile(
        rf"\bstd::\{{(?:[^;]*[\s,{{])?(?:{'|'.join(IMPURE_MODULES)})\s*(?:::|,|\}})"
    ),
    "unsafe code": re.compile(r"\bunsafe\b"),
    "printing": re.compile(r"\be?print(?:ln)?!"),
}


def offences(source: str) -> list[tuple[int, str]]:
    """(line number, what it is) of everything in Rust `source` that the core may not contain."""
    code = rust_code_only(source)
    found = [
        (code.count("\n", 0, match.start()) + 1, what)
        for what, pattern in FORBIDDEN_IN_CORE.items()
        for match in pattern.finditer(code)
    ]
    return sorted(found)


def test_the_core_is_free_of_io_clock_randomness_and_floats():
    sources = rust_sources("core")
    assert sources
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in sources
        for line, what in offences(path.read_text())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("let rate: f64 = price.into();", "a float type"),
        ("let rate = 0.11;", "a float"),
        ("let half = 1_000.5;", "a float"),
        ("use std::collections::HashMap;", "an unordered collection"),
        ("let now = std::time::SystemTime::now();", "the world outside"),
        ("use std::{collections::BTreeMap, fs::File};", "the world outside, imported in a group"),
        ("use std::{\n    fmt,\n    time,\n};", "the world outside, imported in a group"),
        ("unsafe { *pointer }", "unsafe code"),
        ("println!();", "printing"),
    ],
)
def test_the_scan_finds(line, what):
    assert what in [found for _, found in offences(line)]


@pytest.mark.parametrize(
    "line",
    [
        "// std::time::Instant would differ at replay, and so would f64",
        "/* 0.11\n HashMap */",
        'let text = "a rate of 0.11 in std::fs, as f64";',
        'let raw = r#"0.5 "quoted" f32"#;',
        "let inner = pair.0.1;",
        "let range = 0..10;",
        "fn first<'a>(words: &'a str) -> &'a str { words }",
        "let mark = '\"'; let rest = 1;",
        "use std::{collections::BTreeMap, fmt};",
        "let time = now_ms;",
    ],
)
def test_the_scan_lets_pass(line):
    assert offences(line) == []


def test_the_scan_counts_lines():
    assert offences('let a = "two\nlines";\n/* and\ntwo */ let b = 0.5;') == [(4, "a float")]


# --- How long, and finished ---


def test_a_module_fits_its_bound():
    rust = [path for crate in CRATE_DEPENDENCIES for path in rust_sources(crate)]
    lengths = {path: len(path.read_text().splitlines()) for path in python_sources() + rust}
    long = [
        f"{path.relative_to(ROOT)}: {length}" for path, length in lengths.items() if length > MODULE_LINES
    ]
    assert not long, f"modules past {MODULE_LINES} lines are two modules: {long}"


def test_a_python_function_fits_its_bound():
    long = []
    for path in python_sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > FUNCTION_LINES:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length}")
    assert not long, "\n".join(long)


def test_nothing_is_left_to_do():
    mark = re.compile(r"\b(?:TODO|FIXME|XXX|todo!|unimplemented!|NotImplementedError)")
    rust = [path for crate in CRATE_DEPENDENCIES for path in rust_sources(crate)]
    left = [str(path.relative_to(ROOT)) for path in python_sources() + rust if mark.search(path.read_text())]
    assert not left


# --- What is locked, and what each role installs ---


def requirements(extra: str | None = None) -> dict[str, Requirement]:
    """The direct requirements of the base, or of one extra with the extras it names itself."""
    project = toml("pyproject.toml")["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    found: dict[str, Requirement] = {}
    for requirement in map(Requirement, lines):
        if requirement.name == "kasir":
            for inner in requirement.extras:
                found |= requirements(inner)
        else:
            found[canonicalize_name(requirement.name)] = requirement
    return found


def locked() -> dict[str, str]:
    """Name and version of each line of requirements.lock."""
    versions = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if not line.startswith("#"):
            name, version = line.partition(";")[0].strip().split("==")
            versions[canonicalize_name(name)] = version
    return versions


def test_every_direct_requirement_is_locked_within_its_bounds():
    versions = locked()
    extras = toml("pyproject.toml")["project"]["optional-dependencies"]
    for extra in (None, *extras):
        for name, requirement in requirements(extra).items():
            assert name in versions, f"{name} is not in requirements.lock: run `make lock`"
            assert requirement.specifier.contains(versions[name]), (
                f"{requirement} is locked at {versions[name]}"
            )


def test_the_locks_name_no_private_host():
    assert "://" not in (ROOT / "requirements.lock").read_text()
    sources = {package.get("source", "this tree") for package in toml("Cargo.lock")["package"]}
    assert sources <= {"this tree", "registry+https://github.com/rust-lang/crates.io-index"}


def test_the_rust_lock_is_up_to_date():
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_a_till_installs_no_server_and_a_server_no_paper():
    base = requirements().keys()
    till = base | requirements("clients").keys()
    server = base | requirements("server").keys()
    assert not till & (requirements("server").keys() - base)
    assert not server & (requirements("paper").keys() - base)
    assert not any(name.startswith(("pyqt", "pyside")) for name in till | server)


def test_the_command_names_the_extra_that_brings_a_module():
    distributions = metadata.packages_distributions()
    for module, extra in EXTRA_OF_MODULE.items():
        brought_by = {canonicalize_name(name) for name in distributions[module]}
        assert brought_by & requirements(extra).keys(), f"{module} does not come with kasir[{extra}]"


def test_one_version_everywhere():
    version = toml("pyproject.toml")["project"]["version"]
    assert kasir.__version__ == version
    assert toml("Cargo.toml")["workspace"]["package"]["version"] == version


def test_make_alone_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE))
    listed = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    assert phony == listed
    assert ".DEFAULT_GOAL := help" in makefile
