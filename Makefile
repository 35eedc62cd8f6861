# All commands of the project. They need Python 3.11 or newer (with pip and venv), git and make. The environments are
# .venv, from uv.lock, and one in .envs for each tool whose dependencies conflict with it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# The Python that creates the environments.
HOST_PYTHON ?= $(firstword $(foreach name,python3 python3.11 python3.12 python3.13 python3.14,\
	$(if $(shell $(name) -c 'import sys; print(sys.version_info >= (3, 11) or "")' 2>/dev/null),$(name))))
# The architecture and Python of the deployed functions.
ARCH ?= arm64
PYTHON ?= 3.13
BUILD_DIR ?= .build/$(ARCH)

# uv must use the installed Python and not download another.
export UV_PYTHON_DOWNLOADS := never
export SAM_CLI_TELEMETRY := 0
export ARCH PYTHON
# A relative path, because the checkout's path may contain a space.
BIN := .venv/bin
UV := $(BIN)/uv
ENVIRONMENTS := ministack sam checkov runtime docs audit
WITH_TOOLS := PATH="$(CURDIR)/$(BIN):$(CURDIR)/.envs/sam/bin:$$PATH"
FUNCTIONS := chat stream upload sweep ingest job durable_job
TYPED := layers/agents functions local scripts tests benchmarks

.PHONY: help
help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# --- Environments ---------------------------------------------------------------------------------------------

.venv/bin/uv:
	@test -n "$(HOST_PYTHON)" || { echo "Python 3.11 or newer is needed, and none is on the PATH." >&2; exit 1; }
	@test -x .venv/bin/python || { echo "Making .venv with $$($(HOST_PYTHON) --version) ..." >&2; $(HOST_PYTHON) -m venv .venv; }
	@echo "Installing uv into .venv ..." >&2
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r local/environments/uv.txt

