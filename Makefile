# Trains sweeps and draws their figures. Needs Rust and a C compiler; nothing else.

SWEEP ?= experiments/quickstart.toml
# More arguments for the program: make sweep ARGS="-j 4 --set train.iterations=2000"
ARGS ?=
RESWEEP = cargo run --quiet --release --

.PHONY: all build sweep plot plan status data test check fixtures clean

# The quickstart: builds, trains on built-in data, writes and names the figure.
all: sweep

build:
	@cargo build --release

# Trains what is not finished of a sweep and draws its figure.
sweep: build
	@$(RESWEEP) run $(SWEEP) $(ARGS)

# Draws a sweep's figure from what is recorded, also while the sweep runs.
plot: build
	@$(RESWEEP) plot $(SWEEP) $(ARGS)

# Shows what a sweep would train, and for how long.
plan: build
	@$(RESWEEP) plan $(SWEEP) $(ARGS)

status: build
	@$(RESWEEP) status $(ARGS)

# Downloads and verifies CIFAR-10.
data: build
	@$(RESWEEP) data download cifar10 $(ARGS)

test:
	cargo test

# What a change has to pass besides the tests.
check:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo check --features cuda-check

# Writes tests/pytorch/*.safetensors anew; needs PyTorch, NumPy and safetensors for Python.
fixtures:
	python3 tests/pytorch/make_fixtures.py

clean:
	cargo clean
