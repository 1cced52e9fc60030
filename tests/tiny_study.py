"""A study that is made in seconds: the quick profile with a few simulated people and an epoch a stage, in a
project folder of its own."""

import contextlib
import io
import shutil
import warnings
from pathlib import Path

import yaml

from hpe_study.study import Study
from hpe_study.study.steps import evaluated

PROJECT = Path(__file__).resolve().parents[1]
RUN, OTHER = "stage3-mpii-h36m-h36m-seed0", "stage3-only3d-h36m-h36m-seed0"
COUNTS = {"train": 20, "test": 12}


def make_tiny_study(home, runs=(RUN, OTHER), **changes):
    """The `Study`; its two stage-3 runs are trained and evaluated. changes: of the profile."""
    shutil.copytree(
        PROJECT / "notebooks", home / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
    )
    profile = yaml.safe_load((PROJECT / "params" / "quick.yaml").read_text())
    profile |= changes
    profile["sets"] = dict.fromkeys((*profile["two_d"], *profile["three_d"]), {"simulate": COUNTS})
    for stage in ("stage1", "stage2", "stage2_3d_only"):
        profile[stage] = profile[stage] | {"epochs": 1, "batch_size": 10}
    (home / "params").mkdir()
    (home / "params" / "quick.yaml").write_text(yaml.safe_dump(profile))
    study = Study(home / "params" / "quick.yaml")
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        for name in runs:
            evaluated(study, name)
    return study
