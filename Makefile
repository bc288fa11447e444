# The commands of a day. script/bootstrap makes .venv first; `make help` lists them.
PYTHON = .venv/bin/python
PYTEST = $(PYTHON) -m pytest
C_FILES = $(wildcard csrc/*.h csrc/*/*.[ch] pybroker/_core/*.[ch] tests/csrc/*.[ch] tests/csrc/*/*.[ch])

all:            ## build in place: the extension, and the program as .venv/bin/pybrokerd
	@$(PYTHON) setup.py -q build_ext --inplace
debug:          ## with sanitizers and assertions, beside the release: run build/debug/run instead of .venv/bin/pybrokerd
	@PYBROKER_DEBUG=1 $(PYTHON) setup.py -q build_ext --inplace
test: all       ## everything
	$(PYTEST)
quick: all      ## without real clients, real data and what takes long
	$(PYTEST) -q -m "not clients and not real and not slow"
api: all        ## one API key: make api K=01
	@test -n "$(K)" || { echo "which key? make api K=01"; exit 2; }
	$(PYTEST) -q tests/apis tests/unit/apis -k "k$(K)"
plugins: all    ## plugins in a broker, every package from its wheel, the tutorial
	$(PYTEST) -q tests/plugins
clients: all    ## real client libraries
	$(PYTEST) -q tests/clients
csrc:           ## C unit tests, sanitized
	$(PYTEST) -q tests/csrc
sanitize: debug ## API tests against the sanitized broker: make sanitize K=01, or all of them
	PYBROKERD=$(CURDIR)/build/debug/run $(PYTEST) -q tests/apis $(if $(K),-k "k$(K)")
fuzz: all       ## decoders of bytes from wire or disk: make fuzz T=batch SECONDS=600, or all of them
	$(PYTHON) -m tests.fuzz.targets --seconds $(or $(SECONDS),60) $(T)
campaign: all   ## faults against a running broker, as long as you like: make campaign SEED=7 CYCLES=1000 S="kills power"
	$(PYTHON) -m tests.model.campaign --seed $(or $(SEED),1) --cycles $(or $(CYCLES),100) $(S)
tidy: all       ## checks on the source itself
	$(PYTEST) -q tests/tidy
lint:           ## ruff, mypy, and where clang-format would set other spaces (shown, not done)
	.venv/bin/ruff check .
	.venv/bin/mypy
	@if command -v clang-format >/dev/null; then for file in $(C_FILES); do \
	    lines=$$(clang-format "$$file" | diff "$$file" - | grep -c '^<'); [ "$$lines" = 0 ] || echo "$$file: $$lines lines by clang-format"; done; fi
docs: gen       ## HTML under build/docs
	$(PYTHON) -m sphinx -q -W -E -b html docs build/docs
	@echo build/docs/index.html
gen:            ## protocol code from the definitions (also part of every build)
	@$(PYTHON) -m pybroker.protocol.codegen --out-c build/gen --out-py pybroker/protocol/messages
bench: all      ## beside other brokers: make bench S="--only produce_16k_d5"
	$(PYTHON) bench/compare.py $(S)
annotate:       ## the Cython border as HTML: yellow is Python
	@mkdir -p build
	.venv/bin/cython -3 -a -I . --module-name pybroker._core.core pybroker/_core/core.pyx -o build/core_annotated.c
	@echo build/core_annotated.html
dist:           ## wheel and sdist under dist/
	$(PYTHON) -m pip wheel -q --no-deps -w dist .
	$(PYTHON) setup.py -q sdist
clean:          ## everything that a build made
	rm -rf build dist *.egg-info pybroker/_core/*.so pybroker/protocol/messages .venv/bin/pybrokerd .venv/bin/pybrokerd-debug
help:
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' Makefile | expand -t 12
.PHONY: all debug test quick api plugins clients csrc sanitize fuzz campaign tidy lint docs gen bench annotate dist clean help
