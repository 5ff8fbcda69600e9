# Two commands: `make demo` hears one piece, `make test` runs every check.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; \
	then echo $$p; break; fi; done)
VENV ?= .venv
BIN = $(VENV)/bin
OUT ?= demo-out
# The page is tested in a Chromium (Debian's package has that name) where there is one.
CHORDMER_CHROMIUM ?= $(shell command -v chromium chromium-browser google-chrome chrome | head -n 1)
PIECE = chordmer/examples/schubert_gute_nacht.mid
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test package docs lint types check soak weights clean

demo: $(VENV)/.core
	@mkdir -p $(OUT)
	$(BIN)/chordmer predict $(PIECE) --plot $(OUT)/emotion.png

test: $(VENV)/.dev package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@test -n "$(CHORDMER_CHROMIUM)" || echo "NOT TESTED: the page in a browser; there is no Chromium (apt install chromium)"
	$(BIN)/pytest -n 2 $(if $(CHORDMER_CHROMIUM),,-m "not browser")

# The wheel, in an environment that has nothing else, answers for a piece.
package: $(VENV)/.dev
	rm -rf $(VENV)/package
	$(BIN)/python -m build --no-isolation --outdir $(VENV)/package .
	$(BIN)/python -m venv $(VENV)/package/venv
	$(VENV)/package/venv/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt $(VENV)/package/*.whl
	cd $(VENV)/package && venv/bin/chordmer predict "$$(venv/bin/python -c \
		'import chordmer; print(chordmer.example())')" && venv/bin/chordmer doctor
	rm -rf $(VENV)/package

docs: $(VENV)/.dev
	$(BIN)/mkdocs build --strict

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

soak: $(VENV)/.dev
	CHORDMER_SOAK=1 $(BIN)/pytest -n 2 $(if $(CHORDMER_CHROMIUM),,-m "not browser")

# Retrain the bundled model: make weights DATA=folder-that-holds-emopia
weights: $(VENV)/.dev
	$(BIN)/python benchmarks/train_bundled.py --data $(DATA)

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "chordmer needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python setup.cfg pyproject.toml constraints.txt
	$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python setup.cfg pyproject.toml constraints.txt
	$(INSTALL) -e ".[dev]"
	@touch $@ $(VENV)/.core

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
