"""The audit: every switch is asked about, its trials share what no switch touches, and its verdicts say what
an interval allows."""

import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from hpe_study import published_defects
from hpe_study.evaluation.rescore import protocol_spread, rescore
from hpe_study.parameter_files import read_profile
from hpe_study.report import audit as page
from hpe_study.report.claims import CLAIMS
from hpe_study.report.contrasts import CONTRADICTS, SUPPORTS, Evidence
from hpe_study.report.display import tidy
from hpe_study.report.intervals import DRAWS, Sample
from hpe_study.report.style import set_title
from hpe_study.study import Run, Study, audit
from hpe_study.study.audit import ALL, NONE, Trial, acts_on, simplest, trials
from hpe_study.study.notebooks import execute_notebook
from hpe_study.utils.tables import save_table
from tests.tiny_study import RUN


@pytest.fixture(scope="module")
def profile():
    return read_profile("params/audit.yaml")


def test_every_switch_is_measured():
    assert {measure.switch for measure in audit.MEASURES} == set(published_defects.NAMES)
    assert all(measure.number in page.NUMBERS and measure.published for measure in audit.MEASURES)


def test_a_switch_acts_where_it_can_and_nowhere_else():
    stage1, fusion, only_3d = Run(1, "flic"), Run(2, "flic", "mpi_inf_3dhp"), Run(2, None, "h36m")
    assert acts_on("flic_off_by_one", stage1)
    assert acts_on("first_n_3d", fusion)
    assert acts_on("mispaired_images", fusion)
    assert acts_on("stage3_from_best", only_3d)
    assert not any(
        acts_on(name, only_3d)
        for name in ("flic_off_by_one", "first_n_3d", "mispaired_images", "missing_joints_in_geometry")
    )
    assert not any(
        acts_on(name, fusion)
        for name in ("fixed_bone_sum", "crop_pck", "all_test_frames", "stage3_from_best")
    )
    assert simplest(Trial(stage1, ("first_n_3d",))) == Trial(stage1, NONE)


def test_trials_come_once_and_parents_first(profile):
    wanted = trials(profile)
    assert len(set(wanted)) == len(wanted)
    for number, trial in enumerate(wanted):
        if trial.run.parent:
            assert simplest(Trial(trial.run.parent, trial.switches)) in wanted[:number]
    corrected = [trial for trial in wanted if trial.switches == NONE and trial.run == Run(1, "flic")]
    assert len(corrected) == 1  # shared by every trial that begins with it


def test_switches_have_folders_of_their_own(profile):
    study = Study("params/audit.yaml")
    folders = {study.with_legacy(trial.switches).run_folder(trial.run) for trial in trials(profile)}
    assert len(folders) == len(trials(profile))
    assert study.with_legacy(ALL).folder.name == "all"


def change(value, half=3.0):
    return Sample(
        float(value), value + half / 2 * np.random.default_rng(0).standard_normal(DRAWS), np.array([value])
    )


@pytest.mark.parametrize(
    ("value", "expected", "verdict"),
    [
        (5, audit.UP, "reproduced"),
        (-5, audit.UP, "the other way"),
        (-5, audit.DOWN, "reproduced"),
        (1, audit.UP, "can't tell"),
        (1, audit.NOTHING, "nothing seen, as expected"),
        (5, audit.ANY, "moves the number"),
        (-5, audit.ANY, "moves the number"),
    ],
)
def test_the_verdict_on_a_direction(value, expected, verdict):
    assert page.direction(change(value), expected) == verdict


def test_no_spread_cannot_tell():
    assert page.direction(Sample.exactly(5), audit.UP) == "can't tell"
    assert page.size(Sample.exactly(5), 32) == "can't tell"


def test_the_verdict_on_a_size():
    assert page.size(change(20), 32).startswith("like (+20")
    assert page.size(change(5), 32).startswith("smaller")
    assert page.size(change(100), 32).startswith("larger")
    assert page.size(change(-20), 32).startswith("other way")
    assert page.size(change(1), 32) == "can't tell"
    assert page.size(change(5), None) == "–"


class Known(Evidence):
    """MPJPE of each run of the audit, with a spread of its own of 1 mm."""

    def __init__(self, **errors):
        self.errors = errors

    def seeds(self, run):
        return {0} if run in audit.stack_runs(0) else set()

    def sample(self, run, on, seeds):
        value = self.errors.get(run.two_d or "only", 150.0) + 20 * (run.target == "occlusion_person")
        random = np.random.default_rng([len(run.name), len(on), int(value)])
        return Sample(value, value + random.standard_normal(DRAWS), np.array([value]))


