# Two commands do all on a fresh machine: `make demo` and `make test`. Each sets up what it needs first; a second run is quick.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
KINECT_VENV := .venv-kinect
ANSIBLE_VENV := .venv-ansible
BIN := $(VENV)/bin
STAMP := build/setup
NODE_STAMP := cloud/web/node_modules/.setup
SOURCE ?= simulator
MINUTES ?= 10
RECORDING_MINUTES ?= 20

.PHONY: bench-trust drill-audit drill-fleet-converge bundle bench-delivery drill-outage help setup kinect system-packages demo test check bench bench-capture bench-edge bench-recording campaign-recording campaign-delivery bench-detector evaluate evaluate-quick web docs pins clean bench-web bench-ward ward-sheet

help:
	@echo "make demo            two simulated beds, broker, database, cloud and review pages on this machine; Ctrl-C stops all"
	@echo "make demo SOURCE=F   the same, with the Azure Kinect recording F (.mkv) at the beds"
	@echo "make test            set up, check and test everything (as CI does)"
	@echo "make check           format, lint, types, imports, contract drift, docs"
	@echo "make bench-capture   how long an Azure Kinect is left waiting, and what taking its frames costs: two minutes with a stand-in"
	@echo "make bench-edge      what a bed costs: 10 minutes of one Kinect v2 bed, figures in build/results/"
	@echo "make bench-recording what recording costs: the codec beside its peers, the recorder, a clip's cut; half an hour"
	@echo "make bench-delivery  what the promise costs: receipts a second, backlogs, a thousand beds, a broker that dies, uploads; 20 minutes (SHORT=1: three)"
	@echo "make bench-detector  what the detector costs at a bed: share of a core, catching up, latency, compute; five minutes"
	@echo "make bench-web       what the pages cost a clinician: first frame, a frame's step, depth in space; Chromium on this machine"
	@echo "make bench-trust     what row-level security and the audit log cost a reader's requests; a minute"
	@echo "make bench-ward      what the simulated ward costs: full frames, previews; a minute    make ward-sheet   its contact sheet"
	@echo "make evaluate        how well the detector and the classifier do on simulated patients they never saw: an hour or more, once a release"
	@echo "make evaluate-quick  the same for the detector on a small set of nights, in minutes"
	@echo "make campaign-recording   power cuts, kills, failing disks and damaged bytes against the recorder: an hour and a quarter, as root"
	@echo "make drill-outage    the cloud of a running demonstration is away for 10 minutes, a bed is killed: what arrives; 20 minutes"
	@echo "make drill-audit     thirteen ways of tampering with the audit log, each named by row; a minute"
	@echo "make drill-fleet-converge  Ansible over SSH against a bare bed and a bare cloud in chroots without a route; a second run must change nothing; as root"
	@echo "make campaign-delivery    kills, partitions, forgetful brokers, failing stores and disks against the delivery: an hour and a quarter, as root"
	@echo "make bundle KEY=F    the offline bundle that Ansible installs from: wheels, pages, networks, SBOM, checksums, signed by F"
	@echo "make web             build the pages    make docs   rewrite the generated documents    make pins   pin the requirements"

setup: $(STAMP)/system $(STAMP)/python $(STAMP)/kinect $(STAMP)/ansible $(STAMP)/web

$(STAMP)/system: scripts/system-packages
	@mkdir -p $(STAMP)
	@bash scripts/system-packages
	@touch $@

$(STAMP)/python: requirements/dev.txt requirements/torch.txt pyproject.toml
	@mkdir -p $(STAMP)
	@echo "setup: Python environment in $(VENV) (torch, then 100 pinned packages)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -qq --disable-pip-version-check -r requirements/torch.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# the camera's library wants NumPy 1.26, which the rest does not: an environment of its own, in which a small set of tests runs
kinect: $(STAMP)/kinect

$(STAMP)/kinect: requirements/kinect.txt requirements/kinect-test.txt
	@mkdir -p $(STAMP)
	@echo "setup: Python environment in $(KINECT_VENV) (the bed's packages and the Azure Kinect library, on NumPy 1.26)"
	@test -x $(KINECT_VENV)/bin/python || $(PYTHON) -m venv $(KINECT_VENV)
	@$(KINECT_VENV)/bin/pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements/kinect.txt
	@$(KINECT_VENV)/bin/pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements/kinect-test.txt
	@touch $@

# Ansible's packages want other versions of ours: an environment of its own, for deploying and for its lint
$(STAMP)/ansible: requirements/ansible.txt
	@mkdir -p $(STAMP)
	@echo "setup: Python environment in $(ANSIBLE_VENV) (Ansible and its lint)"
	@test -x $(ANSIBLE_VENV)/bin/python || $(PYTHON) -m venv $(ANSIBLE_VENV)
	@$(ANSIBLE_VENV)/bin/pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements/ansible.txt
	@touch $@

