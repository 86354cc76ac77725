# Ferrule: what one types. `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup run check test sdk drill bench deb image image-test-fast image-test format lock clean

PACKAGES_FOR_TESTS := mbpoll libmodbus5 libmodbus-dev gcc libc6-dev curl bubblewrap chromium cpio systemd udev openssl dosfstools fusefat zsh tshark
PACKAGES_FOR_DEB := mmdebstrap uidmap dpkg
PACKAGES_FOR_IMAGE := mmdebstrap uidmap dpkg bubblewrap qemu-user-static arch-test kmod
PROOFS_OF_IMAGE := package build contents image pi plugins updates cuts figures
PYTHON_IN_VENV := .venv/bin/python

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## make .venv from the lock file
	@.ci/setup

run: setup ## start the gateway with simulated devices on https://127.0.0.1:3500
	@exec .venv/bin/ferrule demo

check: setup ## format, lint, types, import contracts
	.venv/bin/ruff format --check gateway drivers tests benchmarks sdk image systemd docs/examples
	.venv/bin/ruff check gateway drivers tests benchmarks sdk image systemd docs/examples
	.venv/bin/flake8 --isolated --select ASYNC101,ASYNC102,ASYNC103,ASYNC104,ASYNC119,ASYNC120 --max-line-length 200 \
		$$(grep -rlE '^ *(async |(import|from) trio\b)' --include='*.py' gateway drivers tests)
	.venv/bin/mypy
	.venv/bin/lint-imports

sdk: setup ## make the SDKs for Python and TypeScript that the gateway gives out
	@.ci/sdk
	$(PYTHON_IN_VENV) -m sdk

test: setup ## everything that proves the product
	@.ci/packages $(PACKAGES_FOR_TESTS)
	@.ci/node-clients
	@.ci/sdk
	$(PYTHON_IN_VENV) -m pytest
	@$(MAKE) --no-print-directory image-test-fast

drill: setup ## the long proofs: ten million fuzzed frames, a day of simulated field
	@.ci/packages $(PACKAGES_FOR_TESTS)
	$(PYTHON_IN_VENV) -m tests.drill

bench: setup ## the benchmark tables, peers beside us in the same run
	@.ci/packages $(PACKAGES_FOR_TESTS)
	@.ci/peers
	$(PYTHON_IN_VENV) -m benchmarks

deb: sdk ## Debian packages in dist/: bookworm and trixie, arm64 and amd64
	@.ci/packages $(PACKAGES_FOR_DEB)
	$(PYTHON_IN_VENV) -m systemd.debian

image: sdk ## the SD image in build/, its update, and what tells of both (as root)
	@.ci/packages $(PACKAGES_FOR_IMAGE)
	$(PYTHON_IN_VENV) -m image

image-test-fast: setup ## the image in an emulated board, until it has read (as root); minutes longer the first time
	@.ci/packages $(PACKAGES_FOR_IMAGE) openssh-client curl
	$(PYTHON_IN_VENV) -m pytest -o faulthandler_timeout=0 tests/appliance/full_fast.py

image-test: setup ## the packages in a real Debian, the image in an emulated board (as root)
	@.ci/packages $(PACKAGES_FOR_DEB) $(PACKAGES_FOR_IMAGE) openssh-client openssl curl
	$(PYTHON_IN_VENV) -m pytest -o faulthandler_timeout=0 $(addprefix tests/appliance/full_,$(addsuffix .py,$(PROOFS_OF_IMAGE)))

format: setup ## format the code
	.venv/bin/ruff format gateway drivers tests benchmarks sdk image systemd docs/examples
	.venv/bin/ruff check --fix gateway drivers tests benchmarks sdk image systemd docs/examples

lock: setup ## write requirements.lock anew (needs uv)
	uv pip compile --universal --python-version 3.11 pyproject.toml --extra test --generate-hashes \
		--no-emit-index-url --no-header --upgrade -o requirements.lock
	uv pip compile --universal --python-version 3.11 benchmarks/peers/requirements.in --generate-hashes \
		--no-emit-index-url --no-header --upgrade -o benchmarks/peers/requirements.lock
	uv pip compile --universal --python-version 3.11 sdk/requirements.in --generate-hashes \
		--no-emit-index-url --no-header --upgrade -o sdk/requirements.lock

clean: ## remove what the targets above made
	rm -rf .venv .venv-peers .venv-sdk gateway/api/sdks var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
