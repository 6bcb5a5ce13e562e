# One command per wish. Needs make and Python 3.11 or newer, nothing else; but
# for `diff`, which needs git.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
# Not the script `pip`: it cannot run in a folder whose name has quotes.
PIP := $(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r
# uv takes seconds where pip takes minutes. But it does not read pip.conf: if a
# registry is named only there, pip installs.
UV := $(RUN)/uv pip install --quiet --compile-bytecode --python $(RUN)/python --require-hashes -r

# Without compiled modules, each of the many short processes compiles them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

# Two steps into one environment: what the demo, the page and the workshop
# need, and beyond that what tests and lint need. Each is made again when its
# lock changes; a half-made environment has no mark.
$(VENV)/.lab: requirements-lab.lock requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $$($(PYTHON) --version 2>&1) is too old. Try: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) requirements-uv.lock
	$(UV) requirements-lab.lock || $(PIP) requirements-lab.lock
	@touch $@

$(VENV)/.complete: requirements.lock $(VENV)/.lab
	$(UV) requirements.lock || $(PIP) requirements.lock
	@touch $@

install: $(VENV)/.lab ## Make .venv with what demo, lab and workshop need
install-all: $(VENV)/.complete ## Add what tests and lint need

demo: install ## Load the leaky, then the fixed service; compare, and write report/
	$(RUN)/python -m lab demo

serve: install ## Run the service with the lab on, at 127.0.0.1:8000
	$(RUN)/python -m lab serve

lab: install ## Run the service and the live page that watches it, at 127.0.0.1:8001
	$(RUN)/python -m lab page

workshop: install ## Learn by doing: the lessons, how far you are, what to type next
	$(RUN)/python -m lab workshop

check: install ## Every lesson: before has its fault, after has not, no trap helps
	$(RUN)/python -m lab check --with-trap

# Each process of xdist has an embedded server of its own; a server that was
# given has connections for one. Tests wait more than they compute.
TESTS := $(RUN)/python -m pytest --ignore tests/documentation \
  $(if $(DATABASE_URL),,--numprocesses 4 --dist worksteal)
test: install-all ## The tests that a change needs, on real PostgreSQL (3 minutes)
	$(TESTS) -m 'not slow'
test-slow: install-all ## The slow tests: PgBouncer, alerts, the browser, every verdict
	$(TESTS) -m slow
test-all: install-all ## Every test, in one run
	$(TESTS)

# They may run at once (make --jobs) for root, because each page then has its
# own network. For others they use the same ports.
PAGES := $(RUN)/python -m pytest -p tests.documentation.plugin --timeout 300
test-docs: test-readme test-guides test-lessons ## Run each command of README.md and docs/, compare the outputs
test-readme: install-all
	$(PAGES) README.md
test-guides: install-all
	$(PAGES) tests/documentation CHANGELOG.md CONTRIBUTING.md SECURITY.md \
	  $(wildcard docs/*.md) poolwatch/README.md
test-lessons: install-all
	$(if $(wildcard docs/*/),$(PAGES) $(wildcard docs/*/))

lint: install-all ## ruff, mypy strict, import-linter
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports --no-logo

bench: install-all ## The fixed routes against raw asyncpg and the write-up's fix (4 minutes)
	$(RUN)/python -m lab bench

bench-poolwatch: install-all ## What poolwatch costs, with and without in turn (3 minutes)
	$(RUN)/python -m lab bench-poolwatch

compat: install-all ## poolwatch with each version of its drivers, from the package registry (2 minutes)
	$(RUN)/python -m tests.compat --write

diff: install ## Compare each lesson's two files
	@for lesson in app/*/before.py app/lessons/*/before.py; do \
	  git --no-pager diff --no-index --color $$lesson $${lesson%before.py}after.py; true; \
	done

pictures: install-all ## Take the pictures of docs/pictures again: real runs (2 minutes)
	$(RUN)/python -m tests.page.pictures

dashboard: install-all ## Write Grafana's dashboard again, after a change of ops/grafana
	$(RUN)/python -m ops.grafana.dashboard

LOCK := $(RUN)/uv pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --no-header --no-annotate
lock: install-all ## Renew the lock files (asks the package registry)
	$(LOCK) --upgrade --all-extras pyproject.toml -o requirements.lock
	$(LOCK) -c requirements.lock --extra lab pyproject.toml -o requirements-lab.lock
	$(LOCK) -c requirements.lock pyproject.toml -o requirements-service.lock
	echo locust | $(LOCK) -c requirements.lock - -o requirements-load.lock
	echo uv | $(LOCK) -c requirements.lock - -o requirements-uv.lock

clean: ## Remove .venv, the embedded database and the reports
	rm -rf $(VENV) .data report

.PHONY: help install install-all demo serve lab workshop check test test-slow test-all test-docs test-readme test-guides test-lessons lint bench bench-poolwatch compat diff pictures dashboard lock clean
