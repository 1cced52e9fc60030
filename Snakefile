"""The graph of the study: raw files → stores → stage 1 → 2 → 3, each with its scores → tables and figures.

    snakemake --cores 2 --config profile=params/demo.yaml        (`make study` does this, and says what came out)

A step runs again when its files or its own parameters change, and never because another step's parameters did. What a killed run resumes
from (resume.pt, *.parts-*) and a run's weights are no outputs, so Snakemake leaves them alone. Each step is one shell command: a cluster profile
moves it to a job without a change here.
"""

import re
from shlex import quote

from hpe_study.datasets.base import SPLITS
from hpe_study.evaluation.blazepose import is_installed
from hpe_study.study import Study

study = Study(config.get("profile", "params/demo.yaml"))
PROFILE = study.profile
HOME = study.home
KERNEL = quote(str(config.get("kernel", "python3")))
RUNS = {run.name: run for run in study.runs}
FIRST = {*PROFILE.two_d[:1], *PROFILE.three_d} # what the first row of Table 1 learns from and is scored on
CORES = int(config.get("cores", 0)) or workflow.cores
BLAZEPOSE = study.blazepose if "table6" in study.analyses and is_installed(HOME) else () # beside the runs of Table 6
STEP = f"exec python -m hpe_study --parent $PPID --profile {quote(str(study.profile_path))}" # a step ends with this process


workdir: HOME


wildcard_constraints:
    name="[a-z0-9_]+",
    run="|".join(map(re.escape, RUNS)) or "none",


localrules:
    all,
    collect,
    analysis,


def analyses():
    return [study.figures / f"{name}.ipynb" for name in study.analyses]


rule all:
    input:
        analyses(),
        [*study.records, study.errors_path] if study.runs else [], # of a profile without analyses, too
        # named here too, so that a run that was deleted is made again although the tables after it still stand
        [study.run_folder(run) / name for run in study.runs for name in ("stage.ipynb", "metrics.csv", "predictions.h5")],


for data_set in sorted(study.sets):

    rule:
        name:
            f"prepare_{data_set}"
        output:
            [study.store_path(data_set, split) for split in study.splits[data_set]],
        params:
            settings=study.data_settings(data_set),
            data_set=data_set,
        priority: 2 * (data_set in FIRST) # before trainings, and these before the other 2D sets
        threads: max(1, CORES // 2) # so that trainings of what is prepared have room beside it
        shell:
            "{STEP} prepare {params.data_set:q} --workers {threads}"


def needs(run):
    """A training's inputs: its stores, and the training that it starts from."""
    names = {run.two_d, run.trained_3d} - {None}
    stores = [study.store_path(name, split) for name in sorted(names) for split in SPLITS]
    return stores + ([study.run_folder(run.parent) / "stage.ipynb"] if run.parent else [])


rule stage:
    input:
        lambda w: needs(RUNS[w.run]),
        lambda w: [study.store_path(name, "test") for name in study.test_sets(RUNS[w.run])],
    output: # without the weights: Snakemake removes a failed step's outputs, and they must outlive it
        multiext(str(study.run_folder_named("{run}")) + "/", "stage.ipynb", "metrics.csv", "predictions.h5"),
    params:
        settings=lambda w: study.stage(RUNS[w.run]).hash,
        notebook=lambda w: RUNS[w.run].notebook,
    priority: 1
    threads: lambda w: CORES if PROFILE.devices == 1 and study.is_alone(RUNS[w.run]) else PROFILE.devices
    resources:
        gpu=PROFILE.devices,
        cpus_per_task=lambda w, threads: max(threads, PROFILE.devices * (1 + PROFILE.workers)), # of a cluster's job: those that train and those that read
    shell:
        "{STEP} execute {params.notebook:q} {output[0]:q} --run {wildcards.run:q} --kernel {KERNEL} --cores {threads} --gpus {resources.gpu}"


rule collect:
    input:
        [study.run_folder(run) / "metrics.csv" for run in study.runs],
    output:
        study.records,
        study.errors_path,
    shell:
        "{STEP} collect"


if BLAZEPOSE:

    rule blazepose:
        input:
            study.records,
        output:
            BLAZEPOSE,
        shell:
            "{STEP} blazepose"


rule analysis:
    input:
        study.records if study.runs else study.profile_path,
        lambda w: HOME / "notebooks" / f"{w.name}.ipynb",
        lambda w: [path for path in analyses() if path.stem != "report"] if w.name == "report" else [],
        lambda w: BLAZEPOSE if w.name == "table6" else [],
    output:
        str(study.figures) + "/{name}.ipynb",
    shell:
        "{STEP} execute {wildcards.name:q} {output:q} --kernel {KERNEL}"
