# shoal: "make demo" shows it, "make test" runs every test. "make help" lists the rest.

SHELL := /bin/sh
# internal/tools/setup puts a Go here when the system's one is missing or too old.
export PATH := $(CURDIR)/.cache/go/bin:$(PATH)

GO_DIRS  := $(wildcard app assets chunker discovery internal nat packaging sync)
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
GOBUILD   = CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)"
TOOL     := go tool -modfile=internal/tools/go.mod
# The race detector needs a C compiler. Without one the tests run all the same, and
# "make test" says at its end what was not looked for.
RACE      = $(shell command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 && echo -race)
# Where goroutines are. Floors 0 to 2 may not start any (internal/arch sees to it), so the
# race detector would only make their tests, and the simulator's, many times slower.
RACED     = ./app/... ./nat/... ./discovery/... ./sync/index/... ./sync/scan ./sync/watch \
	./sync/disk/... ./internal/step ./internal/filestat ./internal/e2e ./internal/demo
BENCH     = CGO_ENABLED=0 go test -run '^$$' -bench . -count 6 ./...
FUZZTIME ?= 20s
SEEDS    ?= 2000

.DEFAULT_GOAL := help
.PHONY: help setup setup-race man demo test check lint build run sim model fuzz bench package clean

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: build-headless ## three devices on this machine keep one folder the same (KEEP=1: go on)
	@CGO_ENABLED=0 go build -trimpath -o bin/demo ./internal/demo
	@exec bin/demo -program bin/shoal-headless

test: setup-race ## every test; first, where there are goroutines, with the race detector
	$(if $(RACE),CGO_ENABLED=1 go test $(RACE) -short -timeout 20m $(RACED))
	CGO_ENABLED=0 go test -timeout 20m ./...
	cd packaging && CGO_ENABLED=0 go test -timeout 15m ./...
	cd internal/bench && CGO_ENABLED=0 go test ./...
	@$(if $(RACE),true,echo "NO C COMPILER HERE: nothing was looked at by the race detector." >&2)

check: lint ## before every commit: format, vet, static analysis, house rules, short tests
	CGO_ENABLED=0 go test -short -timeout 5m ./...

lint: setup ## format, vet for three systems, static analysis, modules
	@bad=$$("$$(go env GOROOT)/bin/gofmt" -l $(GO_DIRS)); \
		if [ -n "$$bad" ]; then echo "run gofmt -w on:"; echo "$$bad"; exit 1; fi
	CGO_ENABLED=0 go vet ./...
	CGO_ENABLED=0 go vet -tags desktop ./app/...
	CGO_ENABLED=0 go vet -tags faults ./internal/fault
	GOOS=windows CGO_ENABLED=0 go vet ./...
	GOOS=darwin CGO_ENABLED=0 go vet ./...
	CGO_ENABLED=0 $(TOOL) staticcheck ./...
	cd packaging && CGO_ENABLED=0 go vet ./...
	cd internal/bench && CGO_ENABLED=0 go vet ./...
	cd packaging && CGO_ENABLED=0 go tool -modfile=../internal/tools/go.mod staticcheck ./...
	go mod verify

# The window needs a C compiler and, on Linux, the headers of X11, Wayland and OpenGL.
build: build-headless ## bin/shoal (desktop), bin/shoal-headless and bin/shoalsim
	@internal/tools/setup window
	CGO_ENABLED=1 go build -trimpath -ldflags "$(LDFLAGS)" -tags desktop -o bin/shoal ./app/shoal
	$(GOBUILD) -o bin/shoalsim ./app/shoalsim

.PHONY: build-headless
build-headless: setup
	$(GOBUILD) -o bin/shoal-headless ./app/shoal

run: build ## the desktop program
	bin/shoal

sim: setup ## many simulated worlds (SEEDS=2000, FROM=0), written down in internal/sim/testdata/ledger.txt
	SEEDS=$(SEEDS) SHOAL_SIM_LARGE=1 SHOAL_SIM_LEDGER=testdata/ledger.txt \
		SHOAL_SIM_COMMIT="$$(git describe --always --dirty)" CGO_ENABLED=0 go test -count=1 -timeout 8h -v ./internal/sim

model: setup ## every history of few replicas, names and acts, against an oracle (half an hour)
	SHOAL_MODEL_LARGE=1 CGO_ENABLED=0 go test -count=1 -timeout 2h -v \
		-run 'TestEveryHistory|TestEveryStory' ./sync/merge ./internal/sim

.PHONY: lab
lab: setup ## every pair of NATs, twenty times, and speed across two (several minutes; needs root and nftables)
	SHOAL_LAB_TRIES=20 CGO_ENABLED=0 go test -count=1 -timeout 30m -v \
		-run 'TestLab$$|TestLabCoturn|TestRoutersAreTold' ./nat/webrtc ./nat/probe
	SHOAL_LAB_ROAD=100 CGO_ENABLED=0 go test -count=1 -v -run 'TestLabRoad' ./nat/webrtc
	SHOAL_LAB_ROAD=100:50:64:5000 CGO_ENABLED=0 go test -count=1 -v -run 'TestSpeedAcrossNATs' ./internal/e2e

