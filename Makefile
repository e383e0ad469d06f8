# Trains sweeps and draws their figures. Needs Rust and a C compiler; nothing else.

SWEEP ?= experiments/quickstart.toml
# More arguments for the program: make sweep ARGS="-j 4 --set train.iterations=2000"
ARGS ?=
RESWEEP = cargo run --quiet --release --

HOST = $(shell rustc -vV | sed -n 's/^host: //p')
# The kernels in a package of their own.
SANITIZE = --manifest-path tests/sanitize/Cargo.toml --target-dir target/sanitize
BENCH_VENV = target/bench-venv
# The Python in which `make bench` looks for PyTorch.
BENCH_PYTHON ?= $(if $(wildcard $(BENCH_VENV)/bin/python),$(BENCH_VENV)/bin/python,python3)
# What `make bench-venv` installs; pytorch.org says which arguments give a build without CUDA.
BENCH_TORCH ?= torch
BENCH_RESULTS = results/benchmarks.md

.PHONY: all build cuda cuda-emulated cuda-test cuda-toolkit sweep plot report plan status data test test-fast test-slurm torture soak \
	mutants fuzz browser check audit bench bench-cuda bench-load bench-venv miri asan check-tensorboard fixtures clean

# The quickstart: builds, trains on built-in data, writes and names the figure.
all: sweep

build:
	@cargo build --release

# Trains the unfinished runs of a sweep and draws its figure.
sweep: build
	@$(RESWEEP) run $(SWEEP) $(ARGS)

# Draws the figure of a sweep, also while the sweep runs. Fails if an [[expect]] is not met.
plot: build
	@$(RESWEEP) plot $(SWEEP) $(ARGS)

# Writes the HTML report of a sweep, also while the sweep runs.
report: build
	@$(RESWEEP) report $(SWEEP) $(ARGS)

# Shows what a sweep would train, with estimated time and memory.
plan: build
	@$(RESWEEP) plan $(SWEEP) $(ARGS)

status: build
	@$(RESWEEP) status $(ARGS)

# Downloads and verifies CIFAR-10.
data: build
	@$(RESWEEP) data download cifar10 $(ARGS)

# Gets NVIDIA's compiler and libraries for `make cuda` if no CUDA toolkit is installed; docs/cuda.md.
CUDA_TOOLKIT = $(CURDIR)/target/cuda-toolkit
cuda-toolkit:
	@tools/cuda-toolkit.sh $(CUDA_TOOLKIT)

# Builds target/cuda/release/resweep for NVIDIA GPUs.
cuda:
	@tools/cuda-build.sh $(CUDA_TOOLKIT)/nvidia/cu13

# Tests the training code on the first GPU.
cuda-test:
	@tools/cuda-test.sh $(CUDA_TOOLKIT)/nvidia/cu13

# The same on an emulated GPU.
cuda-emulated:
	@tools/cuda-emulated.sh tools/cuda-test.sh $(CUDA_TOOLKIT)/nvidia/cu13

test:
	cargo test

# The unit tests and the quick integration tests, chosen by measured time: an answer within a minute once
# everything is built.
FAST_TESTS = care:: export:: findings:: first_steps:: guarantees:: layer_stats:: record_docs:: recorded:: \
	results_links:: sweep_file::
test-fast:
	cargo test --quiet --lib
	cargo test --quiet --package resweep --test it -- $(FAST_TESTS)

# Tests sweeps on a real Slurm of two nodes on this machine, as root, and on GNU parallel and HyperQueue if they
# are installed. Needs: apt-get install -y --no-install-recommends slurm-wlm munge
# Optional: apt-get install -y --no-install-recommends parallel openssh-server; pip install hyperqueue
test-slurm:
	RESWEEP_SLURM=1 cargo test -p resweep --test it slurm:: -- --test-threads=1

# Kills a sweep 50 times at random moments and compares the results; `make test` does it 10 times.
torture:
	RESWEEP_TORTURE_KILLS=$(or $(KILLS),50) cargo test --test it torture:: -- --nocapture

