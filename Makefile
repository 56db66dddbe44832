# make sweep: set up and run the default sweep.  make test: set up, lint, check types, run all tests.
# Needs python3.11 and make.
PYTHON ?= python3.11
BIN := .venv/bin
SWEEP ?= search_spaces/tiny_cpu.yaml

.PHONY: sweep test setup
sweep: .venv/ready
	$(BIN)/lorasweep start $(SWEEP)

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
