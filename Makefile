# The one door: people and CI call these targets, nothing else. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
ENGINE := engine/_core.abi3.so
RUST_SOURCES := $(shell find engine_rs/core engine_rs/matching engine_rs/store engine_rs/statements/src engine_rs/transport engine_rs/bridge -name '*.rs' -o -name Cargo.toml)
PACKAGES := engine server clients hardware kasir
CHECKED := $(PACKAGES) bench tests tools
# Where `make serve` keeps its shop
DATA ?= out/shop
# More words for the program behind a target, e.g. `make test ARGS="-k booking"`
ARGS ?=
# One interpreter for every build of the bridge: cargo would rebuild pyo3 each time it changed.
export PYO3_PYTHON := $(CURDIR)/$(PYTHON)

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- Setting up. Each step leaves a file behind, so that a second `make setup` has nothing to do. ---

.PHONY: setup
setup: $(ENGINE) $(VENV)/.project ## Build .venv with the `kasir` command in it

$(VENV)/.created: tools/python.sh
	@python=$$(sh tools/python.sh); echo "making $(VENV) with $$python"; "$$python" -m venv --clear $(VENV)
	@touch $@

# --no-deps: the lock is complete, and nothing that it does not name is to be installed.
$(VENV)/.dependencies: $(VENV)/.created requirements.lock
	@sh tools/rust.sh
	@echo "installing the locked Python packages (half a minute)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-compile -r requirements.lock
	@touch $@

$(ENGINE): $(VENV)/.dependencies $(RUST_SOURCES) Cargo.toml Cargo.lock
	@sh tools/rust.sh
	@echo "building the engine (some minutes the first time)"
	@$(BIN)/maturin develop --quiet --release --locked --skip-install
	@touch $@

# An editable install: Python sources are used where they lie. Needed again only when its description changes.
# pip finds the build backend's program on PATH.
$(VENV)/.project: pyproject.toml | $(ENGINE)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
		--no-build-isolation --editable .
	@touch $(ENGINE) $@
	@echo "ready: $(BIN)/kasir --help"

# --- Using it ---

.PHONY: demo
demo: setup ## Play a shop's whole day; results in out/demo/
	@$(BIN)/kasir demo $(ARGS)

.PHONY: serve
serve: setup ## Start a server to play with (its data: out/shop)
	@mkdir -p $(DATA)
	@$(BIN)/kasir serve --data $(DATA) $(ARGS)

# --- Checking it ---

.PHONY: test
test: setup ## Run every test, Rust and Python (ARGS goes to pytest)
	@sh tools/system_packages.sh || echo "going on without them" >&2
	@sh tools/cargo_test.sh
	@$(PYTHON) -m pytest $(ARGS)

.PHONY: lint
lint: setup ## Check style, types, import rules, the contract and generated code
	@sh tools/lint.sh $(wildcard $(CHECKED))

.PHONY: format
format: setup ## Format Python, Rust and the contract
	@$(BIN)/ruff format $(wildcard $(CHECKED))
	@$(BIN)/ruff check --fix --exit-zero --quiet $(wildcard $(CHECKED))
	@cargo fmt --all

.PHONY: gen
gen: $(VENV)/.dependencies ## Generate code from proto/
	@$(PYTHON) tools/gen.py

.PHONY: texts
texts: setup ## Renew the windows' texts from the sources
	@$(PYTHON) tools/texts.py

.PHONY: screens
screens: setup ## Take pictures of every screen into docs/screens/
	@$(PYTHON) -m tools.screens $(ARGS)
	@$(PYTHON) -m tools.till_screens $(ARGS)

.PHONY: gen-check
gen-check: $(VENV)/.dependencies ## Fail when generated code differs from proto/
	@$(PYTHON) tools/gen.py --check

.PHONY: bench
bench: setup ## Measure beside PostgreSQL, Redis and SQLite; in out/bench/
	@sh tools/system_packages.sh
	@$(PYTHON) -m bench $(ARGS)

.PHONY: bench-quick
bench-quick: setup ## The most telling rows of it, in under three minutes
	@sh tools/system_packages.sh
	@$(PYTHON) -m bench --quick $(ARGS)

.PHONY: bench-core
bench-core: ## The rules alone, in memory, by criterion (ARGS=booking: some)
	@sh tools/rust.sh
	@cargo bench --locked --quiet --package kasir-core -- $(ARGS)

.PHONY: bench-compare
bench-compare: setup ## What changed since bench/baseline.json, as ratios
	@$(PYTHON) -m bench compare $(ARGS)

.PHONY: bench-growth
bench-growth: setup ## What a shop's size costs (ARGS="--orders 10000,10000000")
	@$(PYTHON) -m bench growth $(ARGS)

.PHONY: bench-match
bench-match: setup ## How well and how fast `kasir match` matches
	@$(PYTHON) -m bench.matching --speed $(ARGS)

.PHONY: bench-printing
bench-printing: setup ## From a booking to the first byte at its printer
	@$(PYTHON) -m bench.printing $(ARGS)

.PHONY: locust
locust: setup ## People at work over gRPC (ARGS=--page: watch)
	@$(PYTHON) -m bench locust $(ARGS)

.PHONY: bench-till
bench-till: setup ## How soon a till knows, finds and sells
	@$(PYTHON) -m bench.till $(ARGS)

