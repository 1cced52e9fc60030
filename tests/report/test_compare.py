"""The comparison of two sets of parameters: paired on the same people, the same in table, figure and sentence."""

import numpy as np

from hpe_study.evaluation.bootstrap import estimate
from hpe_study.report.compare import compare
from tests.tiny_study import RUN


def test_a_and_b_are_compared_on_the_same_people(own_tiny_study):
    b = {"stage3": {"learning_rate": 3e-3}}
    comparison = compare(own_tiny_study, RUN, {}, b, device="cpu")
    row = comparison.table.set_index("metric").loc["mpjpe"]
    a_values, b_values = comparison.errors.values["mpjpe"]
    np.testing.assert_allclose(row["B − A"], np.nanmean(b_values) - np.nanmean(a_values), rtol=1e-6)
    assert row["low"] <= row["B − A"] <= row["high"]
    assert estimate(b_values - a_values, comparison.errors.units)["n"] == row["people"] == 12
    said = comparison.sentence().data
    assert "simulated people" in said
    assert "PA-MPJPE" in said
    assert "another seed moves" in said
    assert "simulated" in comparison.figure().get_suptitle()
    assert (
        "stage3.learning_rate = 0.003" in comparison.figure().axes[0].get_legend().get_texts()[1].get_text()
    )
