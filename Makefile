# make story | test | ui | lint | bench | mini; the first of them makes .venv from constraints.txt.
PYTHON ?= python3
PORT ?= 3000
BIN := .venv/bin
export DAGSTER_HOME ?= $(CURDIR)/.dagster_home

.PHONY: story test test-daemon ui lint format bench mini

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

story: .venv/.ready
	@$(BIN)/kolors-dagster story

test: .venv/.ready
	$(BIN)/pytest

test-daemon: .venv/.ready  # the real daemon, some minutes
	$(BIN)/pytest -m daemon --numprocesses 0

ui: .venv/.ready
	@mkdir -p "$(DAGSTER_HOME)" && cp -n dagster.yaml "$(DAGSTER_HOME)/dagster.yaml" || true
	$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $(PORT)

lint: .venv/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.ready  # needs a GPU with 40 GiB; 80 for every row of its table
	$(BIN)/python -m benchmarks.full_size

mini: .venv/.ready  # needs GPUs and cores; a quarter of an hour on two H100s with 32 cores
	$(BIN)/python -m kolors_dagster.mini.training --work mini_training
	cp mini_training/weights/*.safetensors kolors_dagster/mini/weights/