$(NODE_STAMP): cloud/web/package-lock.json
	@echo "setup: web packages"
	@cd cloud/web && npm ci --silent --no-audit --no-fund
	@touch $@

$(STAMP)/web: $(NODE_STAMP) $(shell find cloud/web/src cloud/web/index.html cloud/web/vite.config.ts -type f 2>/dev/null)
	@mkdir -p $(STAMP)
	@echo "setup: building the pages"
	@cd cloud/web && npm run build --silent
	@touch $@

web: $(STAMP)/web

demo: setup
	@$(BIN)/deepepil-cloud demo --source "$(SOURCE)"

check: setup
	$(BIN)/ruff format --check shared edge_agent cloud models tests
	$(BIN)/ruff check shared edge_agent cloud models tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd cloud/web && npm run check --silent
	$(BIN)/pytest -q tests/rules

test: check
	cd cloud/web && npm test --silent
	$(BIN)/pytest -q --ignore=tests/rules

bench: bench-edge

bench-capture: setup
	$(BIN)/python -m tests.bench.bench_capture --seconds 60

bench-edge: setup
	$(BIN)/python -m tests.bench.bench_edge --minutes $(MINUTES)

campaign-recording: setup
	$(BIN)/python -m tests.campaigns.recording.campaign

campaign-delivery: setup
	$(BIN)/python -m tests.campaigns.delivery.campaign

bench-recording: setup
	$(BIN)/python -m tests.bench.bench_recording --minutes $(RECORDING_MINUTES)

drill-audit: setup
	$(BIN)/python -m tests.drills.audit

drill-outage: setup
	$(BIN)/python -m tests.drills.outage --minutes $(MINUTES)

# needs root and debootstrap; the first run makes the bare Debian and, where there is none, a bundle without torch
drill-fleet-converge: setup
	$(BIN)/python -m tests.drills.fleet_converge $(if $(HOSTS),--hosts $(HOSTS))

bench-delivery: setup
	$(BIN)/python -m tests.bench.bench_delivery $(if $(SHORT),--short)

bench-detector: setup
	$(BIN)/python -m tests.bench.bench_detector

bench-trust: setup
	$(BIN)/python -m tests.bench.bench_trust

bench-ward: setup
	$(BIN)/python -m tests.bench.bench_ward

ward-sheet: setup
	$(BIN)/python -m tests.bench.ward_sheet docs/screens/ward.png

bench-web: setup
	$(BIN)/python -m tests.bench.bench_web

# KEY: the Ed25519 key that signs; NO_TORCH=1 leaves out what only hosts that classify need
bundle: setup
	$(BIN)/python -m scripts.bundle --key "$(KEY)" $(if $(NO_TORCH),--no-torch)

evaluate: setup
	$(BIN)/deepepil-models evaluate detector --set full
	$(BIN)/deepepil-models evaluate i3d

evaluate-quick: setup
	$(BIN)/deepepil-models evaluate detector --set quick

docs: setup
	$(BIN)/python -m cloud.openapi > build/openapi.json && mv build/openapi.json cloud/web/openapi.json
	cd cloud/web && npm run generate --silent
	$(BIN)/python -m scripts.units
	$(BIN)/python -m scripts.dashboard
	$(BIN)/python -m scripts.broker_access > build/acl.j2 && mv build/acl.j2 ansible/roles/mosquitto/templates/acl.j2
	$(BIN)/python -m scripts.asyncapi > build/asyncapi.json && mv build/asyncapi.json docs/contracts/asyncapi.json
	$(BIN)/python -m scripts.performance > build/performance.md && mv build/performance.md docs/performance.md

PIP_COMPILE := $(BIN)/uv pip compile -q --no-header --no-annotate --generate-hashes --no-emit-package torch --python-version 3.11 pyproject.toml
pins:
	$(PIP_COMPILE) --extra edge --extra kernels -o requirements/edge.txt
	$(PIP_COMPILE) --extra edge --extra kernels --extra kinect -o requirements/kinect.txt
	$(PIP_COMPILE) --extra edge --extra kernels --extra kinect --extra kinect-test -c requirements/kinect.txt -o requirements/kinect-test.txt
	$(PIP_COMPILE) --extra cloud -o requirements/cloud.txt
	$(PIP_COMPILE) --extra edge --extra kernels --extra ward --extra cloud --extra train --extra dev -o requirements/dev.txt
	$(BIN)/uv pip compile -q --no-header --no-annotate --generate-hashes --python-version 3.11 --group fleet -o requirements/ansible.txt

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache cloud/web/dist
