# `make demo` needs Rust, a C/C++ compiler and make. `make test` installs what else it needs.
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench chaos evaluate kafka geoip setup fuzz

CARGO ?= cargo
# The demo needs neither Parquet nor SQL, which take longer to build than all else, and its embedded
# broker no TLS: without OpenSSL's headers it is built without.
TLS := $(shell printf '\043include <openssl/ssl.h>\n' | $(or $(CC),cc) -E -x c - >/dev/null 2>&1 && echo --features tls)

help: ## show these lines
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: ## the main job in one process: sample logs in, commands out, a summary
	$(CARGO) run --locked --quiet -p plumbline --no-default-features $(TLS) -- demo

# Clippy compiles what is tested: to check all of it first, DataFusion with it, takes a quarter of a clean build more.
# Code of others is compiled as ever.
CLIPPY := RUSTC_WORKSPACE_WRAPPER="$$(rustc --print sysroot)/bin/clippy-driver" \
	CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__

test: setup ## formatting, clippy and all tests, on a real Apache Kafka too; installs what is missing
	$(CARGO) fmt --all --check
	$(CLIPPY) $(CARGO) test --locked --workspace

lint: ## formatting and clippy alone
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

# The broker of the tests is to start soon and to be small; the one that is measured runs as Kafka's own scripts run it.
BROKER := -server -Xms1g -Xmx1g -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 \
	-XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true -Dorg.slf4j.simpleLogger.defaultLogLevel=warn

bench: setup ## events/s, bytes per identity, latency and failover on real brokers; half an hour
	PLUMBLINE_KAFKA_OPTIONS="$(BROKER)" GLIBC_TUNABLES=glibc.malloc.hugetlb=1 $(CARGO) run --locked --release -p plumbline-bench

chaos: setup ## kills, cuts and sleepers on three brokers, PLUMBLINE_CHAOS of them; some minutes
	PLUMBLINE_CHAOS=$${PLUMBLINE_CHAOS:-24} $(CARGO) test --locked -p plumbline-tests --test chaos -- --nocapture

evaluate: ## which attacks of the catalogue are answered, and what the innocent suffer; no Kafka
	$(CARGO) run --locked --release -p plumbline-evaluate

fuzz: ## libFuzzer on what reads bytes from outside, PLUMBLINE_FUZZ seconds for each target
	tests/fuzz/run.sh $${PLUMBLINE_FUZZ:-60}

kafka: setup ## the broker of the tests, for a developer, on 127.0.0.1:9092
	$(CARGO) run --locked --quiet -p plumbline-tests --bin kafka

setup: ## what the tests need and the demo does not: OpenSSL, Chromium, Java, Maven, Kafka, Keycloak
	tests/setup.sh

geoip: ## install and check geolocation for real addresses (DB-IP City Lite and AS numbers)
	pipeline/geoip.sh
