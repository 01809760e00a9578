.DEFAULT_GOAL := help
SHELL := /bin/bash
# Found when it is used, which may be after the system packages brought one; `make PYTHON=...` overrides.
PYTHON ?= $(shell scripts/find-python.sh)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
TOOLS := .tools/bin
BUF := .tools/node_modules/.bin/buf
GO_INSTALL := GOFLAGS=-buildvcs=false GOBIN=$(CURDIR)/$(TOOLS) go install
PROTOS := $(shell find protos examples benchmarks -name '*.proto' -not -path '*/node_modules/*')
NATIVE := $(shell find native -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.c')
SCRIPTS := $(wildcard scripts/*.sh) .ci/run

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: setup
setup: .venv/.ready ## Install what the project needs: system packages, .venv, stubs, native modules

# A change of the sources builds again, a change of the dependencies installs again, and nothing else does.
.venv/.ready: .venv/.packages setup.py $(PROTOS) $(NATIVE)
	@echo "setup: stubs and native modules"
	@$(PIP) install --no-build-isolation --editable '.[all]'
	@$(MAKE) --no-print-directory examples-stubs
	@touch $@

.venv/.packages: .venv/.made pyproject.toml
	@echo "setup: Python packages"
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --group dev
	@touch $@

.venv/.made: scripts/system-packages.sh
	@echo "setup: system packages"
	@scripts/system-packages.sh "$(PYTHON)"
	@$(MAKE) --no-print-directory venv
	@touch $@

.PHONY: venv
venv: # A make of its own: $(PYTHON) is to be looked for after the system packages
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found; install one or set PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || { echo "setup: .venv of $$($(PYTHON) --version)" && $(PYTHON) -m venv .venv; }

.PHONY: examples-stubs
examples-stubs: # Contracts of examples and benchmarks, made the way a user would
	@$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --grpc_python_out=. \
		$$(find examples benchmarks -name '*.proto' -not -path '*/node_modules/*')

.PHONY: native
native: ## Rebuild stubs and native modules in place
	$(BIN)/python setup.py --quiet build_protos --build-lib services build_ext --inplace

.PHONY: demo
demo: setup ## Start a mesh, take the tour through the gateway, stop
	$(BIN)/python -m examples.tour

.PHONY: up
up: setup ## Run the mesh in the foreground (Ctrl-C stops it)
	$(BIN)/tercet up

.PHONY: test
test: setup ## Run all tests
	$(BIN)/python -m pytest

.PHONY: soak
soak: setup ## For long (most of an hour): calls by the million, attacks, and a mesh that is killed, reloaded and scaled
	TERCET_SOAK=1 $(BIN)/python -m pytest tests/soak tests/attacks tests/promises -rA

.PHONY: debug
debug: setup ## Test the native modules under ASan and UBSan, built apart (a few minutes)
	scripts/sanitized.sh

.PHONY: check
check: setup $(BUF) ## Lint, types, layers, contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/cimport_layers.py
	$(BIN)/python scripts/configuration_reference.py --check
	cd protos && ../$(BUF) lint
	PATH="$(CURDIR)/$(BIN):$$PATH" shellcheck $(SCRIPTS)
	$(BIN)/hadolint deploy/Dockerfile deploy/kubernetes/overlays/example/Dockerfile

.PHONY: reference
reference: setup ## Write the options into docs/configuration.md
	$(BIN)/python scripts/configuration_reference.py

.PHONY: tools
tools: $(BUF) $(TOOLS)/grpcurl $(TOOLS)/kustomize $(TOOLS)/h2spec ## Install buf, grpcurl, kustomize, h2spec, for tests

# Debian has neither grpcurl nor kustomize, and its kubectl (1.20) renders with kustomize 2.
$(TOOLS)/grpcurl: INSTALL = github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
$(TOOLS)/kustomize: INSTALL = sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
# The newest that Go can install: later ones lack the /v2 of their module path.
$(TOOLS)/h2spec: INSTALL = github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
$(TOOLS)/%:
	@if command -v go >/dev/null; then \
		echo "tools: $(@F)"; \
		said=$$($(GO_INSTALL) $(INSTALL) 2>&1) || { echo "$$said" >&2; exit 1; }; \
	else \
		echo "tools: $(@F) needs Go, which is not here; the tests that use it will be skipped"; \
	fi

$(BUF):
	@echo "tools: buf"
	@npm install --silent --no-save --prefix .tools @bufbuild/buf@1.75.0

.PHONY: format
format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: setup ## Measure beside peers and write benchmarks/reports/
	$(BIN)/python -m benchmarks

.PHONY: clean
clean: ## Remove what setup made
	rm -rf .venv .tools .bench build dist services/*.egg-info services/tercet/*/v1
	find services native examples benchmarks -name '*.so' -delete -o -name '*_pb2*.py*' -delete
