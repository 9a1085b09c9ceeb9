# Everything a contributor runs. `make` alone explains.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help run demo test lint format bench lock migration clean

help: ## Say what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: .venv/run ## Start everything on loopback, walk through the main job once, stay up
	@$(BIN)/keypostd up

demo: .venv/run ## The same walk in a folder of its own, then exit
	@$(BIN)/keypostd up --demo

test: .venv/dev ## Run every test
	$(BIN)/pytest

lint: .venv/dev ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev ## Rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev ## Measure, and say how it was measured
	$(BIN)/python -m bench

lock: .venv/dev ## Pin every dependency, with hashes
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 $(UPGRADE) \
	  pyproject.toml --extra server --extra build -o requirements/run.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 $(UPGRADE) \
	  pyproject.toml --extra server --extra build --extra dev -c requirements/run.txt -o requirements/dev.txt

migration: .venv/dev ## Draft a migration from tables.py: make migration NAME="what changes"
	PYTHONPATH=src:adapters $(BIN)/alembic revision --autogenerate -m "$(NAME)"

clean: ## Forget the virtual environment and all caches; state below ./var stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/pip:
	@PYTHON=$(PYTHON) sh ops/make-venv.sh

.venv/run: .venv/bin/pip requirements/run.txt pyproject.toml
	@echo "Installing what Keypost needs into .venv (once; about half a minute) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/run requirements/dev.txt
	@echo "Installing what the tests need into .venv ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
