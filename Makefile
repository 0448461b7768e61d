# mailtally: what contributors and CI run. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A Postfix log to show in `make demo`; default: the bundled one.
LOG ?=
# Tests wait more than they compute.
WORKERS ?= 3

# The database of bench-data and bench-queries: a file or URI, or the folder of a PostgreSQL server.
MANY = $(if $(ROWS),--rows $(ROWS)) $(if $(DATABASE),--database $(DATABASE)) \
	$(if $(CLUSTER),--cluster $(CLUSTER))

.PHONY: faults faults-simulation faults-crash faults-blackbox mutants bench-outage bench-abuse bench-data bench-queries faults-postgres test-citus bench-distributed sizing verdicts bench-ingest bench-reclassify score hostile help demo test lint types contracts spelling proto bench compiled corpus-formats format requirements clean env comparison bench-page screenshots isolation faults-mutants

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

env: $(VENV)/ready  ## make the environment in .venv

$(VENV)/ready: requirements.txt pyproject.toml
	tests/setup/venv $(PYTHON) $(VENV)
	@touch $@

demo: env  ## show the statistics of the bundled log, or of LOG=/var/log/mail.log
	@$(BIN)/python deploy/demo/demo.py $(if $(LOG),--log $(LOG))

test: env  ## everything that must hold: all tests with a real Postfix, lint, types, contracts
	tests/setup/packages
	$(BIN)/python -m pytest -q --numprocesses $(WORKERS) --dist loadfile

test-citus: env  ## what runs on both databases, on a cluster with Citus (which must be installed)
	tests/setup/packages
	$(BIN)/python -m pytest -q --citus tests/citus tests/integration/collector

lint: env  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: env  ## mypy --strict
	$(BIN)/mypy

contracts: env  ## who may import whom
	$(BIN)/lint-imports --no-cache

spelling: env  ## codespell
	$(BIN)/codespell

format: env  ## write the code as ruff wants it
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

proto:  ## generate the Python code of proto/ again
	proto/generate

bench: env  ## speed and memory beside peers, in one run
	tests/setup/packages
	$(BIN)/python -m tests.bench.bench_parse
	$(BIN)/python -m tests.bench.bench_classify $(if $(CORPUS),--corpus $(CORPUS))
	$(BIN)/python -m tests.bench.bench_idle

bench-ingest: env  ## records a second from the wire to the commit, on both databases; ROWS=n
	tests/setup/packages
	for database in sqlite postgres; do \
	    $(BIN)/python -m tests.bench.bench_ingest --database $$database \
	        $(if $(ROWS),--deliveries $(ROWS)) && \
	    $(BIN)/python -m tests.bench.bench_ingest --database $$database \
	        --rate 4000 --deliveries 40000 || exit 1; \
	done

bench-outage: env  ## a day of a busy host without a collector: memory, disk, how fast it is stored
	$(BIN)/python -m tests.bench.bench_outage $(if $(HOURS),--hours $(HOURS))

bench-abuse: env  ## an honest agent beside 2,000 half-open streams and 200 silent sockets, and bombs
	$(BIN)/python -m tests.bench.bench_abuse

bench-distributed: env  ## CPU a record of one PostgreSQL and of a cluster with Citus; ROWS=n
	tests/setup/packages
	$(BIN)/python -m tests.bench.bench_distributed $(if $(ROWS),--deliveries $(ROWS))

sizing: env  ## write the table of docs/decisions/0021-beyond-one-server.md
	$(BIN)/python -m tests.sizing

bench-reclassify: env  ## how long a million stored failures take to follow new rules
	$(BIN)/python -m tests.bench.bench_reclassify

bench-data: env  ## make a database of ROWS=n deliveries: DATABASE=file or URI, or CLUSTER=folder
	$(BIN)/python -m tests.bench.bench_data $(MANY)

bench-queries: env  ## how long questions take on ROWS=n deliveries; COMPARE=a smaller database
	$(BIN)/python -m tests.bench.bench_queries $(MANY) $(if $(COMPARE),--compare $(COMPARE))

bench-page: env  ## how long the statistics page of 30 days takes on ROWS=n deliveries, and its size
	$(BIN)/python -m tests.bench.bench_page $(MANY)

screenshots: env  ## pictures of every page of the dashboard, light, dark and on a phone
	$(BIN)/python -m tests.web.screenshots

verdicts: env  ## write anew what the rules say of their examples; review its diff
	$(BIN)/python -m tests.verdicts

score: env  ## how many labelled replies of CORPUS=FILE the rules get right, and which they do not
	$(BIN)/python -m tests.score $(CORPUS) --floor 92 6 95 --misses

comparison: env  ## write docs/comparison.md: pflogsumm, logwatch and mtail on the same logs
	tests/setup/packages
	$(BIN)/python -m tests.comparison

corpus-formats: env  ## make the logs of tests/corpus/formats anew, with rsyslogd and journald
	tests/setup/packages
	$(BIN)/python -m tests.corpus.formats.make_formats

hostile: env  ## read 100,000 lines with strangers' text; SEED=n repeats a run
	$(BIN)/python -m tests.hostile $(if $(SEED),--seed $(SEED))

faults: faults-simulation faults-crash faults-blackbox  ## faults of all kinds, simulated and with real processes

faults-simulation: env  ## SIMULATIONS=n simulated schedules of faults (10,000); SIMULATED=seed runs one again
	$(BIN)/python -m tests.faults.simulation \
	    $(if $(SIMULATED),--seed $(SIMULATED),--schedules $(or $(SIMULATIONS),10000))

faults-crash: env  ## agent and collector killed, or failed, at POINTS=n system calls
	tests/setup/packages
	$(BIN)/python -m tests.faults.crash_points $(if $(POINTS),--points $(POINTS)) \
	    $(if $(JOBS),--jobs $(JOBS))

faults-blackbox: env  ## SCHEDULES=n random schedules of faults; SEED=n plays one again
	tests/setup/packages
	$(BIN)/python -m tests.faults.blackbox $(if $(SCHEDULES),--schedules $(SCHEDULES)) \
	    $(if $(JOBS),--jobs $(JOBS)) $(if $(SEED),--seed $(SEED))

mutants: env  ## the product with one fault each, and which layer of fault tests catches it
	tests/setup/packages
	$(BIN)/python -m tests.faults.mutants
	$(BIN)/python -m tests.faults.process_mutants $(if $(JOBS),--jobs $(JOBS))

faults-postgres: env  ## PostgreSQL, collectors and agents killed in many ways; SEEDS=n of each
	tests/setup/packages
	FAULT_SEEDS=$(or $(SEEDS),10) $(BIN)/python -m pytest -q tests/faults --timeout 0

isolation: env  ## 10,000 questions of people who may see some mail, on both databases
	tests/setup/packages
	ISOLATION_EXAMPLES=1300 $(BIN)/python -m pytest -q --timeout 0 \
	    tests/integration/collector/test_isolation.py

compiled: env  ## a wheel in dist/ whose log reader is compiled (needs a C compiler)
	rm -rf build/compiled && mkdir -p build/compiled
	git ls-files -z | xargs -0 cp --parents -t build/compiled
	HATCH_BUILD_HOOK_ENABLE_MYPYC=1 $(BIN)/python -m build --wheel --outdir dist build/compiled
	rm -rf build/compiled

requirements:  ## pin the development environment anew (needs uv)
	uv export --quiet --no-emit-project --all-extras --all-groups --no-header --no-annotate \
	    --output-file requirements.txt
	rm -f uv.lock

clean:  ## remove environments and caches
	rm -rf $(VENV) .venv-proto .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
