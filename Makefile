# Freshet: `make demo` runs the whole warehouse on this machine, `make test` runs all tests. `make help` lists every target.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

MODULES := pkg ods dwd dim dm platform
CACHE   ?= $(HOME)/.cache/freshet
CHDB    := $(CACHE)/chdb
export FRESHET_CHDB_LIB ?= $(CHDB)/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
export CGO_ENABLED ?= 0
GO      ?= go
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/freshet-dw/freshet/pkg/layer.Version=$(VERSION)
BIN     := bin
APT     := $(if $(filter 0,$(shell id -u)),,sudo) env DEBIAN_FRONTEND=noninteractive apt-get

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-zA-Z_-]*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## ---- what a new machine needs -------------------------------------------------------------------------------

.PHONY: tools-present
tools-present:
	@command -v $(GO) >/dev/null || { echo "Go is missing: install Go 1.26 or newer, see https://go.dev/doc/install" >&2; exit 1; }
	@$(GO) version | awk '{split(substr($$3,3),v,"."); if (v[1]<1 || v[1]==1 && v[2]<26) {print "Go 1.26 or newer is needed, this is " $$3 ": see https://go.dev/doc/install" >"/dev/stderr"; exit 1}}'
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is missing: $(APT) install -y nodejs npm" >&2; exit 1; }
	@node -e 'if (+process.versions.node.split(".")[0] < 20) { console.error("Node.js 20 or newer is needed, this is " + process.version); process.exit(1) }'

.PHONY: mariadb
mariadb: ## install MariaDB's server from the system's packages if there is none
	@if ! command -v mariadbd >/dev/null && ! command -v mysqld >/dev/null && [ ! -x /usr/sbin/mariadbd ] && [ ! -x /usr/sbin/mysqld ]; then \
	  echo "install mariadb-server"; $(APT) update -q >/dev/null || true; \
	  $(APT) install -y -q --no-install-recommends mariadb-server >$(or $(TMPDIR),/tmp)/freshet-apt.log 2>&1 || { \
	    tail -5 $(or $(TMPDIR),/tmp)/freshet-apt.log; echo "MariaDB could not be installed; run: $(APT) install -y mariadb-server" >&2; exit 1; }; fi

$(CHDB)/.installed: platform/embed/clickhouse/npm/package.json platform/embed/clickhouse/npm/package-lock.json
	@mkdir -p $(CHDB) && cp $^ $(CHDB)/ && echo "install chDB (once, 170 MB)" && npm ci --silent --no-audit --no-fund --prefix $(CHDB) && touch $@

.PHONY: chdb
chdb: tools-present $(CHDB)/.installed ## install chDB, the embedded ClickHouse engine

UI := platform/ui
$(UI)/node_modules/.package-lock.json: $(UI)/package.json $(UI)/package-lock.json
	@echo "install the web page's packages" && npm ci --silent --no-audit --no-fund --prefix $(UI) && touch $@
