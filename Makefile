# Every target sets up what it needs: only Python 3.11, make and a C compiler are assumed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: help demo test check bench serve vectors guide openapi soak clean

help:
	@echo "make demo     the whole story on pictures, in build/demo"
	@echo "make test     all tests"
	@echo "make check    style, types, import rules, spelling, vectors"
	@echo "make bench    figures beside what you would pick instead, in build/bench"
	@echo "make soak     the slow runs: fuzzing, power cuts, damaged stores, races, half an hour of load"
	@echo "make vectors  write tests/vectors anew from their generator"
	@echo "make guide    write the officer's guide anew: docs/guide, and build/guide as PDF (needs Chromium)"
	@echo "make openapi  write the descriptions of the back office's, the holder's and the systems' API anew"
	@echo "make serve    back office, wallet and officer's console of a demonstration, side by side"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(READY)
	$(BIN)/python -m examples.demo

# Four processes on two cores: half of what browsers, databases and modules take is waiting. What is compiled is kept,
# whatever the caller's environment says: the tests start hundreds of commands.
test: export PYTHONDONTWRITEBYTECODE =
test: $(READY)
	$(BIN)/python -m pytest -n 4 --dist worksteal

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/codespell
	$(BIN)/python -m tests.vectors.build_vectors --check
	$(BIN)/python -m tests.docs.build_guide --check

vectors: $(READY)
	$(BIN)/python -m tests.vectors.build_vectors

guide: $(READY)
	$(BIN)/python -m tests.docs.build_guide --pdf

openapi: $(READY)
	$(BIN)/python -c 'from issuer.api.openapi import text_of; from issuer.operations import all_operations; \
	  print(text_of(all_operations()), end="")' > docs/back-office.openapi.json
	$(BIN)/python -c 'from wallet_api.openapi import text; print(text(), end="")' > docs/wallet.openapi.json
	$(BIN)/python -c 'from issuer.services.openapi import described; print(described(), end="")' > docs/services.openapi.json

bench: $(READY)
	$(BIN)/python -m bench

soak: $(READY)
	ABTC_SOAK=1 $(BIN)/python -m pytest -n 2 -rA \
	  tests/verifier/test_fuzz.py tests/verifier/test_store_faults.py tests/issuer/test_publish_readers.py \
	  tests/issuer/office/test_issuing_faults.py tests/issuer/link/test_killed.py tests/issuer/test_load.py tests/wallet_api/test_load.py \
	  tests/wallet_api/test_threats.py tests/issuer/web/test_browser.py tests/wallet_api/web/test_wallet_browser.py \
	  tests/verifier/console/web/test_languages.py tests/test_openapi_properties.py tests/examples/test_two_economies.py

# A demonstration on this machine: invented travellers of all economies, cards that only a console for training takes,
# and no passwords. What it keeps is below build/office; remove that to begin anew.
serve: $(READY)
	$(BIN)/python -m examples.serve build/office

clean:
	rm -rf $(VENV) .venv-* build .mypy_cache .ruff_cache .pytest_cache .hypothesis
