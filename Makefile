# The study's commands. Each makes .venv and installs by itself the first time, and is quick afterwards.
#   make study PROFILE=params/paper.yaml    another profile        make study CORES=1    fewer cores
#   make study CLUSTER=profiles/slurm       the steps as jobs of a cluster (install: .venv/bin/pip install -e '.[slurm]')
#   make study TORCH=cpu                    the first time, without a GPU: PyTorch without its 5 GB of CUDA, from PyTorch's own index
# The versions installed are those of constraints.txt. Newer ones: rm -r .venv; make lock LOCK=

PYTHON ?= python3
PROFILE ?= params/demo.yaml
KERNEL ?= python3
LOCK ?= constraints.txt
TORCH ?=
CORES ?=
CLUSTER ?=
SECONDS ?= 600
KILLS ?= 20
BIN := .venv/bin
READY := .venv/.installed
export PYTHONUNBUFFERED := 1

.PHONY: study test fuzz torture bench blazepose lab lint format lock kernel help
.DEFAULT_GOAL := help

study: $(READY) ## run the study: tables, figures and executed notebooks from the profile's data
	@$(BIN)/python -m hpe_study study "$(PROFILE)" --kernel "$(KERNEL)" $(if $(CORES),--cores "$(CORES)") $(if $(CLUSTER),--cluster "$(CLUSTER)")

test: $(READY) ## run the tests: package, notebooks, a tiny study from end to end
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

fuzz: $(READY) ## hostile and damaged inputs for SECONDS=600 a test, instead of a few seconds
	@FUZZ_SECONDS="$(SECONDS)" OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --timeout 0 -k "fuzz or any_text"

torture: $(READY) ## kill a small study KILLS=20 times at random moments; it must end as one that was not killed
	@$(BIN)/python -m tools.torture "$(KILLS)"

bench: $(READY) ## time the study's code against literal twins, cost against size, rendering: benchmarks/*.csv, *.png
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks

blazepose: .venv-blazepose/.installed ## install BlazePose, which Table 6 and bench put beside the study, into an environment of its own

lab: $(READY) ## open JupyterLab on the notebooks
	@$(BIN)/jupyter lab notebooks

lint: $(READY) ## check the style of code and notebooks
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

format: $(READY) ## bring code and notebooks into that style
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lock: $(READY) ## write the versions that are installed into constraints.txt
	@$(BIN)/python -m tools.lock

kernel: $(READY) ## register this environment as the Jupyter kernel "hpe_study" (then: make study KERNEL=hpe_study)
	@$(BIN)/python -m ipykernel install --user --name hpe_study --display-name "hpe_study"

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

# Its wheel is for Python 3.9 to 3.12 and asks for jax, which it runs without.
BLAZEPOSE_PYTHON ?= $(PYTHON)
.venv-blazepose/.installed:
	@$(BLAZEPOSE_PYTHON) -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))' || { echo "BlazePose needs Python 3.9 to 3.12; name one: make blazepose BLAZEPOSE_PYTHON=python3.12"; exit 1; }
	@$(BLAZEPOSE_PYTHON) -m venv .venv-blazepose
	@.venv-blazepose/bin/python -m pip install --quiet --disable-pip-version-check absl-py attrs flatbuffers matplotlib numpy opencv-python-headless 'protobuf<5'
	@.venv-blazepose/bin/python -m pip install --quiet --disable-pip-version-check --no-deps mediapipe==0.10.14
	@touch $@

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(LOCK),--constraint "$(LOCK)")

$(READY): pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 …"; exit 1; }
	@echo "installing into .venv (once; a few minutes, mostly PyTorch)"
	@$(PYTHON) -m venv .venv || { echo "the venv module is missing (Debian, Ubuntu: apt-get install python3-venv)"; exit 1; }
	@$(if $(filter cpu,$(TORCH)),$(PIP) torch torchvision --index-url https://download.pytorch.org/whl/cpu)
	@$(PIP) --editable ".[dev]"
	@touch $@
