PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help repro test lint verify bench mutants calibrate class readme page unlock requirements

help: ## Say what each target does
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 14

repro: $(BIN)/.installed ## Create .venv, install the pinned requirements, run the pipeline
	@mkdir -p .dvc/tmp && if [ -e .dvc/tmp/unfinished ]; then $(MAKE) unlock; fi
	@touch .dvc/tmp/unfinished
	$(BIN)/dvc repro
	@rm .dvc/tmp/unfinished

test: $(BIN)/.installed ## Run the tests
	$(BIN)/pytest

lint: $(BIN)/.installed ## Check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# Then each stage alone with what it declares, and the tests that take minutes.
verify: $(BIN)/.installed ## Rerun all under other conditions and compare every byte
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-cluster.txt
	$(BIN)/python tests/verify.py
	FULL_STUDY=1 $(BIN)/pytest --numprocesses=0 -m slow tests/test_hermetic.py
	$(BIN)/pytest -m slow

bench: $(BIN)/.installed ## Compare the trainers with other ways to take the same steps
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-bench.txt
	$(BIN)/python -m benchmarks.bench

mutants: $(BIN)/.installed ## Try the tests on changes of the code
	$(BIN)/python tests/mutants.py

calibrate: $(BIN)/.installed ## Measure what the diagnosis finds of curves whose programs are known
	$(BIN)/python tests/calibrate.py

class: $(BIN)/.installed ## Diagnose every CSV of a folder: make class SUBMISSIONS=folder
	$(BIN)/python -m classroom $(if $(SUBMISSIONS),'$(SUBMISSIONS)')

readme: $(BIN)/.installed ## Write the tables of README.md from the results
	$(BIN)/python tests/readme.py

page: $(BIN)/.installed ## Build the page that dvc plots fills, the libraries that draw in it
	$(BIN)/python page/build.py

# A kill can catch DVC while it rewrites dvc.lock, or its own lock of paths, in place. Neither
# says anything that the committed dvc.lock and the outputs do not.
unlock: ## After a kill: put the committed dvc.lock back
	git checkout --quiet -- dvc.lock
	find .dvc/tmp -name rwlock -empty -delete

requirements: ## Resolve the ranges of pyproject.toml afresh and pin what they give
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --group dev $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"])')
	(echo '# Every package of the study, pinned. Regenerate with: make requirements'; \
	 $(BIN)/pip freeze | sed 's/+cpu$$//') > requirements.txt
	touch $(BIN)/.installed

$(BIN)/.installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	touch $@
