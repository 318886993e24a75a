# Darkroom. `make help` lists the commands. ARGS=... is passed to the command: make demo ARGS=--json
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Interpreter of a new virtual environment: make demo PYTHON=python3.12
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header pyproject.toml
DEMO_ARGS = $(if $(PHOTO),--photo "$(PHOTO)") $(if $(OUTFIT),--outfit "$(OUTFIT)") $(if $(filter local,$(SUPABASE)),--local-supabase) $(if $(PROVIDER),--provider "$(PROVIDER)")

# SUPABASE=hosted: use a hosted Supabase instead of a PostgreSQL container.
COMPOSE = podman-compose $(if $(filter hosted,$(SUPABASE)),-f podman-compose.yml -f deploy/podman-compose.supabase.yml)
SCALE = $(if $(GENERATE),--scale worker-generate=$(GENERATE))
TARGET ?= full
IMAGE = localhost/darkroom$(if $(filter worker,$(TARGET)),-worker):latest

# The tests of a file share its servers. Files run in the order of their names: those of acceptance and faults, which take
# longest, begin; xdist's own order would begin with files of many short tests.
PARALLEL := --dist loadfile --no-loadscope-reorder
# Tests of servers wait more than they compute, so there are two processes per core.
PROCESSES := $(shell expr 2 '*' $$(getconf _NPROCESSORS_ONLN))

.PHONY: help
help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do \
	  printf '  make %-8s %s\n' "$$name" "$$what"; done

.PHONY: demo
demo: ## run tasks of all three products and write a gallery (PHOTO=me.jpg OUTFIT=shirt.png: your pictures; SUPABASE=local: use the Supabase emulator)
demo: $(VENV)/demo.stamp model
	@$(BIN)/python manage.py demo $(DEMO_ARGS) $(ARGS)

.PHONY: test
test: ## check style, types and import direction, and run all tests with coverage
test: style browser model
	$(BIN)/python -m pytest tests $(PARALLEL) --numprocesses $(PROCESSES) --cov --cov-report=term:skip-covered $(ARGS)

.PHONY: check
check: ## check style, types and import direction, and run the unit tests
check: style
	$(BIN)/python -m pytest tests/unit $(PARALLEL) --numprocesses auto $(ARGS)

.PHONY: style
style: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	cd http && ../$(BIN)/lint-imports --no-logo --cache-dir ../.import_linter_cache
	$(BIN)/mypy

# Pose model of the photo-based size recommendation; without it, only that part answers "not loaded".
.PHONY: model
model:
	@$(BIN)/python manage.py pose-model >/dev/null || echo "Photo-based size recommendations are disabled: could not download the pose model."

# Chromium for the tests of pages; as root on Debian it is installed. Without a browser these tests are skipped; in CI
# they fail.
.PHONY: browser
browser:
	@for name in chromium chromium-browser google-chrome; do if command -v $$name >/dev/null; then exit 0; fi; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the tests of pages"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends chromium >/dev/null \
	    && exit 0; \
	fi; \
	if [ -n "$$CI" ]; then echo "NO BROWSER: CI must run the tests of pages; install the package chromium." >&2; exit 1; fi; \
	echo "NO BROWSER: the tests of pages are SKIPPED. To run them, install the package chromium as root." >&2

.PHONY: local
local: ## run all services on this machine without containers, until Ctrl-C
local: $(VENV)/demo.stamp
	@$(BIN)/python manage.py up $(ARGS)

.PHONY: dev
dev: ## run all services in containers, in the foreground
dev: containers
	$(COMPOSE) up $(SCALE) $(ARGS)

.PHONY: up
up: ## run all services in containers, in the background (GENERATE=4: number of workers for the generate stage)
up: containers
	$(COMPOSE) up --detach $(SCALE) $(ARGS)

.PHONY: down
down: ## stop the containers; volumes are kept
down:
	$(COMPOSE) down --remove-orphans $(ARGS)

.PHONY: logs
logs: ## follow the containers' logs
logs:
	$(COMPOSE) logs --follow $(ARGS)

.PHONY: build
build: ## build the container image (TARGET=worker: the small image, for machines that only run workers)
build:
	podman build --format docker --target $(TARGET) --tag $(IMAGE) $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) \
	  --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) --build-arg CREATED=$$(date -u +%FT%TZ) $(ARGS) .

.PHONY: containers
containers:
	@deploy/make-secrets.sh $(SECRETS_FOLDER)
	@podman image exists $(or $(DARKROOM_IMAGE),localhost/darkroom:latest) || $(MAKE) build

.PHONY: bench
bench: ## benchmark this machine; writes JSON and a page with plots to var/bench (ARGS="--baseline earlier.json")
bench: $(VENV)/dev.stamp
	@$(BIN)/python manage.py bench $(ARGS)

.PHONY: lock
lock: ## update the pinned requirements from pyproject.toml
lock: $(VENV)/dev.stamp
	$(LOCK) -o requirements-worker.txt
	printf '%s\n' setuptools wheel pkgconfig cffi | $(LOCK:pyproject.toml=-) -o requirements-build.txt
	$(LOCK) --extra sizing -o requirements-http.txt
	$(LOCK) --all-extras -o requirements.txt
	$(LOCK) --all-extras --group dev -o requirements-dev.txt
	echo uv | $(LOCK:pyproject.toml=-) --constraints requirements-dev.txt -o requirements-uv.txt

.PHONY: clean
clean: ## remove the virtual environment and all generated files
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp holds the checksum of the installed requirements, so that reinstalling depends on content, not on file times.
$(VENV)/demo.stamp: FORCE
	@$(call installed,requirements.txt,demo)
$(VENV)/dev.stamp: FORCE
	@$(call installed,requirements-dev.txt,dev)
.PHONY: FORCE
FORCE:

# requirements-dev.txt contains all of requirements.txt, in the same versions.
define installed
	sum=$$(cksum < $(1)); dev=$$(cksum < requirements-dev.txt); \
	if [ "$$(cat $(VENV)/$(2).stamp 2>/dev/null)" = "$$sum" ]; then exit 0; fi; \
	if [ "$(2)" = demo ] && [ "$$(cat $(VENV)/dev.stamp 2>/dev/null)" = "$$dev" ]; then exit 0; fi; \
	$(venv); \
	echo "Installing $(1)"; rm -f $(VENV)/*.stamp; \
	deploy/install-requirements.sh $(BIN)/python $(1) && echo "$$sum" > $(VENV)/$(2).stamp
endef

# The newest interpreter that can create a virtual environment, or PYTHON.
define venv
	if ! $(BIN)/python -c 'import pip' 2>/dev/null; then \
	  supported=; chosen=; \
	  for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python); do \
	    "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || continue; \
	    supported="$${supported:-$$python}"; \
	    if "$$python" -c 'import venv, ensurepip' 2>/dev/null; then chosen="$$python"; break; fi; \
	  done; \
	  if [ -z "$$supported" ]; then \
	    echo "Darkroom needs Python 3.11, 3.12 or 3.13$(if $(PYTHON),; PYTHON=$(PYTHON) is none of them)." \
	      "On Debian: apt-get install python3 python3-venv" >&2; exit 1; fi; \
	  if [ -z "$$chosen" ]; then \
	    echo "$$supported can't make virtual environments here. On Debian: apt-get install python3-venv" >&2; exit 1; fi; \
	  rm -rf $(VENV); "$$chosen" -m venv $(VENV) || exit 1; \
	fi
endef
