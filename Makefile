# The one interface to the project, for people and for CI. `make` lists the targets.
PYTHON ?= python3

BIN   := $(CURDIR)/.venv/bin
TOOLS := $(CURDIR)/.tools
export PATH := $(BIN):$(CURDIR)/node_modules/.bin:$(PATH)

UV_INSTALL := uv pip install --quiet --require-hashes
READY := .venv/.ready node_modules/.ready $(TOOLS)/emulator/.ready $(TOOLS)/model_server/.ready \
         $(TOOLS)/container_images/.ready $(TOOLS)/checkov/.ready $(TOOLS)/wheels/.ready \
         $(TOOLS)/.opensearch-ready $(TOOLS)/.chromium-ready
# Processes that share the tests: what waits in one leaves the processor to the other.
WORKERS ?= 2
SOURCES := app.py stacks scripts imagesearch_client lambda model_code serving_image benchmarks tests

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo down test check audit synth diff format bench soak verify-aws screenshots docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## bring everything the project needs, through pip and npm (needs Python 3.11+ and make)

demo: setup ## deploy to this machine, ingest a gallery (or PICTURES=folder) and search it (MODEL=name)
	imagesearch demo $(if $(MODEL),--model $(MODEL)) $(if $(PICTURES),--pictures "$(PICTURES)")

down: setup ## stop what `make demo` left running
	imagesearch local down

test: setup ## every test tier (ARGS="tests/unit -k text" narrows it, WORKERS=0 runs it in one process)
	pytest --numprocesses $(WORKERS) $(ARGS)

check: setup ## formatting, lint, types, cdk-nag, cfn-lint, checkov
	ruff format --check $(SOURCES)
	ruff check $(SOURCES)
	mypy
	pytest -q --numprocesses $(WORKERS) tests/infrastructure

synth: setup ## synthesize every environment (STACKS='dev/*' prepares the assets of some only)
	cdk synth --quiet $(if $(STACKS),'$(STACKS)')

diff: setup ## what a deployment would change (STACKS='dev/*'); asks AWS
	cdk diff --method=template $(if $(STACKS),'$(STACKS)')

audit: setup ## ask for known vulnerabilities of every locked package, where the network allows it
	python -m scripts.dependencies.audit

format: setup ## reformat and mend what ruff can
	ruff format $(SOURCES)
	ruff check --fix $(SOURCES)

bench: setup $(TOOLS)/baseline/.ready $(TOOLS)/huggingface_server/.ready ## measure side by side, and write benchmarks/results.json (ARGS="indexing" narrows it)
	python -m benchmarks $(ARGS)

soak: setup ## break a part every minute while pictures are written and searched (ARGS="--minutes 30 --seed 1")
	python -m tests.soak $(ARGS)

verify-aws: setup ## try everything once in your account, within a limit of dollars (ARGS="--dry-run" on this machine)
	imagesearch verify-aws $(ARGS)

screenshots: setup ## take the pictures of the page that the README shows
	python -m tests.page.screenshots

docs: setup ## generate what the documents take from the code
	pytest --collect-only -q --verified-where README.md tests > /dev/null
	python -m stacks.limits > docs/limits.md
	python -m benchmarks.scaling > docs/scaling.md
	python -m benchmarks.page
	python -m benchmarks.speed README.md
	python -m tests.soak.page > docs/soak.md
	python -m scripts.artifact.models_page > docs/models.md
	python -m scripts.dependencies.page > docs/dependencies.md
	python -m scripts.costs.page README.md
	python -m imagesearch.entrypoints.openapi > docs/openapi.json
	python -m scripts.api_page > docs/api.md
	python -m scripts.diagrams.page docs/architecture.md

# uv itself comes by pip, at the version and hashes that requirements-dev.txt pins.
.venv/.ready: requirements-dev.txt scripts/demo_model/requirements.txt model_code/requirements-openvino.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make setup PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt > .venv/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	$(UV_INSTALL) --python .venv -r requirements-dev.txt
	$(UV_INSTALL) --python .venv --no-deps -r scripts/demo_model/requirements.txt
	sed -n '/^openvino==/,/[^\\]$$/p' model_code/requirements-openvino.txt > .venv/openvino.txt
	$(UV_INSTALL) --python .venv --no-deps -r .venv/openvino.txt
	uv pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	touch $@

