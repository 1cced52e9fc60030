"""The audit: every switch is asked about, its trials share what no switch touches, and its verdicts say what
an interval allows."""

import re

import numpy as np
import pandas as pd
import pytest

from hpe_study import published_defects
from hpe_study.evaluation.rescore import rescore
from hpe_study.parameter_files import read_profile
from hpe_study.report import audit as page
from hpe_study.report import audit_pictures, contrasts
from hpe_study.report import audit_stack as stack
from hpe_study.report.intervals import interval
from hpe_study.report.protocols import protocol_table
from hpe_study.report.style import set_title
from hpe_study.report.table import OURS, PUBLISHED
from hpe_study.study import Run, Study, audit, audit_measures
from hpe_study.study.audit import ALL, NONE, Trial, acts_on, simplest, trials
from tests.tiny_study import RUN


@pytest.fixture(scope="module")
def profile():
    return read_profile("params/audit.yaml")


def test_every_switch_is_measured():
    assert {measure.switch for measure in audit_measures.MEASURES} == set(published_defects.NAMES)
    assert all(measure.number in page.NUMBERS and measure.published for measure in audit_measures.MEASURES)


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


@pytest.mark.parametrize(
    ("change", "low", "high", "expected", "verdict"),
    [
        (5, 2, 8, audit_measures.UP, "reproduced"),
        (-5, -8, -2, audit_measures.UP, "the other way"),
        (-5, -8, -2, audit_measures.DOWN, "reproduced"),
        (1, -2, 4, audit_measures.UP, "can't tell"),
        (1, -2, 4, audit_measures.NOTHING, "nothing seen, as expected"),
        (5, 2, 8, audit_measures.ANY, "moves the number"),
        (5, np.nan, np.nan, audit_measures.UP, "can't tell (no spread known)"),
    ],
)
def test_the_verdict_on_a_direction(change, low, high, expected, verdict):
    assert page.direction(change, low, high, expected) == verdict


def test_the_verdict_on_a_size():
    assert page.size(20, 15, 25, 32).startswith("like (+20")
    assert page.size(5, 2, 8, 32).startswith("smaller")
    assert page.size(100, 80, 120, 32).startswith("larger")
    assert page.size(-20, -25, -15, 32).startswith("other way")
    assert page.size(5, -2, 12, 32) == "can't tell"
    assert page.size(5, np.nan, np.nan, 32) == "can't tell"
    assert page.size(5, 2, 8, None) == "–"


def test_the_sentence_counts_switches_not_lines():
    table = pd.DataFrame(
        {"direction": ["reproduced", "can't tell", "can't tell"]},
        index=pd.MultiIndex.from_tuples(
            [("crop_pck", "a"), ("crop_pck", "b"), ("first_n_3d", "c")], names=["switch", "number"]
        ),
    )
    assert page.sentence(table, (0, 1)).startswith("1 of 2 switches leave a trace")
    assert page.sentence(table, (0,)).endswith("for: first_n_3d.")
    assert "one seed" in page.sentence(table, (0,))


def lines():
    """What `switch_table` gives, made up."""
    line = {
        "switch": "crop_pck",
        "number": "2D score",
        "unit": "%",
        "off": 60.0,
        "on": 50.0,
        "change": -10.0,
        "low": -12.0,
        "high": -8.0,
    }
    words = {
        "expected": audit_measures.ANY,
        "direction": "moves the number",
        "published": "all 2D columns",
        "size": "–",
    }
    return pd.DataFrame([line | words]).set_index(["switch", "number"])


def test_the_defect_table_keeps_its_text_in_all_three_files(tmp_path):
    study = Study("params/audit.yaml")
    page.as_table(lines(), study).save(tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".html", ".tex"]
    row = pd.read_csv(tmp_path / "audit_switches.csv").iloc[0]
    assert (row["ours: change"], row["ours: change [low]"], row["ours: change [high]"]) == (
        -10.0,
        -12.0,
        -8.0,
    )
    assert row["ours: off [seeds]"] == len(study.profile.seeds)
    assert row["ours: direction"] == "moves the number"
    assert row["published: anomaly"] == "all 2D columns"
    for kind in ("html", "tex"):
        text = (tmp_path / f"audit_switches.{kind}").read_text()
        assert "simulated people" in text
        assert "moves the number" in text
    page_text = (tmp_path / "audit_switches.html").read_text()
    for kind in ("tbody td", "th.col_heading.level2"):  # as strong a rule as that of all cells
        assert re.search(
            rf"#T_audit_switches {re.escape(kind)}\.col3 {{\s+white-space: normal;\s+text-align: left",
            page_text,
        )


