# What a newcomer and CI type. `make` alone explains; docs/deployment.md tells the rest.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help up demo ask status logs keys plan preview rollback down destroy
.PHONY: test test-fast test-cloud test-kubernetes test-image lint format bench engine image clean

PY := .venv/bin/python
STACK ?= local
# Which packages a stack needs is told by its target: a stack on one cloud never pays for another's SDK.
# YAML takes the key and its value with quotes and without; the shell's own are kept apart from them.
CLOUD_LINE := s/^ *["']*rag:cloud["']* *: *["']*\([a-z]*\).*/\1/p
CLOUD = $(or $(firstword $(shell sed -n "$(subst ",\",$(CLOUD_LINE))" 'Pulumi.$(STACK).yaml' 2>/dev/null)),local)
# Options for Pulumi itself: without a terminal, `make up STACK=prod ARGS=--yes` deploys without the question.
PASSED_ON = $(if $(ARGS),-- $(ARGS))
SOURCES := $(wildcard __main__.py stacks components app alembic policy tools tests bench gunicorn_conf.py)
# uv lands in .tools when PATH has none that is new enough; the programs below find it there.
export PATH := $(CURDIR)/.tools/uv/bin:$(PATH)
# Some containers set it; without bytecode every start would compile the clouds' SDKs anew (8 s instead of 1 s).
unexport PYTHONDONTWRITEBYTECODE

# These look at this machine alone. With the name of another stack they would look at, or stop, the wrong one.
INSTEAD_OF_demo = Elsewhere: .venv/bin/python -m tools.demo --url URL --key-file FILE (make demo first, for its packages)
INSTEAD_OF_ask = Elsewhere: .venv/bin/python -m tools.ask --url URL --key-file FILE -- QUESTION
INSTEAD_OF_status = Elsewhere: pulumi stack output --stack $(STACK), whose url and release tell it
INSTEAD_OF_logs = Elsewhere: the output logs of pulumi stack output --stack $(STACK), or kubectl logs
INSTEAD_OF_keys = Elsewhere: the output api_key is the command that shows the first key
INSTEAD_OF_down = Elsewhere nothing is stopped: lower rag:replicas in Pulumi.$(STACK).yaml, or make destroy STACK=$(STACK)
ifneq ($(STACK),local)
$(foreach target,$(filter demo ask status logs keys down,$(MAKECMDGOALS)),$(error \
  `make $(target)` is about the stack of this machine, so with STACK=$(STACK) nothing was done. $(INSTEAD_OF_$(target))))
endif

help: ## Show this list
	@echo "make up       sets everything up on this machine; make test proves it. All commands:"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s%s\n", $$1, $$2 }'

up: .venv/.synced-$(CLOUD) ## Deploy the whole service on this machine, or elsewhere with STACK=... (the first time: a few minutes)
	@$(PY) -m tools.stack up --stack '$(STACK)' $(PASSED_ON)

demo: .venv/.synced-demo ## Upload documents to the running service and ask three questions
	@$(PY) -m tools.demo

ask: .venv/.synced-demo ## Ask the running service: make ask Q="How do I roll back?"
	@if [ -z "$$Q" ]; then echo 'Write the question: make ask Q="How do I roll back?"' >&2; exit 2; fi
	@$(PY) -m tools.ask -- "$$Q"

status: .venv/.synced-local ## Show which processes run, their release and their address
	@$(PY) -m tools.operate status

logs: .venv/.synced-local ## Show the end of every process's log
	@$(PY) -m tools.operate logs

plan: .venv/.synced-$(CLOUD) ## Show what a stack would create, without an account, a cluster or a download: STACK=...
	@$(PY) -m tools.plan --stack '$(STACK)'

preview: .venv/.synced-$(CLOUD) ## Show what `make up` would change, here or with STACK=...
	@$(PY) -m tools.stack preview --stack '$(STACK)' $(PASSED_ON)

rollback: .venv/.synced-$(CLOUD) ## Go back to the release before, or to TO=..., here or with STACK=...
	@$(PY) -m tools.stack rollback --stack '$(STACK)' $(if $(TO),--to "$$TO") $(PASSED_ON)

keys: .venv/.synced-local ## API keys: make keys ARGS="create --tenant acme --label laptop" (or list, revoke)
	@$(PY) -m tools.operate keys $(ARGS)

down: .venv/.synced-local ## Stop every process; all data stays
	@$(PY) -m tools.operate down

destroy: .venv/.synced-$(CLOUD) ## Remove the service and ALL its data, here or with STACK=...
	@$(PY) -m tools.stack destroy --stack '$(STACK)' $(PASSED_ON)

# Two runs: most tests wait for something, so three at a time on two processors; a steady load needs the machine alone.
test: .venv/.synced-dev engine ## Run the tests of everything but what the next commands add (up to 10 min)
	@.venv/bin/pytest -q -n 3 --dist worksteal -m "not alone and not cloud and not image and not kubernetes"; first=$$?; \
	.venv/bin/pytest -q -m alone; second=$$?; exit $$((first != 0 ? first : second))

test-fast: .venv/.synced-dev ## Run the tests that need neither the engine nor long-running processes
	@.venv/bin/pytest -m "not engine and not integration and not image and not kubernetes"

test-cloud: .venv/.synced-dev engine ## Run what takes long of stacks on clouds, against doubles: changes of a live stack (5 min)
	@.venv/bin/pytest -q -n 3 --dist worksteal -m cloud

test-kubernetes: .venv/.synced-dev engine ## Run the Kubernetes tests, most against a real API server (15 min; builds it once: 20 min)
	@$(PY) -m tests.kubernetes.build >/dev/null
	@.venv/bin/pytest -q -n 2 --dist worksteal -m kubernetes tests/engine tests/judges; first=$$?; \
	.venv/bin/pytest -q -m kubernetes tests/kubernetes; second=$$?; exit $$((first != 0 ? first : second))

lint: .venv/.synced-dev ## Check style, types and the lock file
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/pyright --warnings
	@uv lock --check --quiet || { echo "uv.lock does not fit pyproject.toml: run 'uv lock' and commit both." >&2; exit 1; }

format: .venv/.synced-dev ## Format the code and repair what can be repaired
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format .

bench: .venv/.synced-dev engine ## Measure /v1/query over 50,000 chunks, and a preview (about 5 min, on this machine alone)
	@$(PY) -m bench.query
	@$(PY) -m bench.preview

engine: .venv/.synced-local ## Get Pulumi alone (the first time up to 7 min, when it must be built)
	@$(PY) -m tools.pulumi_cli >/dev/null

image: ## Build the container image rag:dev (BASE_IMAGE, PLATFORM and TAG may be set)
	@sh tools/image.sh

test-image: .venv/.synced-dev ## Build the image and run it on a container engine (2 to 4 min); or run IMAGE=...
	@.venv/bin/pytest -q -m image tests/image

clean: ## Remove caches and the environment; never .local, which holds your data
	@rm -rf .venv .tools .pytest_cache .ruff_cache .hypothesis .schemathesis
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each dependency group: nothing is installed again while lock and list stay the same.
.venv/.synced-%: pyproject.toml uv.lock tools/sync.sh
	@sh tools/sync.sh $*
	@touch $@