node_modules/.ready: package-lock.json .venv/.ready
	npm ci --silent
	touch $@

# Separate environments for what must not share ours: the emulator and the model server pin their own
# dependencies, and so does checkov; the SageMaker SDK is needed for one table only, and what has torch for
# benchmarks only.
$(TOOLS)/emulator/.ready: scripts/local/emulator/requirements.txt
$(TOOLS)/model_server/.ready: serving_image/requirements.txt
$(TOOLS)/container_images/.ready: scripts/container_images/requirements.txt
$(TOOLS)/checkov/.ready: tests/infrastructure/checkov/requirements.txt
$(TOOLS)/baseline/.ready: benchmarks/baseline/requirements.txt
$(TOOLS)/huggingface_server/.ready: benchmarks/huggingface_server/requirements.txt
$(TOOLS)/%/.ready: .venv/.ready
	test -x $(@D)/bin/python || uv venv --quiet --python $(BIN)/python $(@D)
	$(UV_INSTALL) --python $(@D) -r $(filter %requirements.txt,$^)
	touch $@

# What functions and the model's container carry, into uv's cache: bundling them later needs no network.
$(TOOLS)/wheels/.ready: lambda/requirements.txt lambda/requirements-thumbnail.txt model_code/requirements.txt model_code/requirements-openvino.txt .venv/.ready
	$(UV_INSTALL) --no-deps --only-binary :all: --target $(@D)/lambda -r lambda/requirements.txt
	$(UV_INSTALL) --no-deps --only-binary :all: --target $(@D)/thumbnail -r lambda/requirements-thumbnail.txt
	$(UV_INSTALL) --no-deps --only-binary :all: --target $(@D)/model_code -r model_code/requirements.txt
	$(UV_INSTALL) --no-deps --only-binary :all: --target $(@D)/openvino -r model_code/requirements-openvino.txt
	rm -rf $(@D)/lambda $(@D)/thumbnail $(@D)/model_code $(@D)/openvino
	touch $@

$(TOOLS)/.opensearch-ready: scripts/local/opensearch-artifacts.txt tests/secured_opensearch.py .venv/.ready
	mkdir -p $(TOOLS)
	imagesearch local fetch
	python -m tests.secured_opensearch
	touch $@

# The browser of the tests as npm brings it; a Chromium that the machine has is used instead.
$(TOOLS)/.chromium-ready: node_modules/.ready scripts/chromium.py
	mkdir -p $(TOOLS)
	python -m scripts.chromium
	touch $@

COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --universal --python-version 3.11 --generate-hashes
lock: .venv/.ready ## resolve the pinned requirements anew (UPGRADE=--upgrade)
	$(COMPILE) $(UPGRADE) pyproject.toml -o requirements.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	$(COMPILE) $(UPGRADE) lambda/requirements.in -o lambda/requirements.txt
	$(COMPILE) $(UPGRADE) lambda/requirements-thumbnail.in -c requirements-dev.txt -o lambda/requirements-thumbnail.txt
	$(COMPILE) $(UPGRADE) --no-deps model_code/requirements.in -o model_code/requirements.txt
	$(COMPILE) $(UPGRADE) --no-deps model_code/requirements-openvino.in -c model_code/requirements.txt -o model_code/requirements-openvino.txt
	$(COMPILE) $(UPGRADE) --no-deps scripts/demo_model/requirements.in -o scripts/demo_model/requirements.txt
	$(COMPILE) $(UPGRADE) scripts/container_images/requirements.in -o scripts/container_images/requirements.txt
	$(COMPILE) $(UPGRADE) benchmarks/baseline/requirements.in -o benchmarks/baseline/requirements.txt
	$(COMPILE) $(UPGRADE) benchmarks/huggingface_server/requirements.in -c model_code/requirements.txt -o benchmarks/huggingface_server/requirements.txt
	$(COMPILE) $(UPGRADE) scripts/local/emulator/requirements.in -o scripts/local/emulator/requirements.txt
	$(COMPILE) $(UPGRADE) serving_image/requirements.in -o serving_image/requirements.txt
	$(COMPILE) $(UPGRADE) tests/infrastructure/checkov/requirements.in -o tests/infrastructure/checkov/requirements.txt

clean: down ## stop the local environment and remove everything that setup and builds made
	rm -rf .venv .tools .local build cdk.out node_modules