class Known(contrasts.World):
    """MPJPE of each run with the same spread; pairs share nothing, so an interval is some 5 mm wide."""

    simulated = True

    def __init__(self, **errors):
        self.errors = errors

    def score(self, run, test_set):
        value = self.errors[f"{run.two_d}_{run.three_d}"]
        spread = np.random.default_rng([len(run.name), int(value)]).normal(0, 1, 1000)
        return value, value + spread, True

    def bounds(self, value, draws):
        return interval(draws)


def test_the_stack_says_which_conclusions_survive(tmp_path):
    paper = Known(flic_h36m=96, lsp_h36m=73, mpii_h36m=64, mpii_occlusion_person=158, None_h36m=137)
    other = Known(flic_h36m=60, lsp_h36m=73, mpii_h36m=64, mpii_occlusion_person=64.1, None_h36m=137)
    worlds = {"corrected": (OURS, stack.told_by(other), 1), "all switches": (OURS, stack.told_by(paper), 1)}
    table = stack.table_of(worlds | {"printed": (PUBLISHED, stack.told_by(contrasts.Printed()), 2)}, True)
    csv = table.save(tmp_path).tidy().drop_duplicates("conclusion").set_index("conclusion")
    assert csv["ours: all switches, conclusion"].tolist() == [contrasts.HOLDS] * 3
    assert csv["published: printed, conclusion"].tolist() == [contrasts.HOLDS] * 3
    assert csv["ours: corrected, conclusion"].tolist() == [
        contrasts.FAILS,
        contrasts.HOLDS,
        contrasts.UNKNOWN,
    ]
    assert csv["ours: corrected, difference"].tolist() == pytest.approx([-13, 73, 0.1])
    assert (
        "“FLIC is the worst 2D set”: corrected, does not hold, all switches, holds"
        in stack.sentence(table).data
    )


def test_printed_differences_are_the_papers():
    """Tables 1 and 2: FLIC 96.81, LSP 73.63, MPII 64.49, 3D only 137.58, Occlusion-Person 158.05 mm."""
    printed = [part.value for parts in stack.told_by(contrasts.Printed()).values() for part in parts]
    assert printed == pytest.approx([96.81 - 73.63, 96.81 - 64.49, 137.58 - 64.49, 158.05 - 64.49])


@pytest.fixture
def stick_audit(tmp_path, monkeypatch, stick_stores):
    """A study whose every store is one of stick people, as corrected and as published."""
    monkeypatch.setattr(audit_pictures, "open_store", lambda study, name, split: stick_stores["3d", split])
    return Study("params/audit.yaml")


def test_pictures_say_what_is_to_be_seen_and_become_files(stick_audit, tmp_path):
    crops = audit_pictures.crops(stick_audit, "lsp").save(tmp_path)
    pairs = audit_pictures.pairs(stick_audit).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"audit_{name}.{kind}" for name in ("crops_lsp", "pairs") for kind in ("png", "svg")
    ]
    assert "corrected: 100 % of labels inside" in crops.alt
    assert all("simulated" in picture.alt for picture in (crops, pairs))


def test_the_protocols_table_shows_the_spread_and_why_one_is_lacking(tiny_study, tmp_path):
    rows = rescore([tiny_study.folder / RUN])
    table = protocol_table(rows).save(tmp_path)
    (line,) = table.tidy().to_dict("records")
    scores = [
        value for key, value in line.items() if key.startswith("ours: under protocol") and "[" not in key
    ]
    assert line["ours: largest less smallest"] == pytest.approx(max(scores) - min(scores))
    assert any("h36m-s9s11: not scored; " in note for note in table.notes)
    assert (tmp_path / "audit_protocols.tex").exists()


def test_a_size_is_given_only_where_the_same_number_is_printed():
    """Arms found on FLIC's true labels are another number than the paper's 2D score on the labels as it read
    them."""
    assert {measure.size for measure in audit_measures.MEASURES if measure.title == audit_measures.ARMS} == {
        None
    }


def test_labels_as_read_go_by_the_sets_own_name():
    assert set_title("mpi_inf_3dhp as read") == "MPI-INF-3DHP as read"
    assert set_title("h36m") == "H36M"


def test_the_resampled_unit_is_named():
    for notes in (page.NOTES, stack.NOTES):
        assert "people, sequences and moments" in " ".join(notes)


def test_aligned_numbers_have_a_table_of_their_own(tiny_study, tmp_path):
    rows = rescore([tiny_study.folder / RUN])
    plain, aligned = protocol_table(rows).tidy(), protocol_table(rows, "pa_mpjpe").save(tmp_path).tidy()
    assert (aligned["ours: under protocol, study"] < plain["ours: under protocol, study"]).all()
    assert "Procrustes" in (tmp_path / "audit_protocols_aligned.html").read_text()


def test_all_is_every_switch():
    assert audit.ALL == published_defects.NAMES
