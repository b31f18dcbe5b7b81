# What can be done with this tree; `make` alone lists it.

GO ?= go
SERVERS := mariadb mysql55 postgres postgres11 postgres17 postgres18 elasticsearch7 elasticsearch8 opensearch hbase

# reproducible and without C; the race detector alone wants C
export CGO_ENABLED = 0

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/towpath; its version is the repository's, stamped by Go
	$(GO) build -trimpath -ldflags '-s -w' -o bin/towpath ./cmd/towpath

.PHONY: quickstart
quickstart: ## build, copy a sample shop of 1,000,000 rows, pause, resume, compare: Go and sh alone
	sh tools/quickstart.sh

.PHONY: test
test: preflight lint test-unit test-servers ## everything: checks, lint, unit tests with -race, server tests one package at a time

.PHONY: preflight
preflight: ## check for everything that `make test` needs, listing what is missing
	@tools/preflight.sh $(SERVERS)

.PHONY: test-unit
test-unit: ## packages that need no server, with the race detector
	@packages=$$(tools/packages.sh unit) && CGO_ENABLED=1 $(GO) run ./tools/gotest -race -timeout 15m $$packages

.PHONY: test-servers
test-servers: ## packages that need real servers, one at a time
	@packages=$$(tools/packages.sh servers) && $(GO) run ./tools/gotest -p 1 -timeout 20m $$packages

.PHONY: lint
lint: ## gofmt, go vet, shell syntax
	@tools/lint.sh

.PHONY: generate
generate: ## write docs/reference anew
	$(GO) generate ./...

.PHONY: check-generated
check-generated: generate ## fail when docs/reference is not what the code says
	@test -z "$$(git status --porcelain -- docs/reference)" || \
		{ git --no-pager diff -- docs/reference; git status --short -- docs/reference; echo 'docs/reference is stale: make generate' >&2; exit 1; }

.PHONY: prove
prove: ## the full figures: make prove PART=NAME; without PART the parts are listed
	$(GO) run ./proofs $(if $(PART),-part '$(PART)',-list)

.PHONY: bench
bench: ## the benchmark as a table: make bench RUN=NAME,...
	$(GO) run ./bench $(if $(RUN),-run '$(RUN)')

.PHONY: servers-up
servers-up: ## start the test servers, or those of NAMES
	tools/testservers/servers.sh up $(or $(NAMES),$(SERVERS))

.PHONY: servers-down
servers-down: ## stop every test server that runs, private ones included; data and installation stay
	tools/testservers/servers.sh down

.PHONY: clean
clean: ## remove what this Makefile made inside the tree
	rm -rf bin tmp .quickstart
