# Two commands for a fresh machine: `make demo` and `make test`. Both make their own .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: demo test quick check bench docs labextension release-check clean

demo: $(VENV)/.lab
	$(BIN)/python scripts/demo.py $(if $(HEADLESS),--headless)

test: check
	$(PYTEST)

quick: $(VENV)/.dev    # no kernel, no browser, nothing slow; fewer generated examples
	$(PYTEST) -q -m "not kernel and not browser and not slow" --hypothesis-profile quick

check: $(VENV)/.dev
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

docs: $(VENV)/.docs    # the documentation site, in build/site/html; its checks are in tests/site
	$(BIN)/python scripts/site.py

labextension: $(VENV)/.dev    # the buttons and colours of JupyterLab; needs Node.js, which nothing else here does
	cd labextension && PATH="$(abspath $(BIN)):$$PATH" && jlpm install --immutable && jlpm build
	$(BIN)/python scripts/labextension.py

release-check: test
	$(BIN)/python scripts/messages.py --release

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.lab: pyproject.toml labextension/built/package.json | $(BIN)/python
	@echo "setting up $(VENV) (a minute or two, once) …"
	$(PIP) install -e '.[lab,images,plot,pandas,schema]'
	@touch $@

$(VENV)/.dev: pyproject.toml labextension/built/package.json | $(BIN)/python
	@echo "setting up $(VENV) (a minute or two, once) …"
	$(PIP) install -e '.[dev]'
	@touch $@ $(VENV)/.lab

$(VENV)/.docs: pyproject.toml labextension/built/package.json | $(BIN)/python
	@echo "setting up $(VENV) (a minute or two, once) …"
	$(PIP) install -e '.[docs]'
	@touch $@ $(VENV)/.lab

clean:
	rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis artifacts dist build labextension/lib labextension/node_modules labextension/.yarn
