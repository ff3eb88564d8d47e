# Two commands: `make demo` and `make test`. Each makes its own environment, says what it does, asks nothing.

# The first Python that is new enough; the environment is made from it.
PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$python && break; done)
BIN := .venv/bin
SOURCES := operator agents tests benchmarks examples tools

.PHONY: help demo test check bench format clean environment servers python

help:  ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: environment  ## Break and mend real servers, and watch an application follow (about a minute)
	@$(BIN)/degradation demo

test: environment servers  ## Unit and integration tests with real servers, and their coverage (ARGS=… for pytest)
	@echo "== running the tests"
	@$(BIN)/pytest --cov --cov-report=term --cov-fail-under=85 $(ARGS)

check: environment  ## Style, types, layers, drift of generated files
	@$(BIN)/python tools/check.py $(SOURCES)

bench: environment  ## Measure, and write benchmarks/RESULTS.md
	@$(BIN)/python benchmarks/run.py

format: environment  ## Put the code into the form that `make check` wants
	@$(BIN)/ruff check --quiet --fix-only $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

clean:  ## Remove the environment, caches and results of runs
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov dist build
	@rm -f .coverage .coverage.* coverage.xml junit.xml
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is missing: apt-get install python3 (Debian 12, Ubuntu 24.04 or newer)"; exit 1; }

environment: python
	@$(PYTHON) tools/environment.py

servers: python
	@$(PYTHON) tools/servers.py
