PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test lint verify unlock requirements

repro: $(BIN)/.installed unlock
	$(BIN)/dvc repro

# DVC empties its lock of paths before it writes it anew; a kill in between leaves it empty,
# and DVC then refuses to run.
unlock:
	@mkdir -p .dvc/tmp && find .dvc/tmp -name rwlock -empty -delete

test: $(BIN)/.installed
	$(BIN)/pytest

lint: $(BIN)/.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check

$(BIN)/.installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	touch $@

# Rerun the pipeline from empty caches under other conditions and compare every byte; then
# run each of its stages alone with what it declares.
verify: $(BIN)/.installed
	$(BIN)/python tests/verify.py
	FULL_STUDY=1 $(BIN)/pytest --numprocesses=0 tests/test_hermetic.py

# Resolve the ranges of pyproject.toml afresh and pin what they give.
requirements:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --group dev $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"])')
	(echo '# Every package of the study, pinned. Regenerate with: make requirements'; \
	 $(BIN)/pip freeze | sed 's/+cpu$$//') > requirements.txt
	touch $(BIN)/.installed
