"""How far two trainings differ: measured from records made twice, and added where a study has one seed."""

import numpy as np
import pandas as pd
import pytest

from hpe_study.config import NetworkConfig
from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile
from hpe_study.report import contrasts
from hpe_study.report.contrasts import Ours
from hpe_study.report.noise import repeated, training_noise
from hpe_study.report.results import Results
from hpe_study.study import Run


def table(code, values):
    same = {"test_set": "h36m", "scorer": "model", "metric": "mpjpe", "protocol": "study", "code": code}
    return pd.DataFrame(
        [
            {"run": f"run{number}", "hash": f"h{number}", "value": value, **same}
            for number, value in enumerate(values)
        ]
    )


def test_two_trainings_that_differ_by_a_percent():
    """log ratios of +1 % and −1 %: each training's own share is 1 % / √2."""
    old = table("a", [100.0, 200.0, 300.0])
    new = table("b", [100.0 * np.exp(0.01), 200.0 * np.exp(-0.01), 1.0])
    new.loc[2, "hash"] = "other parameters"
    (row,) = repeated(old, new).to_dict("records")
    assert row == {
        "test_set": "h36m",
        "relative_sd": pytest.approx(0.01 / np.sqrt(2)),
        "pairs": 2,
        "codes": "a and b",
    }
    with pytest.raises(StudyError, match="no run of equal parameters"):
        repeated(old, old)


def test_only_the_network_that_was_trained_twice_is_known():
    demo = read_profile("params/demo.yaml").network
    known = training_noise(demo)
    assert set(known) == {"h36m", "mpi_inf_3dhp", "occlusion_person"}
    assert all(0 < share < 0.1 for share in known.values())
    assert training_noise(demo.model_copy(update={"width": 24})) == training_noise(NetworkConfig()) == {}


def test_one_seed_gets_it_and_several_do_not(results, monkeypatch):
    monkeypatch.setattr(contrasts, "training_noise", lambda network: {"h36m": 0.05})
    one = Results(results.study)
    one.runs = one.runs[one.runs["seed"] == 0]
    pair = [(Run(3, "mpii", "h36m", "h36m"), Run(3, "flic", "h36m", "h36m"), "h36m")]
    plain, noisy = Ours(one), Ours(one)
    plain.noise = {}
    before, after = (world.difference("", pair) for world in (plain, noisy))
    values = [one.of(run, "h36m")["value"].item() for run in pair[0][:2]]
    added = 1.96 * 0.05 * np.hypot(*values)
    assert after.value == before.value
    assert (after.high - after.low) / 2 == pytest.approx(
        np.hypot((before.high - before.low) / 2, added), rel=0.1
    )
    assert Ours(results).noise == {}
