# One entry for people and CI. Everything works from a fresh clone; `make help` lists the recipes.
SHELL := /bin/bash
PYTHON := $(CURDIR)/.venv/bin/python
CMAKE := $(CURDIR)/.venv/bin/cmake
JOBS ?= $(shell nproc)
export CTEST_OUTPUT_ON_FAILURE := 1

.PHONY: help bootstrap build test test-gpu test-extra test-asan test-tsan test-faults fuzz soak sbom asan tsan bench bench-quick bench-jpeg docs lint layers wheel demo ci clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

bootstrap:  ## install what is missing (apt, .venv)
	@scripts/bootstrap.sh

build: bootstrap  ## build library, tests, examples and the Python extension
	@$(CMAKE) --preset dev -DRESTRIDE_PYTHON=ON -DPython_EXECUTABLE=$(PYTHON) >build.log 2>&1 || { cat build.log; exit 1; }
	@$(CMAKE) --build --preset dev -j $(JOBS)

test: build  ## all tests: CTest, then pytest
	@cd build/dev && $(CURDIR)/.venv/bin/ctest -j $(JOBS)
	@PYTHONPATH=build/dev/python $(PYTHON) -m pytest -q

asan: bootstrap  ## unit and contract tests under AddressSanitizer and UBSan
	@$(CMAKE) --preset asan-ubsan >build.log 2>&1 || { cat build.log; exit 1; }
	@$(CMAKE) --build --preset asan-ubsan -j $(JOBS)
	@cd build/asan-ubsan && $(CURDIR)/.venv/bin/ctest -j $(JOBS)

tsan: bootstrap  ## unit and contract tests under ThreadSanitizer
	@$(CMAKE) --preset tsan >build.log 2>&1 || { cat build.log; exit 1; }
	@$(CMAKE) --build --preset tsan -j $(JOBS)
	@cd build/tsan && $(CURDIR)/.venv/bin/ctest -j $(JOBS)

test-asan: asan  ## the same as asan

test-tsan: tsan  ## the same as tsan

test-faults: build  ## faults: failed allocations, files, threads, limits; every truncation and 1,000 flipped bits of each feature
	@cd build/dev && RESTRIDE_FULL=1 $(CURDIR)/.venv/bin/ctest -j $(JOBS) -R 'Faults|Files|Threads|Damage|Bombs|Limits'
	@PYTHONPATH=build/dev/python $(PYTHON) -m pytest -q python/tests/test_faults.py

FUZZ_SECONDS ?= 600
fuzz: bootstrap  ## libFuzzer (clang) over every target in turn, FUZZ_SECONDS in all
	@$(CMAKE) --preset fuzz >build.log 2>&1 || { cat build.log; exit 1; }
	@$(CMAKE) --build --preset fuzz -j $(JOBS)
	@scripts/fuzz.sh $(FUZZ_SECONDS)

SOAK_SECONDS ?= 3600
soak: build  ## random mixed work for SOAK_SECONDS: memory, descriptors and pictures are watched
	@build/dev/tests/restride_soak $(SOAK_SECONDS)

sbom: bootstrap  ## sbom.json: the libraries of the wheel in wheelhouse/, or of this machine
	@python3 scripts/sbom.py $(firstword $(wildcard wheelhouse/*.whl)) >sbom.json && echo sbom.json

test-gpu: build  ## the tests that need a GPU
	@PYTHONPATH=build/dev/python $(PYTHON) -m pytest -q python/tests/gpu
	@cd build/dev && $(CURDIR)/.venv/bin/ctest -R 'Gpu|Vendor|Nvjpeg'

RESULTS ?= bench/results/cpu-$(shell date +%F).json
bench: build  ## everything against the libraries of PyPI: JSON, bench/results/index.html, README's table (an hour)
	@$(PYTHON) -m pip install -q --disable-pip-version-check -r bench/requirements.txt
	@PYTHONPATH=build/dev/python $(PYTHON) bench/compare/cpu.py $(RESULTS)
	@$(PYTHON) bench/page.py bench/results/index.html $(RESULTS) $(lastword $(sort $(wildcard bench/results/h100-*.json)))
	@$(PYTHON) bench/report.py $(RESULTS) README.md

bench-quick: build  ## a dozen cases, under 3 minutes; fails where the best peer is more than 5 % ahead
	@$(PYTHON) -m pip install -q --disable-pip-version-check -r bench/requirements.txt
	@PYTHONPATH=build/dev/python $(PYTHON) bench/compare/cpu.py --quick

bench-jpeg: build  ## JPEG decoding against libjpeg-turbo driven plainly
	@$(CMAKE) -DRESTRIDE_BENCH=ON build/dev >build.log && $(CMAKE) --build build/dev -j $(JOBS) --target jpeg_floor
	@mkdir -p build/jpegs && $(PYTHON) bench/compare/pictures.py build/jpegs && build/dev/bench/jpeg_floor build/jpegs/*.jpg

test-extra: build  ## the tests that need PyTorch and Ray, which are large: into .venv
	@$(PYTHON) -m pip install -q --disable-pip-version-check -r scripts/requirements-extra.txt
	@PYTHONPATH=build/dev/python $(PYTHON) -m pytest -q python/tests/test_torch.py python/tests/test_ray.py python/tests/test_snippets.py python/tests/test_notebooks.py

docs: bootstrap  ## the documentation as a site, in site/
	@$(PYTHON) -m pip install -q --disable-pip-version-check -r scripts/requirements-docs.txt
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict -q

layers:  ## check who includes whom
	@python3 scripts/check_layers.py

lint: bootstrap layers  ## layering, ruff, and clang-format where it is there
	@.venv/bin/ruff check python scripts examples bench
	@if command -v clang-format >/dev/null; then git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' | xargs clang-format --dry-run -Werror; \
	 else echo "clang-format is not there: layout not checked"; fi

wheel: bootstrap  ## a wheel with its libraries bundled, installed and tried in an empty environment
	@scripts/wheel.sh

demo: bootstrap  ## the walkthrough on real photographs, and demo/index.html
	@$(PYTHON) -m pip install -q --disable-pip-version-check --no-build-isolation .
	@$(PYTHON) scripts/demo.py demo

ci: layers test asan wheel  ## what CI runs

clean:
	rm -rf build dist wheelhouse demo site build.log
