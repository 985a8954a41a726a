# What people type. `make` alone lists it.

SHELL := bash
.DEFAULT_GOAL := help

# Builds and downloaded tools outlive the clone, so that a fresh one starts warm.
ECAP_CACHE ?= $(HOME)/.cache/ecap
CARGO_TARGET_DIR ?= $(ECAP_CACHE)/target
PREFIX ?= $(HOME)/.local
export ECAP_CACHE CARGO_TARGET_DIR

# The system's OpenSSL where there is one: building it takes minutes.
ifeq ($(shell pkg-config --exists openssl 2>/dev/null && echo yes),yes)
export OPENSSL_NO_VENDOR := 1
endif

BINARIES := ecap-topics ecap-gen ecap-produce ecap-consume ecap-broker
# Not --bins: those would be compiled and linked once more, as tests without a test.
TESTS := --lib --test integration

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-26s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## the whole walk in one window: broker, topics, data, batches, sliding windows (about a minute)
	@scripts/demo.sh

.PHONY: build
build: needs ## build the five binaries and link them into ./bin
	cargo build --bins
	@mkdir -p bin && ln -sf $(BINARIES:%=$(abspath $(CARGO_TARGET_DIR))/debug/%) bin/

.PHONY: install
install: build ## copy the binaries into ~/.local/bin (PREFIX=DIR: another place)
	@mkdir -p $(PREFIX)/bin && install -m 755 $(BINARIES:%=bin/%) $(PREFIX)/bin/
	@echo "Installed into $(PREFIX)/bin"

.PHONY: check
check: needs ## format, lints, licences, docs, scripts, compose file
	@scripts/install-test-tools.sh check
	@scripts/check.sh

.PHONY: test
test: needs ## unit and integration tests on the embedded broker; needs only cargo
	cargo test $(TESTS) -- --skip services::

.PHONY: test-services
test-services: needs ## Kafka's tools, kcat, Python clients and DuckDB, then test-spark, test-flink and test-kafka
	@scripts/install-test-tools.sh services
	cargo test --test integration -- services:: --skip services::spark:: --skip services::flink:: --skip services::kills::
	@scripts/apache-spark.sh install
	cargo test --test integration -- services::kills:: --nocapture
	@$(MAKE) --no-print-directory test-spark test-flink test-kafka

.PHONY: test-spark
test-spark: needs ## the golden pipelines on real Spark too, and its connector on the embedded broker
	@scripts/install-test-tools.sh services
	@scripts/apache-spark.sh install
	cargo test --test integration -- services::spark::

.PHONY: test-flink
test-flink: needs ## Flink's connector on the embedded broker
	@scripts/install-test-tools.sh services
	@scripts/apache-flink.sh install
	cargo test --test integration -- services::flink::

.PHONY: test-kafka
test-kafka: needs ## the integration tests on a real Apache Kafka, started for them
	@scripts/install-test-tools.sh services
	@scripts/test-kafka.sh

.PHONY: test-long
test-long: needs ## the property tests with many more cases (CASES=10000), 100 kills of each, 1,000 of queries into every sink (KILLS=N: both), an hour of consumers, 10 million generated rows, windows of 10 million keys; a failure prints its seed
	@scripts/install-test-tools.sh generator
	ECAP_TEST_ROWS=$(or $(ROWS),10000000) cargo test $(TESTS) -- --nocapture generate::tests gen::large services::generator
	ECAP_TEST_MINUTES=$(or $(MINUTES),60) cargo test $(TESTS) -- --nocapture consumers::steady
	ECAP_TEST_KEYS=$(or $(KEYS),10000000) cargo test $(TESTS) -- --nocapture consume::large_state
	ECAP_TEST_KILLS=$(or $(KILLS),100) ECAP_TEST_CSV_MB=$(or $(CSV_MB),2048) PROPTEST_CASES=$(or $(CASES),10000) ECAP_TEST_CASES=$(or $(CASES),10000) \
		cargo test $(TESTS) -- --skip services:: --nocapture
	@scripts/install-test-tools.sh services
	@scripts/apache-spark.sh install
	ECAP_TEST_KILLS=$(or $(KILLS),1000) cargo test $(TESTS) -- services::kills:: --nocapture

.PHONY: fuzz
fuzz: needs ## libFuzzer on requests to the embedded broker (RUNS=10000000; needs a nightly toolchain)
	@scripts/fuzz.sh $(RUNS)

.PHONY: bench
bench: build ## side by side with other systems, on this machine
	@bench/run.sh

.PHONY: bench-latency
bench-latency: build ## how long a record takes through the continuous trigger
	@scripts/install-test-tools.sh services
	@bench/latency.sh

.PHONY: bench-broker
bench-broker: build ## the embedded broker beside Apache Kafka: records in and out, latency, memory, start
	@scripts/install-test-tools.sh services
	@bench/broker-rates.sh

.PHONY: bench-generator
bench-generator: build ## ecap-gen beside a script of Python's Faker
	@scripts/install-test-tools.sh services
	@bench/generator.sh

.PHONY: bench-produce
bench-produce: build ## records into a topic, beside Kafka's own producer performance tool and librdkafka's
	@scripts/install-test-tools.sh services
	@bench/produce.sh

.PHONY: bench-tail
bench-tail: build ## a topic read to its end, beside kcat
	@scripts/install-test-tools.sh services
	@bench/tail.sh

.PHONY: bench-admin
bench-admin: build ## thousands of partitions and hundreds of groups listed, planned and checked, beside what the cluster takes to tell of them
	@scripts/install-test-tools.sh services
	@bench/admin.sh

.PHONY: bench-postgres
bench-postgres: build ## rows merged into a table of PostgreSQL, beside psql
	@scripts/install-test-tools.sh services
	@bench/postgres.sh

.PHONY: bench-raw
bench-raw: build ## a topic into Delta and Parquet, beside Spark
	@scripts/install-test-tools.sh services
	@bench/raw.sh

.PHONY: bench-checkpoint
bench-checkpoint: build ## what a checkpoint costs, and how long a restart takes
	@scripts/install-test-tools.sh services
	@bench/checkpoint.sh

.PHONY: bench-observe
bench-observe: build ## what health, metrics and many clients cost a consumer
	@scripts/install-test-tools.sh services
	@bench/observe.sh

.PHONY: start
start: build ## a broker on localhost:9092 (compose where Docker runs, else embedded) with the topics
	@scripts/start-dev-env.sh

.PHONY: stop
stop: ## stop what start started
	@scripts/start-dev-env.sh stop

.PHONY: topics
topics: build ## create the catalog's topics
	@bin/ecap-topics create-topics

.PHONY: kafka-producer
kafka-producer: build ## 10 records every 10 s to customer-transactions, 1,000 in all
	@bin/ecap-produce --batch-size 10 --sleep 10

.PHONY: kafka-producer-continuous
kafka-producer-continuous: build ## generated transactions until ctrl-C
	@bin/ecap-produce --continuous

.PHONY: streaming-consumer
streaming-consumer: build ## sliding windows of 10 s, every 5 s
	@bin/ecap-consume --window 10s --slide 5s

.PHONY: clean
clean: ## remove what the build made; data and downloaded tools stay
	cargo clean
	rm -rf bin

.PHONY: needs
needs:
	@missing=; for tool in cargo cc perl; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	[ -z "$$missing" ] || { echo "missing:$$missing. ecap is built with Rust (cargo), a C compiler (cc), make and perl" >&2; exit 1; }