.PHONY: swarm
swarm: setup ## real swarms in namespaces: 16 devices at 100 Mbit/s, 50 at 20 (several minutes)
	SHOAL_SWARM_DEVICES=16 SHOAL_SWARM_MIB=256 SHOAL_SWARM_MBIT=100 CGO_ENABLED=0 \
		go test -count=1 -timeout 20m -v -run 'TestSwarm$$' ./internal/e2e
	SHOAL_SWARM_DEVICES=50 SHOAL_SWARM_MIB=64 SHOAL_SWARM_MBIT=20 CGO_ENABLED=0 \
		go test -count=1 -timeout 40m -v -run 'TestSwarm$$' ./internal/e2e

.PHONY: mutants
mutants: setup ## break the program on purpose, line by line: every test must notice (MUTANTS=name)
	SHOAL_MUTANTS='$(or $(MUTANTS),.)' CGO_ENABLED=0 go test -count=1 -timeout 2h -v ./internal/mutants

fuzz: setup ## each fuzz target for a while (FUZZTIME=20s)
	@grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' $(GO_DIRS) | \
	while IFS=: read -r file _ name; do \
		echo "$${name#func } in $$(dirname $$file)"; \
		CGO_ENABLED=0 go test -run '^$$' -fuzz "^$${name#func }\$$" \
			-fuzztime $(FUZZTIME) ./$$(dirname $$file) || exit 1; \
	done

# Runs shorter than an hour of a quiet machine say little of a few per cent: ratios count.
bench: build-headless ## shoal against rsync and libraries, one table (FULL=1: sizes of the goals; DIR= REPS=3 ONLY=)
	cd internal/bench && CGO_ENABLED=0 go build -trimpath -o ../../bin/bench .
	bin/bench -program bin/shoal-headless $(if $(FULL),-full) $(if $(DIR),-dir $(DIR)) \
		$(if $(REPS),-reps $(REPS)) $(if $(ONLY),-only '$(ONLY)')

.PHONY: bench-go
bench-go: setup ## the benchmarks of the code; BASE=main compares with that branch
	@mkdir -p bin
	$(BENCH) > bin/bench-new.txt || { cat bin/bench-new.txt; exit 1; }
	@if [ -z "$(BASE)" ]; then cat bin/bench-new.txt; exit; fi; \
		git worktree add --force --detach .cache/base $(BASE) || exit 1; \
		(cd .cache/base && $(BENCH)) > bin/bench-old.txt; ok=$$?; \
		git worktree remove --force .cache/base; [ $$ok = 0 ] || exit 1; \
		$(TOOL) benchstat bin/bench-old.txt bin/bench-new.txt

man: setup ## the manual page, bin/shoal.1
	@mkdir -p bin
	CGO_ENABLED=0 go run -trimpath ./app/shoal help --man > bin/shoal.1

package: setup ## packages and archives for each system, in bin/package (ONLY=linux/amd64 WINDOW=1)
	$(if $(WINDOW),@internal/tools/setup window)
	cd packaging && CGO_ENABLED=0 go run -trimpath . -source .. -out ../bin/package \
		-version "$(VERSION)" $(if $(ONLY),-only $(ONLY)) $(if $(WINDOW),-window) $(if $(KEY),-key "$(abspath $(KEY))")

.PHONY: sign
sign: setup ## sign what is in bin/package as a release (KEY=file)
	cd packaging && CGO_ENABLED=0 go run -trimpath . -source .. -out ../bin/package \
		-version "$(VERSION)" -sign-only -key "$(abspath $(KEY))"

.PHONY: release-check
release-check: setup-race ## before a release: the window's packages built twice too, all tried and checked
	@internal/tools/setup window
	@internal/tools/setup release
	cd packaging && SHOAL_RELEASE=1 CGO_ENABLED=0 go test -count=1 -v -timeout 2h ./...

# What cuts, hashes, names and encodes has to come to the same result everywhere.
SAME = ./chunker ./sync/recipe ./sync/tree ./sync/version ./sync/wire ./sync/names ./sync/ignore

.PHONY: test-elsewhere
test-elsewhere: setup ## what must be the same everywhere, for arm64 (qemu) and Windows (Wine)
	@if command -v qemu-aarch64-static >/dev/null; then \
		GOARCH=arm64 CGO_ENABLED=0 go test -short -exec qemu-aarch64-static $(SAME) || exit 1; \
	else echo "NO qemu-aarch64-static HERE: nothing was tried for arm64." >&2; fi
	@if ! command -v wine >/dev/null; then \
		echo "NO WINE HERE: nothing was tried for Windows." >&2; \
	elif ! GOOS=windows CGO_ENABLED=0 WINEDEBUG=-all go test -run '^$$' -exec wine ./sync/version >/dev/null 2>&1; then \
		echo "THIS WINE RUNS NO PROGRAMS OF GO (it needs bcryptprimitives.dll, which Wine 9 has):" \
			"nothing was tried for Windows." >&2; \
	else GOOS=windows CGO_ENABLED=0 WINEDEBUG=-all go test -short -exec wine $(SAME); fi

clean: ## remove what was built here
	rm -rf bin .cache/base

setup:
	@internal/tools/setup

setup-race:
	@internal/tools/setup race
