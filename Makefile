# The index of the project: `make` prints what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install demo run lint format test test-kafka test-faults bench lock clean

help: ## print this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "moebridge needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 …")'
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# Stamps say which lock file the environment was last made from.
$(VENV)/.run: requirements/run.lock pyproject.toml | $(BIN)/python
	@echo "installing what moebridge needs to run (requirements/run.lock)"
	@$(PIP_INSTALL) --require-hashes -r requirements/run.lock
	@$(PIP_INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	@echo "installing what it takes to work on it (requirements/dev.lock)"
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.lock
	@touch $@

$(VENV)/.bench: requirements/bench.lock $(VENV)/.run
	@echo "installing what the benchmarks compare with (requirements/bench.lock)"
	@$(PIP_INSTALL) --require-hashes -r requirements/bench.lock
	@touch $@

install: $(VENV)/.dev ## make .venv with the locked versions, for running and for working on it

demo: $(VENV)/.run ## play a day of an Intercom workspace through the whole bridge, on an embedded broker
	@$(BIN)/moebridge demo

run: $(VENV)/.run ## run the bridge on this machine (settings: docs/settings.md)
	@$(BIN)/moebridge run

lint: $(VENV)/.dev ## formatting, style, types, and which folder may import which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(VENV)/.dev ## every test that needs nothing but Python; broker tests run on the embedded broker
	$(BIN)/pytest -m "not kafka and not faults"

test-kafka: $(VENV)/.dev ## the broker tests, and more, on Apache Kafka (needs Java 17 and Maven)
	MOEBRIDGE_TEST_BROKER=kafka $(BIN)/pytest -m "(broker or kafka) and not faults"

test-faults: $(VENV)/.dev ## kill real processes on Apache Kafka, send 50,000 hostile requests, count what was lost
	MOEBRIDGE_TEST_BROKER=kafka $(BIN)/pytest -m faults -s

bench: $(VENV)/.dev $(VENV)/.bench ## µs of CPU and events/s beside plain Faust and Quix Streams (Apache Kafka)
	$(BIN)/python -m bench

lock: ## resolve the lock files anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra dev --extra bench pyproject.toml -o requirements/all.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -c requirements/all.txt --extra embedded pyproject.toml -o requirements/run.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -c requirements/all.txt --extra dev pyproject.toml -o requirements/dev.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -c requirements/all.txt --extra bench pyproject.toml -o requirements/bench.lock
	rm requirements/all.txt

clean: ## remove what make made
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
