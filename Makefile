# Likewise. `make run` and `make test` need Python >= 3.11 and make; all else comes from PyPI into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two more than two cores: tests that start processes wait for them. A file stays on one worker, which sets its fixtures up
# once, and files run in their order, so that the short unit tests come last.
WORKERS := -n 4 --dist loadfile --no-loadscope-reorder

# Tests start hundreds of processes: a setting that forbids to keep compiled modules would have each compile them again.
export PYTHONDONTWRITEBYTECODE :=

# Parts of `make nightly`, at most 20 minutes each on two cores. NIGHTLY_MARKED are marks of tests.
NIGHTLY_MARKED := accuracy gate hard-k-totals hard-k-cells mistakes audit audit-default black-box appearance interleavings histories crash faults-kills faults-power faults-clocks faults-stores
NIGHTLY_PARTS := statistics properties $(NIGHTLY_MARKED)
NIGHTLY := $(BIN)/pytest -n 2 --dist load --hypothesis-profile nightly --timeout 7200

.PHONY: run test check bench nightly nightly-faults browser setup lock openapi client-types clean $(addprefix nightly-,$(NIGHTLY_PARTS))

run: $(READY)  ## the whole system on embedded Redis, with a simulated platform feeding it
	$(BIN)/likewise up --simulate

test: $(READY)  ## every test but the browser's and the nightly ones
	$(BIN)/pytest $(WORKERS) -m "not nightly" --ignore tests/browser

check: $(READY)  ## every static check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m api.openapi --check
	$(BIN)/python .ci/check_lock.py
	$(BIN)/python .ci/client_types.py --check

bench: $(READY)  ## speed, memory and accuracy, with ceilings and peers measured in the same run
	$(BIN)/python -m bench

nightly: $(READY)  ## all parts, one after the other; a line for each at the end, and failure if one failed
	@results=; for part in $(NIGHTLY_PARTS); do \
		start=$$(date +%s); \
		if $(MAKE) --no-print-directory nightly-$$part; then result=passed; else result=FAILED; fi; \
		results="$$results\nnightly-$$part: $$result in $$(($$(date +%s) - start)) s"; \
	done; printf "$$results\n"; case "$$results" in *FAILED*) exit 1;; esac

nightly-statistics: $(READY)  ## the statistical tests of `make test` with the operating system's entropy
	$(NIGHTLY) -m "not nightly" tests/statistical

nightly-properties: $(READY)  ## the property tests of `make test` with new examples, ten times as many or more
	$(NIGHTLY) -m "hypothesis and not nightly" --ignore tests/browser

$(addprefix nightly-,$(NIGHTLY_MARKED)): nightly-%: $(READY)  ## the tests that are marked with this part
	$(NIGHTLY) -m "nightly(part='$*')" --ignore tests/browser

nightly-faults: $(addprefix nightly-,$(filter faults-%,$(NIGHTLY_PARTS)))  ## all parts with faults

browser: $(READY)  ## the pages in a real browser: needs Debian's chromium
	$(BIN)/pytest tests/browser

setup: $(READY)  ## .venv with everything that is locked, and this project

lock: $(READY)  ## resolve the dependencies again
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --all-extras pyproject.toml -o requirements.lock

openapi: $(READY)  ## write openapi.yaml from the schemas
	$(BIN)/python -m api.openapi

client-types: $(READY)  ## write the types of the Python client from openapi.yaml
	$(BIN)/python .ci/client_types.py

clean:  ## what make has made; data folders stay
	rm -rf $(VENV) build *.egg-info

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Likewise needs Python >= 3.11; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12")'
	$(PYTHON) -m venv --without-pip $(VENV)
	# A Python with ensurepip brings its own pip; Debian's has none, so a pinned one is fetched.
	$(BIN)/python -m ensurepip >/dev/null 2>&1 || $(BIN)/python .ci/bootstrap_pip.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
