# What a newcomer, CI and the README call. `make demo` and `make test` need python3 >= 3.11, pip, make and git.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BUDGET ?= 20m
ROWS   ?= all
ARGS   ?=
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check fix soak bench system-deps clean

demo: $(VENV)/.run
	@exec $(BIN)/cloudify demo $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest --quiet tests/house $(ARGS)

fix: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: $(VENV)/.test
	$(BIN)/python -m benchmarks.soak --budget $(BUDGET) $(ARGS)

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.bench --rows $(ROWS) $(ARGS)

system-deps:
	@sh scripts/system-deps.sh packages.txt

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cloudify needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml constraints.txt
	@echo "installing cloudify and what it needs into $(VENV) (about a minute, once)"
	$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) --editable '.[test]'
	@# a plugin known to fail when imported: a test installs it beside us
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest $(VENV)/wheels \
	    --constraint constraints.txt xpublish-intake
	@touch $@
