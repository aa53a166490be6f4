# `make help` lists what there is. From a fresh clone it needs Python 3.11, 3.12 or 3.13, no more.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup packages run test check bench prove test-aarch64 lock clean

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
JOBS ?= 2
EXTRAS := fits,images,demo,plot,parquet,server,test,check
# Whole suite, in seconds; a single test has its own limit in pyproject.toml.
LIMIT_S ?= 900
PYTEST = $(if $(shell command -v timeout),timeout --foreground -k 30 $(LIMIT_S)) $(BIN)/python -m pytest

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 16

setup: ## make .venv with the exact versions of constraints/ (PYTHON=… chooses the Python)
	@tools/setup $(EXTRAS)

packages: ## install Debian's mosquitto, chrony, libfaketime, postgresql, chromium and prometheus, where that may be done
	@tools/packages

run: ## camera, broker and server on this computer: make run ARGS="--duration 30 --json"
	@tools/setup demo
	@$(BIN)/cosmic-edge demo $(ARGS)

test: setup packages check ## check and test everything: make test ARGS="-k outbox"
	@$(PYTEST) -n $(JOBS) --dist loadgroup $(ARGS)
	@tools/test-tflite

check: setup ## lint, formatting, types, direction of the imports, spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell

bench: setup ## the hot paths beside their peers
	@$(BIN)/python -m benchmarks $(ARGS)

prove: setup packages ## the longer proofs, training, the suite on Python 3.13, the kernels on ARM
	@$(PYTEST) -m prove $(ARGS) || [ $$? = 5 ] # 5: no test is marked
	@tools/setup $(EXTRAS),train .venv-train
	@.venv-train/bin/python -m pytest -m prove -s tests/training $(ARGS)
	@if tools/find-python 3.13 >/dev/null; then \
	    tools/setup $(EXTRAS) .venv313 3.13 && \
	    .venv313/bin/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS); \
	else echo "prove: no Python 3.13 here; the suite ran on $$($(BIN)/python -V) alone" >&2; fi
	@tools/test-aarch64

test-aarch64: setup ## the kernels' tests on an emulated 64-bit ARM, as on a Raspberry Pi
	@tools/test-aarch64 $(ARGS)

lock: ## write constraints/ anew with the newest versions that pyproject.toml allows
	@tools/lock

clean: ## remove what was made: environments, caches, builds
	rm -rf .venv .venv313 .venv-train .venv-tflite dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
	    .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
