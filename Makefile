# premotor: `make demo` shows the whole idea, `make test` checks it. Both set up what they need.
.PHONY: demo test quick rehearsal lint bench torture install gl chromium clean

# The first Python that runs, is 3.11 or 3.12 and can make a virtual environment.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1 && { command -v $$p; break; }; done)
BIN := .venv/bin
STAMP := .venv/.installed

# Installs a package of the system where one may; fails elsewhere.
apt = if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq $(1); \
	elif sudo -n true 2>/dev/null; then sudo apt-get update -qq && sudo apt-get install -y -qq $(1); \
	else false; fi

demo: install gl
	$(BIN)/premotor demo

# A file stays in one process, so that what its tests share is made once.
test: install gl
	$(BIN)/python -m pytest -n auto --dist loadfile

quick: install
	$(BIN)/python -m pytest -m "not sim and not slow and not gpu and not exhaustive and not browser and not rehearsal"

# A whole comparison at the smallest size, and its page in a browser (Chromium), after `make test`.
rehearsal: install gl chromium
	$(BIN)/python -m pytest -n auto --dist loadfile -rs -m "rehearsal or browser"

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# Kills every command at random moments and fills its disk, for so long; with root, on small disks.
MINUTES ?= 10
SEED ?= 0
torture: install gl
	PYTHONPATH=tests $(BIN)/python -m torture --minutes $(MINUTES) --seed $(SEED)

bench: install gl
	$(BIN)/python -m benchmarks

install: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "premotor: please run: sudo apt-get install -y python3 python3-venv   (3.11 or 3.12; or say make PYTHON=/path/to/python3.11)"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf .venv; "$(PYTHON)" -m venv .venv; } || { rm -rf .venv; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(STAMP)

gl: install
	@$(BIN)/python -c 'from premotor.simulate.rig import check_gl; check_gl()' >/dev/null 2>&1 \
	|| { echo "premotor: no GL library found, installing libosmesa6"; \
	     $(call apt,libosmesa6); } \
	|| { echo "premotor: please run: sudo apt-get install -y libosmesa6"; exit 1; }

chromium:
	@command -v chromium >/dev/null 2>&1 \
	|| { echo "premotor: no Chromium found, installing chromium"; \
	     $(call apt,chromium); } \
	|| echo "premotor: the page is not opened in a browser; for that run: sudo apt-get install -y chromium"

clean:
	rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache
