"""One fabricated study for all tests of the report."""

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(scope="session")
def study(made_once):
    """All runs of Tables 1 to 5 with two seeds; read only."""
    from hpe_study.study import Study
    from tests.report.fabricated import fabricate

    home = made_once("fabricated", lambda folder: fabricate(folder, seeds=(0, 1)))
    return Study(home / "params" / "fabricated.yaml")


@pytest.fixture(scope="session")
def results(study):
    """Its records."""
    from hpe_study.report.results import Results

    return Results(study)


@pytest.fixture(scope="session")
def ledger(results):
    """Its ledger of claims."""
    from hpe_study.report import ledger

    return ledger.build(results)


@pytest.fixture
def without(study):
    """A function: the records without some runs, given by the beginning of their names."""
    from hpe_study.report.results import Results

    def take_away(*beginnings):
        less = Results(study)
        less.runs = less.runs[~less.runs["run"].str.startswith(beginnings)]
        less.history = less.history[~less.history["run"].str.startswith(beginnings)]
        return less

    return take_away
