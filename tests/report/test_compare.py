"""The comparison of two sets of parameters: paired on the same people, the same in table, figure and sentence."""

import shutil

import numpy as np
import pytest

from hpe_study.evaluation.bootstrap import estimate
from hpe_study.report.compare import compare
from hpe_study.study import Study
from tests.tiny_study import RUN


@pytest.fixture
def study(tiny_study, tmp_path):
    """A copy of the tiny study that a test may add to."""
    shutil.copytree(tiny_study.home, tmp_path / "home")
    return Study(tmp_path / "home" / "params" / "quick.yaml")


def test_a_and_b_are_compared_on_the_same_people(study):
    b = {"stage3": {"learning_rate": 3e-3}}
    comparison = compare(study, RUN, {}, b, device="cpu")
    row = comparison.table.set_index("metric").loc["mpjpe"]
    a_values, b_values = comparison.errors.values["mpjpe"]
    np.testing.assert_allclose(row["B − A"], np.nanmean(b_values) - np.nanmean(a_values), rtol=1e-6)
    assert row["low"] <= row["B − A"] <= row["high"]
    assert estimate(b_values - a_values, comparison.errors.units)["n"] == row["people"] == 12
    assert "simulated people" in comparison.sentence().data
    assert "simulated" in comparison.figure().get_suptitle()
    assert (
        "stage3.learning_rate = 0.003" in comparison.figure().axes[0].get_legend().get_texts()[1].get_text()
    )
