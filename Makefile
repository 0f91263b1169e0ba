PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One Spark, with 4 GB, serves them all.
TEST_PROCESSES ?= 2
STAMP := $(VENV)/.installed
# From npm for the tests alone (MPL-2.0), so it is no part of this repository.
AXE := $(VENV)/axe
# In an environment of its own: its dependencies are far from the project's.
CHECKOV := $(VENV)/checkov

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test dev dashboard screenshots browser bench lint checkers format clean constraints secrets

help: ## Show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || \
		{ echo "Python 3.11 or 3.12 is needed: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing pinned packages (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[orchestrator,production,dashboard,dev]'
	@touch $@

setup: $(STAMP) ## Virtual environment, pinned packages, Delta's jars, Dagster's home
	@$(BIN)/nyc311 setup

demo: setup ## Run the pipeline over 120 days and watch it; ROWS=folder for real rows
	@$(BIN)/nyc311 demo $(if $(ROWS),--rows $(ROWS)) $(ARGS)

dev: setup ## Dagster's UI on http://127.0.0.1:3000, with its home in .nyc311/
	@DAGSTER_HOME=$$($(BIN)/nyc311 local dagster-home) $(BIN)/dagster dev $(ARGS)

dashboard: setup ## The dashboard on http://127.0.0.1:8501
	@$(BIN)/nyc311 dashboard $(ARGS)

lint: setup ## Formatting, lint, layers, types, security, secrets
	@$(BIN)/black --check --quiet . || { echo "Not formatted: run 'make format'."; exit 1; }
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive nyc311_assets infrastructure
	@# It rewrites the baseline when lines have moved (3), which is none of lint's business.
	@cp .github/secrets.baseline $(VENV)/secrets.baseline
	@$(BIN)/detect-secrets-hook --no-verify --baseline $(VENV)/secrets.baseline $$(git ls-files ':!.github/secrets.baseline') \
		> $(VENV)/secrets.log || test $$? = 3 || { cat $(VENV)/secrets.log; \
		echo "If that is no secret: make secrets, and look at the difference."; exit 1; }

browser: setup
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
		{ echo "Installing Chromium ..."; apt-get update -qq && apt-get install -qq -y chromium >/dev/null; }; } || \
		echo "Chromium is missing: tests in a browser are skipped"
	@test -f $(AXE)/node_modules/axe-core/axe.min.js || \
		npm install --silent --no-save --no-audit --no-fund --prefix $(AXE) axe-core@4.14.1 || \
		echo "axe-core could not be installed: the tests of accessibility are skipped"

checkers: setup
	@test -x $(CHECKOV)/bin/checkov || { echo "Installing checkov ..."; $(PYTHON) -m venv $(CHECKOV) && \
		$(CHECKOV)/bin/python -m pip install --quiet checkov==3.2.500; } || \
		{ rm -rf $(CHECKOV); echo "checkov could not be installed: its tests are skipped"; }
	@test -x $(BIN)/actionlint || { command -v go >/dev/null && \
		GOBIN=$(abspath $(BIN)) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7; } || \
		echo "actionlint could not be installed: its test is skipped"

screenshots: browser ## Pictures of the dashboard's pages, into docs/images
	@$(BIN)/python -m nyc311_assets_tests.dashboard.screenshots $(ARGS)

test: lint browser checkers ## Linters, types and all tests, with coverage
	@$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --cov --cov-report=term --durations=25 $(ARGS)

bench: setup ## Measure speed side by side with an alternative
	@$(BIN)/python -m nyc311_assets_tests.bench $(ARGS)

format: setup ## Format and mend what can be mended
	@$(BIN)/black --quiet .
	@$(BIN)/ruff check --fix .

secrets: $(STAMP) ## Write what looks like a secret and is none to .github/secrets.baseline
	@$(BIN)/detect-secrets scan --no-verify $$(git ls-files ':!.github/secrets.baseline') > .github/secrets.baseline

constraints: $(STAMP) ## Write the installed versions to constraints.txt
	@{ head -1 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable; } > constraints.new
	@mv constraints.new constraints.txt

clean: ## Stop the embedded workspace and remove all local state
	@test ! -x $(BIN)/nyc311 || $(BIN)/nyc311 local stop
	@rm -rf .nyc311 .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage*
