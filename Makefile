# voiceops.secure_tsp: what a maintainer types. Everything runs from .venv, which the first call makes.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTEST := .venv/bin/python -m pytest
# One more than there are cores, because tests also wait.
WORKERS ?= $(shell echo $$(( $$(nproc) + 1 )))
SECONDS = 60
ROUNDS = 150
PLAYBOOK_ROUNDS = 50
ANSIBLE_PACKAGE = 12.3.0
LOG := .cache/log
PYTHON_VERSION = $(shell .venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

.PHONY: help venv demo lab quick test pytest ansible-windows windows hosts outside runners sbom events fleet fuzz torture sanity lint types oldest units \
	integration coverage matrix release-check \
	bench changelog samples picture options build clean

help:  ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv:  ## Create or update .venv from the pinned requirements
	@requirements/venv

demo: venv  ## Provision a small fleet on a simulated cluster, twice, and show a drift
	@tests/demo/run

lab: venv  ## Run a simulated cluster on fixed ports, with an inventory in .cache/lab, until Ctrl-C
	@PYTHONPATH=tests .venv/bin/python tests/demo/lab.py .cache/lab

quick: venv  ## The tests of the files that differ from FROM=origin/main or HEAD, in less than a minute
	@tests/gate/quick $(FROM)

test: venv  ## Everything a change must pass: types, pytest, sanity and lint
	@tests/gate/all

pytest: venv  ## Unit, property, module, contract and e2e tests
	@mkdir -p $(LOG)
	@# The long files first, so that the short ones fill what is left of the last minutes.
	@$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder --color=no tests/e2e tests/contract tests/fuzz tests/unit tests/wine 2>&1 | tee $(LOG)/pytest.log

browser: venv  ## The report's page in a headless Chromium, with screenshots in .cache/browser
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -c requirements/constraints.txt -r requirements/browser.txt
	@$(PYTEST) tests/browser

ansible-windows: venv  ## The package ansible in .cache, with whose ansible.windows the tests of Windows hosts run; else they use stand-ins
	@test -e .cache/ansible-package/ansible_collections/ansible/windows/MANIFEST.json || .venv/bin/python -m pip install --quiet \
		--disable-pip-version-check --no-deps --no-compile --target .cache/ansible-package ansible==$(ANSIBLE_PACKAGE)

windows: ansible-windows  ## What is known of Windows: the contract with ansible.windows, and runs on hosts with registry and installer of Wine
	@SECURE_TSP_WINE="$$(command -v wine || true)" $(PYTEST) -rs -n $(WORKERS) --dist loadfile tests/contract/test_windows_modules.py tests/contract/test_windows_stand_ins.py tests/wine tests/e2e/windows

hosts: venv  ## Real hosts in network namespaces, as root: all playbooks, and what networks and hosts do to them; WORDS="--short" or pytest's
	@tests/hosts/run $(WORDS)

outside: venv  ## Licences of all files (reuse)
	@tests/gate/outside

runners: venv  ## What ansible-runner, ansible-navigator and ara keep of runs, and the Molecule scenario, with these programs themselves
	@tests/gate/runners

events: venv  ## The rulebook for alerts and findings with a real ansible-rulebook and Java
	@tests/gate/events

sbom: venv  ## What an execution environment installs, as CycloneDX in .cache/sbom
	@tests/gate/sbom

sanity: venv  ## ansible-test sanity, without containers
	@tests/gate/sanity

types: venv  ## mypy in strict mode over the files without input and output, in seconds
	@tests/gate/types

lint: venv  ## ansible-lint (production), documentation, changelog and YAML
	@tests/gate/lint

units: venv  ## The unit tests and the modules' tests through ansible-test
	@RUN_TREE="$$PWD/.cache/units" ./run ansible-test units --color no --python $(PYTHON_VERSION)

integration: venv  ## Each module from a playbook, through ansible-test: TARGET=ctl_file for one
	@RUN_TREE="$$PWD/.cache/integration" ./run ansible-test integration --color no --python $(PYTHON_VERSION) $(TARGET)

coverage: venv  ## Which lines of modules, actions and module_utils these tests and whole runs execute; takes minutes
	@tests/gate/coverage

matrix: venv  ## Sanity and tests with each supported ansible-core: CORE=2.17 for one, TESTS="sanity pytest"
	@CORE=$(CORE) TESTS="$(TESTS)" tests/gate/matrix

release-check: venv  ## Build the tarball and judge it: importer, execution environment, HTML pages, quick start from it
	@tests/gate/release

oldest: venv  ## The modules with the oldest Python and libraries they promise to work with
	@tests/gate/oldest

fuzz:  ## Search for inputs that break a codec: SECONDS=60 for each, TARGET=ctl for one
	@tests/fuzz/run $(SECONDS) $(TARGET)

bench: venv  ## Measure speed side by side and write docs/docsite/rst/speed.rst; takes about a quarter of an hour
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -c requirements/constraints.txt -r requirements/bench.txt
	@PYTHONPATH=tests .venv/bin/python tests/benchmarks/bench.py --output .cache/bench.json
	@PYTHONPATH=tests .venv/bin/python tests/benchmarks/page.py .cache/bench.json $(wildcard .cache/fleet.json)

fleet: venv  ## Provision 1,000 instances (HOSTS=100 EACH=10), upgrade 200, and fleets that resist; takes minutes
	@FLEET_HOSTS=$(HOSTS) FLEET_EACH=$(EACH) $(PYTEST) -s $(or $(FLEET_TESTS),tests/fleet)

torture: SECONDS = 3600
torture: venv  ## Interrupt modules and playbooks at random for at most SECONDS=3600: ROUNDS=150 PLAYBOOK_ROUNDS=50 SEED=...
	@PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 .venv/bin/python -m torture --rounds $(ROUNDS) \
		--playbook-rounds $(PLAYBOOK_ROUNDS) --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

samples: venv  ## Write the samples in the modules' RETURN from real runs of their examples
	@PYTHONPATH=tests .venv/bin/python -m examples.samples

picture: venv  ## Draw docs/images/layers.svg from the imports
	@PYTHONPATH=tests .venv/bin/python tests/layers_picture.py

options: venv  ## Write argument specs, variables page and troubleshooting tables from the tables in module_utils
	@PYTHONPATH=tests .venv/bin/python tests/generate_options.py
	@PYTHONPATH=tests .venv/bin/python tests/generate_troubleshooting.py

changelog: venv  ## Write CHANGELOG.md from changelogs/fragments for the version in galaxy.yml
	@PATH="$$PWD/.venv/bin:$$PATH" antsibull-changelog release --update-existing --refresh

build: venv  ## Build the collection's tarball into .cache/build
	./run ansible-galaxy collection build --force --output-path "$$PWD/.cache/build"

clean:  ## Remove .venv, .cache and what tests leave behind
	rm -rf .venv .cache .hypothesis .pytest_cache tests/output