def test_claims_are_those_of_the_ledger_on_the_cells_that_the_audit_trains():
    at_hand = page.claims_at_hand()
    statements = [claim.statement for claim in CLAIMS]
    assert {claim.statement for claim in at_hand} < set(statements)
    assert len(at_hand) >= 4
    trained = set(audit.stack_runs(0))
    for claim in at_hand:
        whole = CLAIMS[statements.index(claim.statement)]
        for part in claim.parts:
            assert any(
                set(part.pairs) <= set(other.pairs) and part.inside == other.inside for other in whole.parts
            )
            assert {term.runs[0] for pair in part.pairs for term in pair} <= trained


def test_the_stack_says_what_the_switches_turn():
    table = page.claims_table(Known(mpii=64, lsp=73, flic=60), Known(mpii=64, lsp=73, flic=96))
    larger = table.loc["The larger the 2D set, the better: MPII, LSP, FLIC."].loc["LSP − FLIC on H36M"]
    assert larger["ours: corrected, value"] == pytest.approx(13)
    assert (larger["ours: corrected, says"], larger["ours: all switches, says"]) == (CONTRADICTS, SUPPORTS)
    assert larger["published, value"] == pytest.approx(73.63 - 96.81)


def test_a_size_is_given_only_where_the_same_number_is_printed():
    """Arms found on FLIC's true labels are another number than the paper's 2D score on the labels as it read
    them."""
    assert {measure.size for measure in audit.MEASURES if measure.number == "flic pck"} == {None}


def test_labels_as_read_go_by_the_sets_own_name():
    assert set_title("mpi_inf_3dhp as read") == "MPI-INF-3DHP as read"
    assert set_title("h36m") == "H36M"


def test_aligned_numbers_are_smaller_and_what_is_not_scored_says_why(tiny_study):
    rows = rescore([tiny_study.folder / RUN])
    plain, aligned = (protocol_spread(rows, metric) for metric in ("mpjpe", "pa_mpjpe"))
    assert (aligned["study"] < plain["study"]).all()
    scores = plain.drop(columns="spread")
    assert (plain["spread"] == scores.max(axis=1) - scores.min(axis=1)).all()
    lacking = rows[rows["value"].isna()]
    assert "h36m-s9s11" in set(lacking["protocol"])
    assert lacking["note"].notna().all()


def test_all_is_every_switch():
    assert audit.ALL == published_defects.NAMES


def test_the_notebook_opens_on_published_tables_and_trains_nothing(tmp_path):
    """Formats are those that the notebook itself writes; nothing of the study's own is there."""
    project, published = Path(__file__).resolve().parents[2], tmp_path / "figures" / "reference" / "audit"
    claims = "figures/reference/claims.csv"
    for name in ("notebooks/audit.ipynb", "params/audit.yaml", "params/demo.yaml", claims):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project / name, tmp_path / name)
    published.mkdir(parents=True)
    columns = ["ours: off", "ours: change", "seeds", "simulated"]
    switches = pd.DataFrame(
        {"switch": ["tight_lsp_crop"], "number": ["PCKh"], "ours: direction": ["reproduced"]}
    )
    switches = switches.assign(**dict.fromkeys(columns, 1)).set_index(["switch", "number"])
    save_table(switches, published / "audit_switches.csv")
    known = [Known(mpii=64, lsp=73, flic=flic) for flic in (60, 96)]
    save_table(page.claims_table(*known), published / "audit_stack.csv")
    floors = pd.DataFrame(
        {"protocol": ["study"], "test_set": ["h36m"], "kind": ["true pose"], "floor": [10.0]}
    )
    floors = floors.pivot(index="protocol", columns=["test_set", "kind"], values="floor")
    tidy(floors).to_csv(published / "oracle_floors.csv", index=False)
    keys = {"run": ["stage3-mpii-h36m-h36m-seed0"], "legacy": [""], "test_set": ["h36m"]}
    rows = pd.DataFrame(keys | {"metric": "mpjpe", "protocol": "study", "value": 100.0})
    for name in ("audit_protocols", "audit_protocols_aligned"):
        tidy(protocol_spread(rows)).to_csv(published / f"{name}.csv", index=False)
    for name in ("audit_crops_lsp", "audit_crops_flic", "audit_pairs"):
        plt.imsave(published / f"{name}.png", np.zeros((5, 9, 3)))
    executed = execute_notebook(tmp_path / "notebooks" / "audit.ipynb", tmp_path / "out.ipynb", {})
    text = executed.read_text()
    assert "1 of 1 switches leave a trace" in text
    assert text.count('"image/jpeg"') == 3
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "figures" / "audit").exists()
