# The project's front door. `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
SECONDS ?= 60
RELEASES ?= bookworm trixie

.DEFAULT_GOAL := help
.PHONY: help deps test-deps lab internet lab-down demo verify test lint types unit unit-3.13 servers-13 module-newer module-valgrind conformance mutants module integration lab-test deploy-test booted-test bench bench-3.13 faults draft fuzz requirements vagrant-smoke vagrant-lab clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what the lab needs: Debian packages, .venv with hash-pinned packages
	@PYTHON=$(PYTHON) scripts/bootstrap lab

test-deps: deps ## install what the tests need besides
	@PYTHON=$(PYTHON) scripts/bootstrap test

lab: deps ## bring up the lab `small` and show the demonstration
	@$(BIN)/testbed up

internet: deps ## bring up the lab `internet`: systems that route by BGP, six authorities, a company
	@$(BIN)/testbed up --topology internet

lab-down: ## remove exactly what the lab made
	@if [ -x $(BIN)/testbed ]; then $(BIN)/testbed down; else echo "lab-down: no .venv here, so this checkout made no lab"; fi

demo: ## show the demonstration again on the running lab
	@$(BIN)/testbed demo

verify: deps ## all tests of the hosts and all attacks on the running lab; page, JSON and JUnit in build/verify
	@$(BIN)/testbed verify --out build/verify

test: test-deps ## run every test; one summary at the end
	@$(BIN)/python -m tests

lint: test-deps ## style, import rules, Ansible, shell
	@$(BIN)/python -m tests lint

types: test-deps ## mypy, strict; the JSDoc types of clients/node
	@$(BIN)/python -m tests types

unit: deps ## tests without network, services or root
	@$(BIN)/python -m tests protocol unit

unit-3.13: deps ## the same with the Python of the lab's hosts, in their image
	@$(BIN)/python -m tests unit-3.13

servers-13: test-deps ## the nginx module and stock servers of Debian 13, in the image of the lab's hosts (root)
	@$(BIN)/python -m tests servers-13

module-newer: test-deps ## the nginx module with the nginx and OpenSSL of Debian unstable, in an image of it (root; not in CI)
	@$(BIN)/python -m tests.hosts_python.newer -m pytest -q -p no:cacheprovider tests/integration/nginx_module

module-valgrind: test-deps ## the nginx module below valgrind: 10,000 handshakes and 100 reloads (takes long; not in CI)
	@$(MAKE) --no-print-directory -C nginx_module_shim valgrind

integration: test-deps ## tests with real nginx, gunicorn and OpenSSL on loopback
	@$(BIN)/python -m tests install ends vas integration

module: test-deps ## the nginx module: sanitizer builds in a real nginx, then valgrind over a few handshakes
	@$(BIN)/python -m tests module

conformance: test-deps ## the verdict cases, put to this project's own client, to a plain second one, to that of clients/node, and to some broken ones
	@$(BIN)/python -m tests conformance

mutants: deps ## every broken client of tests/conformance/mutants.txt: does some case notice?
	@$(BIN)/python -m tests.conformance mutants

lab-test: test-deps ## the testinfra suite on the running or newly made lab
	@$(BIN)/python -m tests lab

deploy-test: test-deps ## the example inventory on plain Debian hosts, as ansible/README.md says (root)
	@$(BIN)/python -m tests deploy

booted-test: deps ## the lab on Debian 12 and 13 machines with their own systemd: what `down` leaves (root; takes long)
	@$(BIN)/python -m tests.booted $(RELEASES)

bench: deps ## measure; results in benchmarks/results, notes in docs/benchmarks.md
	@$(BIN)/python -m benchmarks

bench-3.13: test-deps ## what a voucher and refusals cost with the Python of the lab's hosts, in their image (root)
	@$(BIN)/python -m tests.hosts_python -m benchmarks --results build/tests/benchmarks-3.13 voucher_issuance

faults: test-deps ## a VAS under 10,000 requests while each of its parts is killed in turn (root; takes long)
	@FAULTS_REQUESTS=10000 $(BIN)/python -m pytest -q --log-cli-level=INFO tests/integration/test_vas_faults.py

draft: deps ## the specification as an Internet-Draft, text and HTML, in build/draft (xml2rfc, in a .venv of its own)
	@$(BIN)/python scripts/draft build/draft/draft-mecai-protocol-00.xml
	@$(BIN)/python -m venv build/draft/venv && build/draft/venv/bin/pip install -q --no-deps --require-hashes -r requirements/draft.txt
	@build/draft/venv/bin/xml2rfc --no-network --quiet --text --html build/draft/draft-mecai-protocol-00.xml
	@$(BIN)/python scripts/draft-nits build/draft/draft-mecai-protocol-00.txt

fuzz: deps ## fuzz every parser, SECONDS (60) each; findings in build/fuzz
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

requirements: deps ## pin the packages anew, with hashes and without addresses
	@scripts/pin-requirements

vagrant-smoke: test-deps ## really run `vagrant up` (libvirt, QEMU) on a box made here; takes long
	@scripts/vagrant-smoke

vagrant-lab: test-deps ## the same, with the lab of MECAI_LAB_ARCHIVE (testbed save --export) restored inside; takes an hour
	@: $${MECAI_LAB_ARCHIVE:?is not set: .venv/bin/testbed save --export build/lab.tar.zst, then make vagrant-lab MECAI_LAB_ARCHIVE=build/lab.tar.zst}
	@scripts/vagrant-smoke

clean: ## remove what builds and tests left here (not the lab: `make lab-down`)
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
