# The commands of the project. `make bulletin` and `make test` need only Python 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
YEAR ?= 2024
SCALE ?= 1
export TONGBAO_HOME ?= $(CURDIR)/.tongbao
FONTS := $(CURDIR)/.fonts
export TONGBAO_FONT_DIR ?= $(wildcard $(FONTS))

.PHONY: setup fonts bulletin pictures test test-slow parity drills lint lint-python lint-types lint-dagster lint-sql lint-infra format bench dev lock clean
.DEFAULT_GOAL := bulletin

# Runtime only; $(BIN)/.dev installs tests and linters.
setup: $(BIN)/.runtime

$(BIN)/.runtime: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tongbao needs Python 3.11 or later")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -c 'from orchestration.lakehouse.dbt import prepare_for_all_homes as p; p()'
	touch $@

$(BIN)/.dev: $(BIN)/.runtime requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

# 仿宋, 楷体, 黑体 and 宋体 from Debian's archive; `make bulletin` uses them once they are there.
fonts:
	infra/fonts.sh $(FONTS)

# A synthetic year from submissions to published bulletins.
bulletin: setup
	$(BIN)/tongbao demo --year $(YEAR) --scale $(SCALE)
	$(BIN)/tongbao run --year $(YEAR)

# Linters, types, the checkers of infra/ and the fast tests: each promise once.
test: $(BIN)/.dev $(BIN)/.infra
	$(MAKE) -j 2 lint lint-infra
	$(BIN)/python -m pytest

# Real servers and daemons, kills at each write, long histories, fuzzing and parity of the engines.
test-slow: $(BIN)/.dev
	$(BIN)/python -m pytest -m slow
	$(MAKE) parity

# Every table of an intake and of two years is the same here and on Sail, which speaks Spark's SQL.
# ENGINE=spark: on a real Spark cluster on loopback, which needs Java 17.
ENGINE ?= sail
PARITY := $(VENV)/parity-$(ENGINE)

parity: $(BIN)/.parity-$(ENGINE)
	PYTHONPATH=$$(echo $(CURDIR)/$(PARITY)/lib/python*/site-packages):$(CURDIR) \
	  $(BIN)/python -m tests.parity $(ENGINE)

# A virtual environment that has only what the project's own lacks. It has no setuptools of its own, so
# that the client, which comes as source, is built with that of the lock file.
$(BIN)/.parity-%: $(BIN)/.runtime requirements-parity-%.lock
	$(BIN)/python -m venv --clear --without-pip $(PARITY)
	cd $(PARITY)/lib/python*/site-packages && ls -d $(CURDIR)/$(VENV)/lib/python*/site-packages > project.pth
	$(BIN)/python -m pip --python $(PARITY)/bin/python install --quiet --disable-pip-version-check \
	  --require-hashes --no-build-isolation -r requirements-parity-$*.lock
	touch $@

# Every kind of failure in one year, with each catalogue: a quarter of an hour; DRILLS=all: ten seeds.
drills: $(BIN)/.dev
	$(BIN)/python -m pytest -n 1 -m drills

lint: lint-python lint-types lint-dagster lint-sql

lint-python: $(BIN)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

lint-types: $(BIN)/.dev
	$(BIN)/mypy

# Loads every definition, as Dagster's processes do.
lint-dagster: $(BIN)/.dev
	DAGSTER_DISABLE_TELEMETRY=true $(BIN)/dg check defs

lint-sql: $(BIN)/.dev
	$(BIN)/sqlfluff lint --quiet --processes 2 dbt_project/models orchestration/gate/frames

# Checks the files that no test runs: Compose, image, systemd, Terraform. The checkers have a separate
# virtual environment.
lint-infra: $(BIN)/.infra
	$(VENV)/infra/bin/python infra/check.py

$(BIN)/.infra: $(BIN)/.runtime infra/requirements-checks.lock
	$(BIN)/python -m venv $(VENV)/infra
	$(VENV)/infra/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r infra/requirements-checks.lock
	touch $@

format: $(BIN)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The pictures of the READMEs, from the year that `make bulletin` published.
pictures: $(BIN)/.dev
	$(BIN)/python -m docs.pictures

# The cost of the pipeline. ARGS="--scale 1,3": the growth with the size; ARGS="--only peers": the
# usual ways of doing it.
bench: $(BIN)/.dev
	$(BIN)/python -m tests.bench $(ARGS)

dev: setup
	$(BIN)/tongbao up

# Update the lock files (needs uv): exact versions and hashes, for every platform, without index URL.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml --extra dev -c requirements.lock \
	  -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml --extra spark -c requirements.lock \
	  -o requirements-spark.lock
	uv pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml --extra spark --extra parity \
	  -c requirements-spark.lock -o requirements-parity-sail.lock
	uv pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml --extra spark-cluster \
	  -c requirements-spark.lock -o requirements-parity-spark.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header infra/requirements-checks.in -o infra/requirements-checks.lock

clean:
	rm -rf $(VENV) $(FONTS) .tongbao dbt_project/target .mypy_cache .ruff_cache .pytest_cache
