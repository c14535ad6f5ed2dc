# Everything a newcomer types.  `make help` tells.
SHELL := /bin/bash
CACHE ?= $(HOME)/.cache/cinestream
PYTHON ?= python3
BIN := .venv/bin

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.installed ## .venv/bin/cinestream

.venv/.installed: requirements/dev.txt pyproject.toml
	@.ci/system python
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

system: ## the Debian packages that the lab and the tests need
	@.ci/system all

check: install ## the quick loop: format, lint, types, floors, quick tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n auto -m "not lab and not tenant and not slow"

test: install system check ## everything, as CI runs it
	$(BIN)/pytest -q -n 4 --dist loadfile --no-loadscope-reorder --durations=10 -m "(lab or tenant or slow) and not torture"

torture: install system ## break every change off at every step, in every way; an hour or two
	$(BIN)/pytest -q -n 2 --dist worksteal -m torture tests/torture
	$(BIN)/pytest -q -m torture tests/load

run: install ## the tenant on one port, with a database and an invented programme, for work on its pages
	@.ci/system run
	@$(BIN)/python tests/run/run.py

demo: install system ## a server, a site with 24 workers, TLS and a database, from nothing
	$(BIN)/python tests/demo/demo.py up

demo-down: install ## remove what `make demo` built
	$(BIN)/python tests/demo/demo.py down

LOCK := env -u PIP_FIND_LINKS $(BIN)/uv pip compile --quiet --universal \
  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header

bench: install system ## how long changes take and what the tenant costs, beside the floor (PEERS=--peers: and the neighbours)
	$(BIN)/python benchmarks/thinking.py
	$(BIN)/python benchmarks/run.py $(PEERS)
	$(BIN)/python benchmarks/deploys.py
	$(BIN)/python benchmarks/waits.py
	@.ci/system bench
	$(BIN)/python benchmarks/tenant.py
	$(BIN)/python benchmarks/pages.py

lock: install ## compile requirements/*.txt anew
	$(LOCK) --python-version 3.11 --upgrade pyproject.toml -o requirements/run.txt
	$(LOCK) --python-version 3.11 --upgrade pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(LOCK) --python-version 3.11 --upgrade site_template/requirements.in -o site_template/requirements.txt
	$(LOCK) --python-version 3.10 --upgrade requirements/tools.in -o requirements/tools.txt
	$(LOCK) --python-version 3.10 --upgrade requirements/runner.in -o requirements/runner.txt

.PHONY: help install system check test torture run demo demo-down bench lock
