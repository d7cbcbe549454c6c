# Thin: CMake builds, ctest tests. `make help` lists what there is.
BUILD ?= build
JOBS ?= $(shell nproc)
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 600
PACKAGES = build-essential cmake ninja-build flex bison llvm-19-dev libcmocka-dev libjansson-dev libpng-dev \
  libjpeg62-turbo-dev zlib1g-dev libxxhash-dev pkg-config python3-numpy python3-pip ca-certificates qemu-user
# What test-all wants besides; what cannot be installed is left out, and said so.
MORE_PACKAGES = clang-19 libclang-rt-19-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user python3-torch \
  python3-torchvision python3-pil libopenblas0

.PHONY: all help deps more-deps demo test test-all fuzz bench install format clean
.DEFAULT_GOAL := all

all: deps $(BUILD)/build.ninja ## build everything into build/
	cmake --build $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja:
	cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release

deps: ## install the Debian packages that are missing
	@sh .ci/packages $(PACKAGES)

more-deps: deps
	@for package in $(MORE_PACKAGES); do sh .ci/packages $$package || echo "without $$package"; done

demo: all ## compile the example networks and classify pictures
	@NNCC=$(BUILD)/nncc BUILD=$(BUILD) PYTHON=$(PYTHON) sh examples/demo.sh

test: all ## build and run the tests, without the slow ones
	cd $(BUILD) && ctest --output-on-failure -j $(JOBS) -LE 'more|slow|long'

test-all: more-deps test ## also the slow tests, sanitizers, both compilers, every example at every setting, peers
	BUILD=$(BUILD) JOBS=$(JOBS) PYTHON=$(PYTHON) sh .ci/test-all

fuzz: more-deps ## run each fuzzer of tests/fuzz for FUZZ_SECONDS; tests/fuzz/README.md says more
	BUILD=$(BUILD) JOBS=$(JOBS) FUZZ_SECONDS=$(FUZZ_SECONDS) sh .ci/fuzz

bench: all ## time networks beside ONNX Runtime, OpenVINO and ncnn; BENCH="--unseen" etc.
	@sh .ci/packages python3-venv
	$(PYTHON) bench/bench.py --nncc $(BUILD)/nncc --work $(BUILD)/bench --text $(BUILD)/bench/results.txt --json $(BUILD)/bench/results.json \
	  --svg $(BUILD)/bench/results.svg $(BENCH)

install: all ## install nncc below PREFIX
	cmake --install $(BUILD) --prefix $(PREFIX)

format: ## lay out every source as .clang-format says
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove what was built
	cmake -E rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-clang $(BUILD)-fuzz

help:
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## */  \1\t/' | expand -t 14
