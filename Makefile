# Rassom. `make help` is the manual. Needs only Python >= 3.11 with venv, make and a package index; everything else is installed into .venv.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
SOURCES := api/app api/alembic api/tests bot simulator telegram_simulator bench

.PHONY: help run demo test check fuzz audit-million property chaos crash faults mutants bench migration lock clean

help: ## show this manual
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.runtime ## start everything (database, Redis, simulator, API, worker; with BOT_TOKEN the bot) on embedded defaults; Ctrl-C stops it
	@exec $(BIN)/rassom up

demo: .venv/.runtime ## start everything, make one picture end to end, say where it is, stop everything
	@exec $(BIN)/rassom up --demo

test: check ## lint, types and the whole test suite, on real PostgreSQL and Valkey
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/.dev ## lint, types, import laws, container files (no services needed)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy api/app bot/bot simulator/simulator telegram_simulator/telegram_simulator bench/bench
	cd api && ../$(BIN)/lint-imports --no-cache
	$(BIN)/hadolint api/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml

fuzz: .venv/.dev ## the whole OpenAPI schema with random requests, for about nine minutes (seed: RASSOM_FUZZ_SEED)
	RASSOM_FUZZ_EXAMPLES=$${RASSOM_FUZZ_EXAMPLES:-1000} $(BIN)/pytest -n 2 -rP api/tests/fuzz --timeout=0

audit-million: .venv/.dev ## the audit of a book of a million entries, each invariant with its time
	RASSOM_AUDIT_PEOPLE=20000 $(BIN)/pytest api/tests/domain/audit/test_million.py -s --timeout=0

property: .venv/.dev ## ledger and generations against their models, the bank, one wallet: at full length (seed: RASSOM_PROPERTY_SEED)
	RASSOM_PROPERTY_STEPS=$${RASSOM_PROPERTY_STEPS:-32000} RASSOM_BANK_SECONDS=$${RASSOM_BANK_SECONDS:-60} RASSOM_WALLET_CLIENTS=64 \
		RASSOM_WALLET_OPERATIONS=200 RASSOM_WALLET_SEEDS=5 $(BIN)/pytest api/tests/property -s --timeout=0

chaos: .venv/.dev ## real processes, killed, frozen and cut off from each other for ten minutes: make chaos ARGS="--seed 7 --minutes 2"
	cd api && ../$(BIN)/python -m tests.chaos $(ARGS)

faults: .venv/.dev ## every fault of the provider's simulator, a hundred orders each: make faults ARGS="--count 10"
	cd api && ../$(BIN)/python -m tests.faults $(ARGS)

crash: .venv/.dev ## kill -9 of the API and the worker at each labelled step, about 300 times in ten minutes (Linux; ARGS="--seed N")
	$(BIN)/python -m tests.crash $(ARGS)

mutants: .venv/.dev ## seed over a hundred bugs, each into a copy of the tree, and see the tests turn red (about fifteen minutes; ARGS="--only epoch")
	$(BIN)/python -m tests.mutants $(ARGS)

bench: .venv/.dev ## how fast it is, beside floors of the same minute: make bench [SCENARIO="latency reads"] [OUT=docs/performance]
	@$(BIN)/python -m bench $(SCENARIO) --out $(or $(OUT),bench-results)

migration: .venv/.runtime ## write a migration from the models: make migration m="what it does"
	$(BIN)/rassom up --migration "$(m)"

lock: ## renew requirements.lock and requirements-dev.lock (needs uv on PATH)
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --custom-compile-command "make lock" \
		-q api/pyproject.toml bot/pyproject.toml simulator/pyproject.toml telegram_simulator/pyproject.toml --group pyproject.toml:build -o requirements.lock
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --custom-compile-command "make lock" \
		-q --group pyproject.toml:dev -c requirements.lock -o requirements-dev.lock

clean: ## remove the virtual environment and caches; keeps .rassom (your data)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Rassom needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}. Name another one: make run PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: .venv/.python requirements.lock api/pyproject.toml bot/pyproject.toml simulator/pyproject.toml telegram_simulator/pyproject.toml
	@echo "Installing Rassom into .venv (about a minute, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e api -e bot -e simulator -e telegram_simulator
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock bench/pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e bench
	@touch $@