# How many sales `make outage` makes without the line
SALES ?= 500

.PHONY: outage
outage: setup ## A till offline for SALES=500 sales, killed (a shorter one is part of test)
	@KASIR_OUTAGE_SALES=$(SALES) $(PYTHON) -m pytest tests/till/test_outage.py $(ARGS)

.PHONY: day
day: setup ## A shop's day at the real windows; a picture of each step in out/day/
	@sh tools/system_packages.sh
	@KASIR_DAY_OUT=out/day $(PYTHON) -m pytest tests/day --quiet --capture=no $(ARGS)

# How often two desks want one last item in `make race`
RACES ?= 200

.PHONY: race
race: setup ## Two desks race for one last item, RACES=200 times (20 in test)
	@KASIR_DESK_RACES=$(RACES) $(PYTHON) -m pytest tests/clients/desktop/test_race.py $(ARGS)

# How often `make crash` kills at random, at a place of the disk's, and cuts the power
N ?= 20
DEATHS ?= 12
IMAGES ?= 20

.PHONY: crash
crash: setup ## Kill the server N=20 times, at DEATHS=12 places, cut power IMAGES=20 times
	@KASIR_KILLS=$(N) KASIR_DEATHS=$(DEATHS) KASIR_IMAGES=$(IMAGES) $(PYTHON) -m pytest -m crash $(ARGS)

# How long clients work in `make backup-drill`, seconds
DRILL ?= 60

.PHONY: backup-drill
backup-drill: setup ## Kill server and backup under load, restore (6 s of load in test)
	@KASIR_DRILL_S=$(DRILL) $(PYTHON) -m pytest -m "" tests/backup/test_drill.py $(ARGS)

# How many shops `make sim` plays
SEEDS ?= 1000

.PHONY: sim
sim: ## Play SEEDS=1000 shops on a made-up disk that fails (400 in test)
	@sh tools/rust.sh
	@cargo run --locked --quiet --profile sim --package kasir-sim -- --seeds 0..$(SEEDS) $(ARGS)

# `make faults` has the long forms of tests/faults: some forty minutes
.PHONY: faults
faults: setup ## Lost replies, storms, crowds, clocks, flipped bits: the long forms
	@sh tools/system_packages.sh || echo "going on without them" >&2
	@KASIR_COMMANDS=4000 KASIR_RETRIES=100000 KASIR_STORM_TILLS=1000 KASIR_STORM_SALES=20 KASIR_WATCHERS=1000 KASIR_SLOW_S=600 KASIR_IDLE=5000 \
		KASIR_FLIPS=500 KASIR_FULL_DISKS=100 KASIR_HISTORIES=1000 $(PYTHON) -m pytest tests/faults tests/race/test_linear.py $(ARGS)

# How many jobs and labels `make test-hardware` prints
JOBS ?= 1000

.PHONY: test-hardware
test-hardware: setup ## Print 1,000 jobs under faults, 1,000 labels, through CUPS
	@sh tools/system_packages.sh || echo "going on without them" >&2
	@KASIR_PRINT_JOBS=$(JOBS) KASIR_PRINT_LABELS=$(JOBS) $(PYTHON) -m pytest -m "" tests/hardware $(ARGS)

# How many parcels and messages `make test-couriers` sends
PARCELS ?= 1000

.PHONY: test-couriers
test-couriers: setup ## 1,000 parcels and messages while agents and servers die
	@KASIR_COURIER_PARCELS=$(PARCELS) KASIR_MESSAGES_SENT=$(PARCELS) $(PYTHON) -m pytest -m crash tests/courier \
		tests/clients/messages -s $(ARGS)

# How long each target of `make fuzz` runs
SECONDS ?= 60

.PHONY: fuzz
fuzz: ## Feed damaged files and requests to what reads them, SECONDS=60 each
	@sh tools/fuzz.sh $(SECONDS) $(ARGS)

# How many messages `make fuzz-messages` sends
MESSAGES ?= 100000

.PHONY: fuzz-messages
fuzz-messages: setup ## Send MESSAGES=100000 made-up and damaged requests to an engine
	@KASIR_FUZZ_MESSAGES=$(MESSAGES) $(PYTHON) -m pytest tests/engine/test_any_messages.py $(ARGS)

.PHONY: audit
audit: $(VENV)/.dependencies ## Ask for known flaws in what we depend on (needs the network)
	@$(BIN)/pip-audit --disable-pip --no-deps --requirement requirements.lock
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; \
	else echo "cargo-deny is not installed: cargo install --locked cargo-deny"; fi

.PHONY: sbom
sbom: $(VENV)/.dependencies ## List all that Kasir is made of (CycloneDX); out/sbom.json
	@$(PYTHON) tools/sbom.py out/sbom.json

# --- Shipping it ---

.PHONY: wheel
wheel: setup ## Build one wheel for every Python from 3.11; in dist/
	@$(BIN)/maturin build --release --locked --out dist

.PHONY: lock
lock: $(VENV)/.dependencies ## Renew requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --universal --python-version 3.11 \
		--no-annotate --custom-compile-command "make lock" --output-file requirements.lock $(ARGS)

.PHONY: clean
clean: ## Remove what was built and measured
	rm -rf $(VENV) target out dist engine/_core.*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(wildcard $(CHECKED)) -name __pycache__ -type d -prune -exec rm -rf {} +