# Hours of torture, power cuts, damaged databases, mutation tests, fuzzing, Miri and AddressSanitizer. EVENTS sets the number of
# kills, power cuts and damaged databases (5000).
soak:
	@tools/soak.sh $(EVENTS)

# Changes one expression after another in the store and the scheduler and fails unless a test of its crate notices:
# hours. Needs: cargo install cargo-mutants. One of ten parts: make mutants ARGS="--shard 0/10"
mutants:
	cargo mutants --package resweep-store --package resweep-core $(ARGS) -- --lib --test it

# Fuzzes each reader of external files for FUZZ_SECONDS. Needs a nightly toolchain and
# `cargo install cargo-fuzz`.
FUZZ_TARGETS = sweep_file image class_folder archive cache cifar10 cifar100
FUZZ_SECONDS ?= 180
fuzz:
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/corpus/$$target && \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target tests/hostile/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=20 || exit 1; \
	done

# Tests a report in a real browser. Needs Chromium and Node.js with npm.
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
browser:
	cargo build
	npm install --prefix tests/browser --no-package-lock --no-audit --no-fund
	CHROMIUM="$(CHROMIUM)" node --test tests/browser/report.test.mjs

# Licences, sources and duplicates of all dependencies, and known vulnerabilities. Needs: cargo install
# cargo-deny. Without access to the database of vulnerabilities: make audit AUDIT="licenses bans sources"
AUDIT ?=
audit:
	cargo deny --all-features check $(AUDIT)

# Checks format and lints.
check:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --all-targets --features cuda-check -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps

# Times training, beside PyTorch if it is installed, and the kernels; docs/benchmarks.md. A quick try:
# make bench ARGS=--quick
bench:
	@$(BENCH_PYTHON) benches/side_by_side.py --output $(BENCH_RESULTS) $(ARGS)
	@cargo bench --quiet --bench kernels >> $(BENCH_RESULTS)
	@cat $(BENCH_RESULTS)

# Times training on the first GPU beside PyTorch; docs/cuda.md.
bench-cuda:
	@tools/cuda-bench.sh $(CUDA_TOOLKIT)/nvidia/cu13 $(BENCH_PYTHON) --output results/benchmarks-cuda.md $(ARGS)
	@cat results/benchmarks-cuda.md

# Loads the scheduler and the database, then Optuna, MLflow and Trackio if BENCH_PYTHON has them. A
# quick try: make bench-load ARGS=--quick
bench-load:
	@cargo bench --quiet --bench load -- $(ARGS)
	@$(BENCH_PYTHON) benches/trackers.py $(ARGS)

# Makes a Python with PyTorch for `make bench`.
bench-venv:
	python3 -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install $(BENCH_TORCH)
	$(BENCH_VENV)/bin/pip install numpy safetensors

# Runs the kernels' unsafe code in Miri, with plain loops. Needs: rustup toolchain install nightly --component miri,rust-src
miri:
	MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test $(SANITIZE)

# Runs the kernels with vector instructions under AddressSanitizer. Needs a nightly toolchain.
asan:
	RUSTFLAGS=-Zsanitizer=address cargo +nightly test $(SANITIZE) --target $(HOST)

# Reads exported event files with TensorBoard's own reader. Needs: pip install tensorboard
TENSORBOARD_PYTHON ?= python3
check-tensorboard: build
	@$(RESWEEP) export $(SWEEP) --format tensorboard --to target/tensorboard/log $(ARGS)
	@$(RESWEEP) export $(SWEEP) --format jsonl --to target/tensorboard/tables $(ARGS)
	@$(TENSORBOARD_PYTHON) tests/tensorboard/check.py target/tensorboard/log target/tensorboard/tables

# Writes tests/pytorch/*.safetensors again; needs PyTorch, NumPy and safetensors for Python.
fixtures:
	python3 tests/pytorch/make_fixtures.py

clean:
	cargo clean
