# The commands of a contributor and of CI. `make` alone prints them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python

# Two processes are right for two cores; tests that start servers keep to one process each (--dist loadgroup).
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist loadgroup
ARGS ?=

# `check --deploy` looks at a production that does not exist: nothing here is a secret, and nothing is connected to.
THROWAWAY_KEY := AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
PRODUCTION_LIKE := \
	DEMO=0 DEBUG=0 \
	SECRET_KEY=throwaway-5nKq2vXw8RzLcT4yBm7HdJ6sPfG3aUeWx9Kd8Qw1Zx \
	FIELD_ENCRYPTION_KEYS=t1:$(THROWAWAY_KEY) PSEUDONYM_KEY=p1:$(THROWAWAY_KEY) SEAL_SIGNING_KEY=s1:$(THROWAWAY_KEY) \
	WHATSAPP_APP_SECRET=throwaway-app-secret WHATSAPP_VERIFY_TOKEN=throwaway-verify-token \
	METRICS_TOKEN=throwaway-metrics-token \
	PUBLIC_URL=https://desk.example ALLOWED_HOSTS=desk.example BEHIND_TLS_PROXY=1 \
	DATABASE_URL=postgres://desk@127.0.0.1:5432/desk CELERY_BROKER_URL=redis://127.0.0.1:6379/0

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Make .venv with everything to run and to test
	@scripts/install.sh dev

.PHONY: run
run: ## Serve the desk on http://127.0.0.1:8000 (PORT=8001 for another port, DEMO=0 for an empty desk)
	@scripts/install.sh run
	@exec $(PY) manage.py serve --port $${PORT:-8000}

.PHONY: test
test: setup ## Run every test (ARGS="-k stop" for some); DATABASE_URL and CELERY_BROKER_URL name servers to use
	@scripts/chromium.sh
	$(PY) -m pytest $(PYTEST_ARGS) $(ARGS)

.PHONY: check
check: setup ## Lint, types, import rules, missing migrations, the API's schema, settings for production
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && export VAR_DIR="$$folder" && set -x && \
	env -u DATABASE_URL $(PY) -m mypy optout_admin preferences reports && \
	env -u DATABASE_URL .venv/bin/lint-imports && \
	env -u DATABASE_URL $(PY) manage.py makemigrations --check --dry-run && \
	env -u DATABASE_URL $(PY) manage.py spectacular --validate --fail-on-warn --file "$$folder/schema.yaml" && \
	env $(PRODUCTION_LIKE) $(PY) manage.py check --deploy --fail-level WARNING

.PHONY: bench
bench: setup ## Measure, against opponents that do the same work (DATABASE_URL names the PostgreSQL to use)
	$(PY) -m benchmarks $(ARGS)

.PHONY: lock
lock: ## Compile the locks anew from requirements*.in (needs uv)
	uv pip compile $(LOCK_OPTIONS) requirements.in -o requirements.txt
	uv pip compile $(LOCK_OPTIONS) -c requirements.txt requirements-dev.in -o requirements-dev.txt

LOCK_OPTIONS := --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-annotate --no-header

.PHONY: clean
clean: ## Remove .venv and caches; var/, where the desk's data is, stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
