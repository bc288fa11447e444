# The commands of a day. script/bootstrap makes .venv first.
PYTHON = .venv/bin/python
PYTEST = $(PYTHON) -m pytest

all:            ## build in place
	$(PYTHON) setup.py -q build_ext --inplace
debug:          ## with sanitizers and assertions, under build/debug
	PYBROKER_DEBUG=1 $(PYTHON) setup.py -q build_ext --build-lib build/debug/lib
test: all       ## everything
	$(PYTEST)
quick: all      ## without real clients and crashes
	$(PYTEST) -q -m "not clients and not real and not slow"
api: all        ## one API key: make api K=01
	$(PYTEST) -q tests/apis -k "k$(K)"
clients: all
	$(PYTEST) -q tests/clients
tidy: all       ## checks on the source itself
	$(PYTEST) -q tests/tidy
lint:
	.venv/bin/ruff check pybroker tests bench setup.py
	.venv/bin/mypy
docs:
	$(PYTHON) -m sphinx -q -W -b html docs build/docs
gen:
	$(PYTHON) -m pybroker.protocol.codegen --out-c build/gen --out-py pybroker/protocol/messages
bench: all      ## beside other brokers: make bench S="--only produce_16k_d5"
	$(PYTHON) bench/compare.py $(S)
annotate:       ## HTML of the Cython border: yellow is Python
	.venv/bin/cython -3 -a -I . pybroker/_core/core.pyx -o build/core_annotated.c
clean:
	rm -rf build pybroker/_core/*.so pybroker/protocol/messages
.PHONY: all debug test quick api clients tidy lint docs gen bench annotate clean
