.DEFAULT_GOAL := help
SHELL := /bin/bash
# The first Python that is new enough; override with `make PYTHON=...`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
BUF := .tools/node_modules/.bin/buf
STUBS := $(shell find protos examples -name '*.proto' -not -path '*/node_modules/*')
NATIVE := $(shell find native -name '*.pyx' -o -name '*.pxd' -o -name '*.h')

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: setup
setup: .venv/.ready ## Install what the project needs: system packages, .venv, stubs, native modules

.venv/.ready: pyproject.toml setup.py $(STUBS) $(NATIVE) scripts/system-packages.sh
	@scripts/system-packages.sh
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found; install one or set PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group dev
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[all]'
	$(MAKE) --no-print-directory examples-stubs
	@touch $@

.PHONY: examples-stubs
examples-stubs: # The examples' own contracts, made the way a user would
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --grpc_python_out=. \
		$$(find examples -name '*.proto' -not -path '*/node_modules/*')

.PHONY: native
native: ## Rebuild stubs and native modules in place
	$(BIN)/python setup.py --quiet build_ext --inplace

.PHONY: demo
demo: setup ## Start a mesh, take the tour through the gateway, stop
	$(BIN)/python -m examples.tour

.PHONY: up
up: setup ## Run the mesh in the foreground (Ctrl-C stops it)
	$(BIN)/tercet up

.PHONY: test
test: setup ## Run all tests
	$(BIN)/python -m pytest

.PHONY: check
check: setup $(BUF) ## Lint, types, layers, contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/cimport_layers.py
	cd protos && ../$(BUF) lint

$(BUF):
	npm install --silent --no-save --prefix .tools @bufbuild/buf@1.75.0

.PHONY: format
format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: setup ## Measure beside peers and write benchmarks/reports/
	$(BIN)/python -m benchmarks

.PHONY: clean
clean: ## Remove what setup made
	rm -rf .venv .tools build dist services/*.egg-info services/tercet/*/v1
	find services native -name '*.so' -delete
