# mtakit: build, test, demonstrate, install. `make` alone lists what there is.
GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR   = $(DESTDIR)$(PREFIX)/bin
MANDIR   = $(DESTDIR)$(PREFIX)/share/man
COMMANDS = mtactl mtaqueue mtaroute mtarun mtasubmit
FUZZTIME ?= 10s
ROUNDS  ?= 10
N       ?= 100
MESSAGES ?= 1000000

export CGO_ENABLED = 0

.PHONY: help build test race demo demo-directory demo-border lists kills crash proof mutants recovery reload bench million fuzz lint packages install clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

build: ## build the five commands into bin/
	$(GO) build -trimpath -o bin/ ./cmd/...

packages: ## install the Debian packages the tests use (as root), or name the missing ones
	.ci/packages

test: packages lint build ## everything that must hold: lint, unit tests, scripts, floors, pages, fuzz seeds
	$(GO) test -timeout 20m ./...

race: ## the unit tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race ./lib/...

lint: ## gofmt, vet, staticcheck, mandoc
	@unformatted=$$(gofmt -l cmd lib examples); test -z "$$unformatted" || { echo "not gofmt'ed: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	mandoc -T lint -W warning man/*.[1578]

demo: build ## three switches on loopback: a message crosses, the reports come back
	examples/demo.sh bin

demo-directory: packages build ## three switches configured from a directory alone, which is changed and killed
	examples/directory.sh bin

demo-border: packages build ## two domains with security policies of their own: signed, labelled, converted, refused, held, archived
	examples/border.sh bin

lists: build ## lists, alternates, loops and probes over three switches, as a story (needs jq)
	examples/lists.sh bin

kills: ## kill three switches while messages cross them, ROUNDS times (default 10), or with KILLS=1000 so often in one go
ifdef KILLS
	$(GO) test ./cmd/mtarun -run '^TestChaos$$' -count 1 -timeout 0 -v -chaos.kills $(KILLS)
else
	$(GO) test ./cmd/mtarun -run '^TestChaos$$' -count $(ROUNDS) -timeout $(ROUNDS)0m -v -chaos.messages 1500
endif

crash: build ## cut the power of a switch at work N times, on ext4 and XFS (default 100; root)
	.ci/packages
	$(GO) run ./examples/powercut --bin bin --cuts $(N)

proof: ## every cut and every fault on every way of a message, as a table (make test runs them too)
	@.ci/proof

mutants: ## break the keeping of messages in every way that is listed, and see the tests fail
	$(GO) run ./examples/mutants

recovery: ## cut transfers at every PDU, and those of 300 MB in the middle; count what is sent again
	$(GO) test ./lib/osi/rtse -run '^TestTransferCutAtEveryPDU' -count 1 -v
	$(GO) test ./cmd/mtarun -run '^TestRecovery' -count 1 -timeout 30m -v -recovery-size 300000000

reload: ## 10,000 messages while the configuration changes 100 times: where each went, and the longest pause
	$(GO) test ./cmd/mtarun -run '^TestReloadUnderLoad$$' -count 1 -timeout 30m -v -reload.messages 10000 -reload.changes 100

bench: build ## the figures of mta-performance(7) beside Postfix, on ext4 and XFS (root; an hour and a half, QUICK=1 some minutes, ONLY=signed that alone)
	.ci/packages postfix
	$(GO) run ./examples/bench --bin bin $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

million: build ## MESSAGES (default 1000000) through one switch in one go: memory and descriptors (root)
	.ci/packages postfix
	$(GO) run ./examples/bench --bin bin --million $(MESSAGES)

fuzz: ## every fuzz target for FUZZTIME each (default 10s)
	.ci/fuzz $(FUZZTIME) $(FUZZJOBS)

install: build ## install commands and pages below $(DESTDIR)$(PREFIX)
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7 $(MANDIR)/man8
	cd bin && install -m 755 $(COMMANDS) $(BINDIR)
	for page in man/*.[1578]; do install -m 644 $$page $(MANDIR)/man$${page##*.}; done

clean: ## remove what make built
	rm -rf bin bench-results