# An agents' package names its own libraries.
PACKAGES := $(wildcard layers/agents/*/pyproject.toml)

.venv/.installed: uv.lock pyproject.toml $(PACKAGES) local/environments/uv.txt | .venv/bin/uv
	@echo "Installing what uv.lock names into .venv (about a minute the first time) ..." >&2
	@VIRTUAL_ENV= $(UV) sync --quiet --locked --inexact --all-packages --python .venv/bin/python || \
		{ echo "If a pyproject.toml has changed, run \`make package\`." >&2; exit 1; }
	@touch $@

.envs/%/.installed: local/environments/%.txt | .venv/.installed
	@echo "Installing what local/environments/$*.txt names into .envs/$* ..." >&2
	@test -x .envs/$*/bin/python || $(UV) venv --quiet --python .venv/bin/python .envs/$*
	@$(UV) pip sync --quiet --require-hashes --python .envs/$*/bin/python local/environments/$*.txt
	@touch $@

.PHONY: environments
environments: .venv/.installed $(ENVIRONMENTS:%=.envs/%/.installed) ## Install the environments of all other targets.

COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command "make lock"
EXPORT := $(UV) export --frozen --quiet --no-dev --no-emit-workspace --no-annotate --no-header

.PHONY: new
new: .venv/.installed ## Write an agents' package with its tests, and choose it: NAME=bookshop.
	@$(script) --name "$(NAME)"
	@$(MAKE) --silent --no-print-directory package
	@echo "Run \`make dev\`, and write: !tool keep_note {\"text\": \"buy milk\"}"

.PHONY: package
package: .venv/bin/uv ## Take over what your agents' package declares: uv.lock, requirements, deployment.yaml.
	@$(BIN)/python layers/agents/declaration.py check
	@$(UV) lock --quiet
	@$(MAKE) --silent --no-print-directory .venv/.installed
	@$(EXPORT) > layers/agents/requirements.txt
	@$(UV) export --frozen --quiet --only-group durable --prune boto3 --no-annotate --no-header \
		> functions/durable_job/requirements.txt
	@name="$$($(BIN)/python layers/agents/declaration.py package)"; \
		$(EXPORT) --package "$$name" > "layers/agents/$$name/requirements.txt"; \
		test -s "layers/agents/$$name/requirements.txt" || rm "layers/agents/$$name/requirements.txt"
	@$(BIN)/python -m local.package

.PHONY: lock
lock: package ## Do what `package` does, and update the tools' requirements.
	echo "uv==$$($(UV) --version | cut -d' ' -f2)" | $(COMPILE) - -o local/environments/uv.txt
	for name in $(ENVIRONMENTS); do $(COMPILE) local/environments/$$name.in -o local/environments/$$name.txt; done

# --- Running --------------------------------------------------------------------------------------------------

.PHONY: dev
dev: .venv/.installed .envs/ministack/.installed ## Run the whole system on this machine, with a playground page.
	@exec $(BIN)/python -m local --parent $$PPID

.PHONY: token
token: .venv/.installed ## Print a bearer token for `make dev`: USER=ann TENANT=acme ROLE=user.
	@$(BIN)/python -m local.tokens --user "$(if $(findstring command,$(origin USER)),$(USER),guest)" --tenant "$(or $(TENANT),local)" --role "$(or $(ROLE),user)"

.PHONY: sam-local
sam-local: .venv/.installed .envs/ministack/.installed .envs/sam/.installed ## Build and run `sam local start-api` (needs Docker): SAM_PORT=3000.
	@exec $(BIN)/python -m local.sam_local

.PHONY: upgrade
upgrade: .venv/.installed ## Merge a release of the platform and say what is to do: TO=v0.2.0.
	@$(script) --to "$(TO)"

# --- Checking -------------------------------------------------------------------------------------------------

.PHONY: lint
lint: .venv/.installed ## Check style with ruff, and the imports between packages with import-linter.
	@echo "Checking the style and the imports ..."
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@PYTHONPATH=layers/agents:functions/stream $(BIN)/lint-imports --no-cache --no-logo pyproject.toml \
		$$(grep -ls '^\[tool.importlinter\]' layers/agents/*/pyproject.toml || true)

.PHONY: types
types: .venv/.installed ## Check types with mypy in strict mode.
	@echo "Checking the types (a minute the first time) ..."
	@$(BIN)/mypy $(TYPED)

.PHONY: browser
browser:
	@if command -v "$${CHROMIUM:-chromium}" chromium-browser google-chrome-stable google-chrome >/dev/null; then true; \
	elif [ "$$(id -u)" = 0 ] && [ -n "$${CI:-}" ] && command -v apt-get >/dev/null; then \
		echo "Installing Debian's chromium for the browser tests ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-liberation >/dev/null; \
	else \
		echo "There is no chromium here: the browser tests are skipped. As root: apt-get install chromium fonts-liberation (or set CHROMIUM)"; \
	fi

.PHONY: test
test: environments browser lint types validate ## Check everything that CI checks: style, types, the template and all suites.
	@echo "Running the tests ..."
	@$(BIN)/pytest -n 2 --dist loadfile -m "not exhaustive"

.PHONY: bench
bench: .venv/.installed .envs/ministack/.installed ## Run the benchmarks against other systems: prints tables, writes JSON to bench-results/.
	@for name in cold streaming store turns busy served growth knowledge search page; do echo "benchmarks.$$name"; $(BIN)/python -W ignore -m benchmarks.$$name; done

.PHONY: eval
eval: .venv/.installed .envs/ministack/.installed ## Run the package's conversations with the configured provider: [RECIPE= THRESHOLD=0.9 JUDGE=model REPORT=file].
	@PYTHONPATH=layers/agents $(BIN)/python -W ignore -m scripts.evaluate

.PHONY: test-all
test-all: environments browser lint types validate ## Run all tests, including the slow ones.
	@echo "Running all tests, the long forms too ..."
	@$(BIN)/pytest -n 2 --dist loadfile

.PHONY: docs
docs: .venv/.installed .envs/docs/.installed ## Build the documentation site into .build/docs/site.
	@echo "Building the documentation into .build/docs/site ..."
	@$(BIN)/python -m scripts.docs_site .build/docs/pages .build/docs/scripts
	@NO_MKDOCS_2_WARNING=1 .envs/docs/bin/mkdocs build --strict 2>&1 | grep -v "INFO" || test "$${PIPESTATUS[0]}" = 0

.PHONY: screenshots
screenshots: environments browser ## Take the documentation's pictures anew, into docs/images.
	@SCREENSHOTS="$(CURDIR)/docs/images" $(BIN)/pytest tests/e2e/helpdesk/test_screenshots.py

# --- Building and deploying -----------------------------------------------------------------------------------

.PHONY: build
build: .venv/.installed ## Build the layer and the functions into .build/ARCH: ARCH=arm64|x86_64 PYTHON=3.13.
	@echo "Building for $(ARCH), Python $(PYTHON), into $(BUILD_DIR) ..."
	@rm -rf $(BUILD_DIR)
	@$(WITH_TOOLS) $(MAKE) --silent --no-print-directory -C layers/agents ARTIFACTS_DIR="$(abspath $(BUILD_DIR))/layer"
	@for name in $(FUNCTIONS); do \
		$(WITH_TOOLS) $(MAKE) --silent --no-print-directory -C functions/$$name \
			ARTIFACTS_DIR="$(abspath $(BUILD_DIR))/functions/$$name"; \
	done

.PHONY: sbom
sbom: build ## Build, and write the software bill of materials into .build/ARCH: ARCH=arm64|x86_64 PYTHON=3.13.
	@$(BIN)/python -m scripts.sbom "$(BUILD_DIR)"

.PHONY: audit-deps
audit-deps: .venv/.installed .envs/audit/.installed ## Look for known vulnerabilities in the locked requirements. Needs the network.
	@$(BIN)/python -m scripts.audit_deps

# Only the parameter GradualDeployment changes the output of SAM's transform. The other parameters remain in it as references
# and conditions, and cfn-lint tries all their values.
# The own stacks of agents' packages. They need not follow the advice of cfn-lint and checkov, which are for ours.
STACKS := $(wildcard layers/agents/*/stack.yaml)

.PHONY: validate
validate: .envs/sam/.installed .envs/checkov/.installed ## Check the template with SAM, cfn-lint and checkov.
	@$(BIN)/python -m local.package --check
	@echo "Checking the template (half a minute) ..."
	@$(WITH_TOOLS) sam validate --lint --region us-east-1
	@rm -rf .build/validate && mkdir -p .build/validate
	@.envs/sam/bin/python -m local.transform deployment.yaml > .build/validate/default.json 2>/dev/null
	@.envs/sam/bin/python -m local.transform deployment.yaml GradualDeployment=true > .build/validate/gradual.json 2>/dev/null
	@cp -r stacks .build/validate
	@for each in $(STACKS); do mkdir -p ".build/validate/$$(dirname $$each)" && cp $$each .build/validate/$$each; done
	@.envs/sam/bin/cfn-lint -t deployment.yaml stacks/*.yaml .build/validate/default.json .build/validate/gradual.json
	@test -z "$(STACKS)" || .envs/sam/bin/cfn-lint --ignore-checks W ES -t $(STACKS)
	@rm -rf .build/validate/layers
	@CKV_SKIP_PACKAGE_UPDATE_CHECK=TRUE .envs/checkov/bin/checkov --config-file .checkov.yaml -d .build/validate

.PHONY: wheels
wheels: .venv/.installed ## Build the platform and the streaming runtime as wheels into .build/wheels.
	@$(script)

# --- Operating a deployment -----------------------------------------------------------------------------------

# $(call flag,--origin,ORIGIN) is `--origin VALUE` if the variable ORIGIN is set.
flag = $(if $($(2)),$(1) "$($(2))")
# Runs a script so that its errors name TURN= instead of --turn.
script = MAKE_TARGET=$@ $(BIN)/python -m scripts.$@

.PHONY: smoke
smoke: .venv/.installed ## Check a deployed stack: URL=… TOKEN=… [STREAM_URL= UPLOAD_URL= CLOSED= WAF=yes ORIGIN= AUTH_HEADER= STACK=].
	@SMOKE_TOKEN="$(TOKEN)" $(script) --url "$(URL)" $(call flag,--stream-url,STREAM_URL) \
		$(call flag,--upload-url,UPLOAD_URL) $(call flag,--origin,ORIGIN) $(call flag,--auth-header,AUTH_HEADER) \
		$(call flag,--closed,CLOSED) $(call flag,--stack,STACK) $(if $(WAF),--waf)

.PHONY: show
show: .venv/.installed ## Print one turn: TURN=… [THREAD= USER= TENANT=; without them the table is scanned] [STACK= TEXTS=yes].
	@$(script) --turn "$(TURN)" $(call flag,--stack,STACK) $(if $(TEXTS),--texts) \
		$(call flag,--thread,THREAD) $(call flag,--tenant,TENANT) $(if $(findstring command,$(origin USER)),--user "$(USER)")

.PHONY: cost
cost: .venv/.installed ## Print the cost of a million turns on AWS and of alternatives: [TURNS= SECONDS= MEMORY= DELTAS=].
	@$(script) $(call flag,--turns,TURNS) $(call flag,--seconds,SECONDS) \
		$(call flag,--memory,MEMORY) $(call flag,--deltas,DELTAS)

.PHONY: user-cost
user-cost: .venv/.installed ## Print what one user can cost in an hour with the template's defaults.
	@$(BIN)/python -m scripts.user_cost

# USER must be given on the command line, because the shell sets a USER too.
whose = --tenant "$(TENANT)" --user "$(if $(findstring command,$(origin USER)),$(USER))" $(call flag,--stack,STACK)

.PHONY: export
export: .venv/.installed ## Write all data of one user to a folder: TENANT=… USER=… OUT=… [STACK=].
	@$(script) $(whose) --out "$(OUT)"

.PHONY: import
import: .venv/.installed ## Store threads of another backend for one user: FILE=… TENANT=… USER=… [FILES=… STACK=].
	@MAKE_TARGET=$@ $(BIN)/python -m scripts.import_threads --file "$(FILE)" $(whose) $(call flag,--files,FILES)

.PHONY: erase
erase: .venv/.installed ## Delete all data of one user: TENANT=… USER=… CONFIRM=… [STACK=].
	@$(script) $(whose) --confirm "$(CONFIRM)"

.PHONY: erase-tenant
erase-tenant: .venv/.installed ## Delete all data of a tenant and of its users: TENANT=… CONFIRM=… [STACK=].
	@MAKE_TARGET=$@ $(BIN)/python -m scripts.erase_tenant --tenant "$(TENANT)" --confirm "$(CONFIRM)" $(call flag,--stack,STACK)

# A tenant's documents, or with USER those of one user.
of_whom = --tenant "$(TENANT)" --user "$(if $(findstring command,$(origin USER)),$(USER))" $(call flag,--group,GROUP) \
	$(call flag,--stack,STACK)

.PHONY: documents
documents: .venv/.installed ## List the documents of a tenant: TENANT=… [USER=… GROUP=… STACK=].
	@$(script) $(of_whom)

.PHONY: add-document
add-document: .venv/.installed ## Add a document, or a new version of one: TENANT=… FILE=… [DOCUMENT=… USER=… GROUP=… DAYS= STACK=].
	@MAKE_TARGET=$@ $(BIN)/python -m scripts.documents $(of_whom) --file "$(FILE)" $(call flag,--document,DOCUMENT) \
		$(call flag,--days,DAYS)

.PHONY: remove-document
remove-document: .venv/.installed ## Remove a document: TENANT=… REMOVE=… [USER=… GROUP=… STACK=].
	@MAKE_TARGET=$@ $(BIN)/python -m scripts.documents $(of_whom) --remove "$(REMOVE)"

.PHONY: limits
limits: .venv/.installed ## Show or change limits: TENANT=… [USER=… LIMITS="turns_per_minute=5 …"|reset STACK=].
	@$(script) $(whose) --limits "$(LIMITS)"

.PHONY: stop-models
stop-models: .venv/.installed ## Stop all paid calls of a deployment within a minute: [REASON= STACK=].
	@MAKE_TARGET=$@ $(BIN)/python -m scripts.stop_models --reason "$(REASON)" $(call flag,--stack,STACK)

.PHONY: start-models
start-models: .venv/.installed ## Allow paid calls again: [REASON= STACK=].
	@MAKE_TARGET=$@ $(BIN)/python -m scripts.stop_models --start --reason "$(REASON)" $(call flag,--stack,STACK)

.PHONY: audit
audit: .venv/.installed ## Print the audit trail: [TENANT= USER= AFTER= MOST=100 STACK=]; without TENANT, the deployment's.
	@$(script) --tenant "$(TENANT)" $(if $(findstring command,$(origin USER)),--user "$(USER)") $(call flag,--after,AFTER) \
		$(call flag,--most,MOST) $(call flag,--stack,STACK)

.PHONY: live
live: .venv/.installed .envs/ministack/.installed ## Test with the real OpenAI and Gemini, with the keys from the environment or .env.
	@LIVE=1 $(BIN)/pytest tests/live
