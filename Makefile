# `make help` lists what can be done here. Python is found by itself, or: make run PYTHON=python3.13
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: run test soak check bench pictures requirements vendor help

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PORT ?= 8000
BIN := .venv/bin
FLASK := $(BIN)/flask --app tracker
PIP := $(BIN)/pip --disable-pip-version-check --quiet install --require-hashes
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header

run: .venv/runtime ## start on http://127.0.0.1:8000 (PORT=…), with demonstration data the first time
	@$(FLASK) db upgrade
	@$(FLASK) seed
	@people=$$($(FLASK) users list --json) || exit 1; [ "$$people" != "[]" ] || \
		TRACKER_BASE_URL=$${TRACKER_BASE_URL:-http://127.0.0.1:$(PORT)} $(FLASK) demo
	@exec $(FLASK) serve --port $(PORT)

test: .venv/dev ## install what the tests need and run them all
	@tests/setup.sh
	@$(BIN)/pytest --numprocesses auto --dist worksteal --quiet

SOAKED := tests/faults tests/recipes tests/unit/test_reminders_sweep.py \
	tests/integration/test_years_of_mail.py
soak: .venv/dev ## try at length faults, killed workers, years of mail, and real servers (half an hour)
	@tests/setup.sh
	@tests/recipes/setup.sh
	@SOAK=1 $(BIN)/pytest --numprocesses auto --dist worksteal --quiet -rs $(SOAKED)

check: .venv/dev ## lint, formatting, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev ## measure pages, reminders and start (BENCH="--help": what may be chosen)
	@tests/setup.sh
	@$(BIN)/python -m tests.benchmarks $(BENCH)

pictures: .venv/dev ## take the pictures of docs/pictures.md anew
	@tests/setup.sh
	@$(BIN)/python -m tests.pictures

requirements: .venv/dev ## compile requirements*.txt anew, with hashes
	$(BIN)/pip --disable-pip-version-check --quiet install uv
	$(COMPILE) --output-file requirements.txt requirements.in
	$(COMPILE) --output-file requirements-dev.txt requirements-dev.in

vendor: ## copy the locked styles, font and axe-core into the repository (needs npm)
	frontend/update.sh

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

# A stamp is newer than the list it was installed from, so a second start installs nothing.
.venv/bin/python:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed; name it with: make run PYTHON=python3.12"; exit 1; }
	@echo "Setting up .venv (once; takes a minute)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/runtime: requirements.txt | .venv/bin/python
	@$(PIP) --requirement requirements.txt
	@touch $@

.venv/dev: requirements-dev.txt .venv/runtime
	@$(PIP) --requirement requirements-dev.txt
	@touch $@
