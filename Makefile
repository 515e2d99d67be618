# shoal: "make demo" shows it, "make test" runs every test. "make help" lists the rest.

SHELL := /bin/sh
# internal/tools/setup puts a Go here when the system's one is missing or too old.
export PATH := $(CURDIR)/.cache/go/bin:$(PATH)

GO_DIRS  := $(wildcard app assets chunker discovery internal nat sync)
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
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

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
	go mod verify

build: build-headless ## bin/shoal (desktop) and bin/shoal-headless
	$(GOBUILD) -tags desktop -o bin/shoal ./app/shoal

.PHONY: build-headless
build-headless: setup
	$(GOBUILD) -o bin/shoal-headless ./app/shoal

run: build ## the desktop program (its window is not there yet)
	bin/shoal

sim: setup ## many simulated worlds (SEEDS=2000)
	SEEDS=$(SEEDS) SHOAL_SIM_LARGE=1 CGO_ENABLED=0 go test -count=1 -timeout 8h -v ./internal/sim

model: setup ## every history of few replicas, names and acts, against an oracle (half an hour)
	SHOAL_MODEL_LARGE=1 CGO_ENABLED=0 go test -count=1 -timeout 2h -v \
		-run 'TestEveryHistory|TestEveryStory' ./sync/merge ./internal/sim

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

bench: setup ## benchmarks; BASE=main compares with that branch
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

package: man ## archives of the headless program for each system, in bin/package
	@for platform in $(PLATFORMS); do \
		os=$${platform%/*}; arch=$${platform#*/}; \
		name=shoal-$(VERSION)-$$os-$$arch; dir=bin/package/$$name; \
		exe=shoal; [ $$os = windows ] && exe=shoal.exe; \
		echo "$$name"; mkdir -p $$dir && \
		GOOS=$$os GOARCH=$$arch $(GOBUILD) -o $$dir/$$exe ./app/shoal && \
		cp bin/shoal.1 LICENSE README.md CHANGELOG.md packaging/*.service packaging/*.plist $$dir/ && \
		tar -C bin/package -czf $$dir.tar.gz $$name && rm -r $$dir || exit 1; \
	done

clean: ## remove what was built here
	rm -rf bin .cache/base

setup:
	@internal/tools/setup

setup-race:
	@internal/tools/setup race