$(UI)/dist/index.html: $(UI)/node_modules/.package-lock.json $(shell find $(UI)/src $(UI)/public $(UI)/index.html $(UI)/*.ts -type f 2>/dev/null)
	@npm run --silent --prefix $(UI) build

.PHONY: ui
ui: tools-present $(UI)/dist/index.html ## build the web page

## ---- build, run ----------------------------------------------------------------------------------------------

.PHONY: build
build: tools-present ui ## build bin/freshet and one binary per layer
	@mkdir -p $(BIN)
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/freshet ./platform/cmd/freshet

.PHONY: layers
layers: tools-present
	@mkdir -p $(BIN)
	@for m in ods dwd dim dm; do $(GO) build -trimpath -o $(BIN)/$$m ./$$m/cmd/$$m; done

.PHONY: deps
deps: tools-present mariadb chdb

.PHONY: demo
demo: deps build ## run the demo warehouse: a shop, its traffic and the big screen
	@exec $(BIN)/freshet demo $(ARGS)

.PHONY: up
up: deps build ## run the embedded stores only
	@exec $(BIN)/freshet up $(ARGS)

## ---- tests ---------------------------------------------------------------------------------------------------

# The end-to-end tests' size: full (20,000 orders, 1,000,000 page views), small or tiny.
export FRESHET_E2E ?= full

.PHONY: test
test: deps build layers ## run all tests on the embedded stores
	@failed=; for m in $(MODULES); do echo "== $$m"; (cd $$m && $(GO) test -timeout 12m ./...) || failed="$$failed $$m"; done; [ -z "$$failed" ] || { echo "tests failed in$$failed" >&2; exit 1; }

.PHONY: itest
itest: deps build ## run the conformance and end-to-end suites on real servers (Kafka, HBase, MariaDB, MySQL, Redis)
	@command -v java >/dev/null || $(APT) install -y -q openjdk-17-jre-headless
	@command -v mvn >/dev/null || $(APT) install -y -q maven
	@command -v redis-server >/dev/null || $(APT) install -y -q redis-server
	@ldconfig -p | grep -q 'libaio\.so\.1 ' || $(APT) install -y -q libaio1 libnuma1
	@cd platform && $(GO) test -tags itest -timeout 25m -count=1 -run 'Real|StartAll' ./e2e/...

.PHONY: oracle
oracle: tools-present ## run the SQL cases on Apache Flink and compare; CASES=part of a name, REWRITE=1 fills in empty answers
	@command -v javac >/dev/null || $(APT) install -y -q openjdk-17-jdk-headless
	@command -v mvn >/dev/null || $(APT) install -y -q maven
	@cd pkg && FRESHET_ORACLE_CACHE=$(CACHE)/oracle $(GO) test -tags oracle -timeout 40m -count=1 -parallel 3 -run 'TestOracle/$(CASES)' ./testkit/oracle/ $(if $(REWRITE),-rewrite)

RACE := ./pkg/service/... ./pkg/engine/exec/... ./pkg/engine/operator/... ./pkg/connector/...

.PHONY: race
race: deps ## run the race subset: what shares memory between goroutines
	@CGO_ENABLED=1 $(GO) test -race -short -timeout 12m $(RACE)

.PHONY: bench
bench: ## run the micro-benchmarks
	@for m in $(MODULES); do (cd $$m && $(GO) test -run '^$$' -bench . -benchtime 200ms ./...); done

## ---- checks --------------------------------------------------------------------------------------------------

.PHONY: fmt
fmt: ## format all Go code
	@gofmt -w $(MODULES)

$(BIN)/staticcheck: platform/tools/go.mod
	@mkdir -p $(BIN) && GOWORK=off $(GO) build -C platform/tools -o $(CURDIR)/$@ honnef.co/go/tools/cmd/staticcheck

.PHONY: lint
lint: tools-present $(BIN)/staticcheck ## gofmt, go vet and staticcheck
	@bad=$$(gofmt -l $(MODULES)); if [ -n "$$bad" ]; then echo "not formatted, run make fmt:"; echo "$$bad"; exit 1; fi
	@for m in $(MODULES); do (cd $$m && $(GO) vet ./... && $(CURDIR)/$(BIN)/staticcheck ./...); done

.PHONY: generate
generate: ## write all generated files (reference pages, gRPC code)
	@GOWORK=off $(GO) run -C platform/tools ./protogen ../.. dim/proto/dim.proto
	@$(GO) run ./platform/cmd/freshet docs --out docs/reference

.PHONY: generated
generated: ## fail when a generated file is out of date
	@$(MAKE) --no-print-directory generate && git diff --exit-code -- docs/reference dim/proto || { echo "generated files are out of date, run make generate" >&2; exit 1; }

.PHONY: isolated
isolated: tools-present ## build each module alone, without the workspace
	@for m in $(MODULES); do (cd $$m && GOWORK=off $(GO) build ./... && GOWORK=off $(GO) vet ./... ); done

.PHONY: clean
clean: ## remove what was built (not the downloads in $(CACHE))
	@rm -rf $(BIN) $(UI)/dist $(UI)/node_modules
