# Two commands on a fresh machine: `make demo` and `make test`. Only Python 3.11-3.13, git and make need be there.
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
BIN := .venv/bin
DATA := $(abspath $(wildcard ../shared/data))
# Without bytecode each of the many processes that tests start would compile all that it imports anew: 2 s of each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-dev demo test-fast test-servers servers test soak check docs clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

.venv/.ready: pyproject.toml uv.lock | $(filter .uv/bin/uv,$(UV))
	$(UV) sync --frozen --inexact --python $(PYTHON)
	@touch $@

.venv/.ready-dev: .venv/.ready
	$(UV) sync --frozen --inexact --python $(PYTHON) --extra dev --extra notebooks
	@touch $@

setup: .venv/.ready  ## make .venv with the strokemap command

setup-dev: .venv/.ready-dev  ## the same with what the tests and notebooks need

demo: setup  ## do the main job on the bundled demonstration and serve the screens
	$(BIN)/strokemap demo

check: setup-dev  ## lint, types, floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup-dev  ## build the documentation, every warning an error
	$(BIN)/mkdocs build --strict --quiet

test-fast: setup-dev  ## tests without servers or large data
	$(BIN)/pytest -m "not slow and not data and not server"

test-servers: setup-dev  ## install what the servers of the tests come from
	$(BIN)/python -m tests.servers.install

servers: setup-dev test-servers  ## start the real servers of the tests, say how to use them, stop them on Ctrl-C
	@$(BIN)/python -m tests.servers

test: setup-dev check docs test-servers  ## everything
	STROKEMAP_TEST_DATA="$${STROKEMAP_TEST_DATA:-$(DATA)}" $(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder

soak: setup-dev  ## full counts and scale; writes docs/evidence/*.json
	STROKEMAP_TEST_DATA="$${STROKEMAP_TEST_DATA:-$(DATA)}" $(BIN)/python -m benchmarks.soak
	STROKEMAP_TEST_DATA="$${STROKEMAP_TEST_DATA:-$(DATA)}" $(BIN)/python -m benchmarks.judge
	STROKEMAP_TEST_DATA="$${STROKEMAP_TEST_DATA:-$(DATA)}" $(BIN)/python -m benchmarks.first_look
	STROKEMAP_TEST_DATA="$${STROKEMAP_TEST_DATA:-$(DATA)}" $(BIN)/python -m benchmarks.requests
	$(BIN)/python -m benchmarks.dumps
	$(BIN)/python -m benchmarks.projection
	$(BIN)/python -m benchmarks.map_stores
	STROKEMAP_TEST_DATA="$${STROKEMAP_TEST_DATA:-$(DATA)}" $(BIN)/python -m benchmarks.search_speed --neo4j --evidence
	$(BIN)/python -m benchmarks.link_queries "$${STROKEMAP_TEST_DATA:-$(DATA)}" --evidence
	STROKEMAP_TEST_DATA="$${STROKEMAP_TEST_DATA:-$(DATA)}" $(BIN)/python -m benchmarks.servers
	STROKEMAP_TEST_DATA="$${STROKEMAP_TEST_DATA:-$(DATA)}" $(BIN)/python -m benchmarks.lookups
	STROKEMAP_TEST_DATA="$${STROKEMAP_TEST_DATA:-$(DATA)}" $(BIN)/python -m benchmarks.scale

clean:  ## remove what set-up and tests made here
	rm -rf .venv .uv site dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
