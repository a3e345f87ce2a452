# premotor: `make demo` shows the whole idea, `make test` checks it. Both set up what they need.
.PHONY: demo test quick lint bench install gl clean

PYTHON ?= $(shell command -v python3.12 || command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
export LP_NUM_THREADS ?= 1

demo: install gl
	$(BIN)/premotor demo

test: install gl
	$(BIN)/python -m pytest

quick: install
	$(BIN)/python -m pytest -m "not sim and not slow and not gpu and not exhaustive"

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: install gl
	$(BIN)/python -m benchmarks

install: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; ok = v in ((3, 11), (3, 12)); sys.exit(0 if ok else f"premotor needs Python 3.11 or 3.12, {sys.executable} is {v[0]}.{v[1]}; set PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(STAMP)

gl: install
	@$(BIN)/python -c 'import ctypes.util, sys; sys.exit(not (ctypes.util.find_library("OSMesa") or ctypes.util.find_library("EGL")))' \
	|| { echo "premotor: no GL library found, installing libosmesa6"; \
	     if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq libosmesa6; \
	     elif sudo -n true 2>/dev/null; then sudo apt-get update -qq && sudo apt-get install -y -qq libosmesa6; \
	     else false; fi; } \
	|| { echo "premotor: please run: sudo apt-get install -y libosmesa6"; exit 1; }

clean:
	rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache
