# make demo   everything from nothing: environment, demo store, app      (PORT=8502 make demo: another port)
# make check  formatting, style, types and imports, in seconds
# make test   the same environment and the test tools, then every check and test
# make test-long   the few tests that take too long for every day
# make run    the app alone
# make architecture   the picture and the tables of docs/architecture.md, drawn from the code
# make coverage   docs/coverage.md anew: which layers of which networks can be looked at (some hours)
# make test-ray   the tests that need Ray, in an environment of their own on top of the usual one
# make campaign   the long trials of docs/reliability.md: damaged stores, killed runs and processes, writers, full disks, load

PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
DEMO := runs/demo.h5
# Not compiling leaves that to the first import of what is imported at all, a tenth of what is installed.
PIP := --disable-pip-version-check --no-compile
# Without a screen there is no browser to open.
HEADLESS := $(shell [ "$$(uname)" = Darwin ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] && echo false || echo true)

.PHONY: demo run check test architecture coverage format clean
.DELETE_ON_ERROR:

demo: $(DEMO) run

run: .venv/installed
	@echo "Unitscope: http://127.0.0.1:$(PORT)   (Ctrl-C ends it)"
	@$(BIN)/streamlit run app.py --server.port $(PORT) --server.headless $(HEADLESS)

$(DEMO): | .venv/installed
	$(BIN)/python -m precompute demo --out $(DEMO)

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy || $(BIN)/mypy --num-workers 0   # on a busy machine its workers do not start in time
	$(BIN)/lint-imports

# What is imported is compiled once, even where the environment says to keep nothing compiled: tests start many processes.
test: browser .venv/installed-dev
	rm -rf .cache/demo && $(MAKE) -j2 check test-demo
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= UNITSCOPE_DEMO_STORE=$(CURDIR)/.cache/demo/demo.h5 \
	  $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadscope -m "not long" $(TESTS)

.PHONY: test-demo
test-demo: .venv/installed-dev
	$(BIN)/python -m precompute demo --out .cache/demo/demo.h5

architecture: .venv/installed-dev
	$(BIN)/python -m tests.floors

# What takes too long for every day, such as the engine on large families, and ten times the drawn examples.
.PHONY: test-long
test-long: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 -m "long or hypothesis" --hypothesis-profile long

# Ray lies in an environment of its own, which sees what the usual one holds.
.PHONY: test-ray
test-ray: .cache/ray/installed
	OMP_NUM_THREADS=1 .cache/ray/bin/python -m pytest -m ray $(TESTS)

.cache/ray/installed: .venv/installed-dev requirements-ray.txt
	$(BIN)/python -m venv .cache/ray
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$(.cache/ray/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/unitscope.pth"
	.cache/ray/bin/python -m pip install $(PIP) -q -r requirements-ray.txt
	@touch $@

coverage: .venv/installed-dev
	$(BIN)/python -m tests.coverage

# Hours where all of it is asked for; CAMPAIGN='stores --trials 50' is a part of it. With Ray where that is installed.
.PHONY: campaign
campaign: .venv/installed-dev
	OMP_NUM_THREADS=1 $(if $(wildcard .cache/ray/installed),.cache/ray/bin,$(BIN))/python -m tests.campaign $(CAMPAIGN)

# Debian's Chromium, where there is no browser and we may install one. Without any, the browser tests say so.
.PHONY: browser
browser:
	@command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	       && apt-get update -q && apt-get install -q -y --no-install-recommends chromium; } \
	  || echo "No Chromium and no right to install one: the browser tests need it."

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv runs .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Unitscope needs Python 3.11 or newer; name one by PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/python -m pip install $(PIP) -q -r requirements-dev.txt
	@touch $@
