PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test lint verify calibrate unlock requirements

repro: $(BIN)/.installed
	@mkdir -p .dvc/tmp && if [ -e .dvc/tmp/unfinished ]; then $(MAKE) unlock; fi
	@touch .dvc/tmp/unfinished
	$(BIN)/dvc repro
	@rm .dvc/tmp/unfinished

# A kill can catch DVC while it rewrites dvc.lock, or its own lock of paths, in place. Neither
# says anything that the committed dvc.lock and the outputs do not.
unlock:
	git checkout --quiet -- dvc.lock
	find .dvc/tmp -name rwlock -empty -delete

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

# What the diagnosis finds of curves whose programs are known, as a table.
calibrate: $(BIN)/.installed
	$(BIN)/python tests/calibrate.py

# Resolve the ranges of pyproject.toml afresh and pin what they give.
requirements:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --group dev $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"])')
	(echo '# Every package of the study, pinned. Regenerate with: make requirements'; \
	 $(BIN)/pip freeze | sed 's/+cpu$$//') > requirements.txt
	touch $(BIN)/.installed
