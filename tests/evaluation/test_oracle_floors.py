"""What a perfect prediction scores: 0 mm where the protocol allows it, and the published scoring's floor."""

from typing import get_args

import numpy as np
import pytest

from hpe_study.config import Profile
from hpe_study.evaluation import oracle_floors
from hpe_study.evaluation.oracle_floors import floor, floors, perfect
from hpe_study.evaluation.protocols import find_protocol
from hpe_study.evaluation.scoring import fit_baselines, rows_for_set, values_of_poses, with_head
from hpe_study.report.style import EXTRA_TITLES
from hpe_study.skeletons import H36M17, MPII16, convert
from hpe_study.skeletons.bone_lengths import bone_lengths
from hpe_study.study.records import FLOOR_COLUMNS

# A person standing with arms half raised, spine and neck a little bent; mm, H36M's joints, relative to the
# pelvis. Made up.
POSE = np.array(
    [[0, 0, 0], [-130, 10, 20], [-140, 440, 60], [-150, 880, 10], [130, -10, -20], [160, 430, -90], [170, 860, 40], [10, -230, 30],
     [20, -480, 20], [25, -570, -40], [20, -680, 0], [160, -440, 40], [380, -320, 60], [560, -440, -60], [-120, -450, 0], [-310, -260, -60],
     [-420, -60, -150]], float
)  # fmt: skip


class People:
    """Labels of H36M-like people of given total bone lengths, as a store holds them."""

    def __init__(self, totals):
        random = np.random.default_rng(0)
        poses = POSE + random.normal(0, 30, (len(totals), *POSE.shape))
        poses -= poses[:, :1]
        poses *= (totals / bone_lengths(poses, H36M17).sum(1))[:, None, None]
        common = convert(poses, H36M17, MPII16)
        self.path, self.own_skeleton, self.attrs = "people", H36M17, {"name": "h36m"}
        self._arrays = {
            "own_joints3d": poses,
            "joints3d": common,
            "center": np.zeros((len(totals), 2)),
            "side": np.ones(len(totals)),
            "intrinsics": np.full((len(totals), 4), np.nan),
        }

    def __getitem__(self, key):
        return self._arrays[key]


@pytest.fixture(scope="module")
def people():
    return People(np.linspace(3907, 4295, 60))  # mm, the range of Human3.6M's subjects


def test_the_fixed_bone_sum_keeps_a_perfect_prediction_from_0(people):
    """fixed_bone_sum: 7–36 mm on H36M-like poses; sized by their own bones they score 0."""
    found = floor(find_protocol("published"), people, None)
    assert 7 < found["low"] < found["floor"] < found["high"] < 36
    for total in (3907.0, 4295.0):
        one = People(np.array([total]))
        assert floor(find_protocol("study"), one, bone_lengths(one["joints3d"])[0])["floor"] < 1e-6


def test_people_of_one_size_have_no_floor_but_that_of_the_joints(people):
    """At exactly 4,000 mm what remains is spine, thorax and nose in other places."""
    same = floor(find_protocol("published"), People(np.full(20, 4000.0)), None)["floor"]
    assert 0 < same < floor(find_protocol("published"), people, None)["floor"] + 5


def test_every_3d_set_and_protocol_has_its_floor(tiny_study):
    """From the run records alone: labels, and the bones beside the predictions."""
    rows = floors(tiny_study)
    assert list(rows.columns) == FLOOR_COLUMNS
    assert set(rows["protocol"]) == {"study", "published", "h36m-challenge"}
    assert (rows["floor"] > 0).all()
    assert (rows["low"] <= rows["floor"]).all()
    assert (rows["floor"] <= rows["high"]).all()
    assert rows["simulated"].all()


def test_every_set_beyond_has_a_title_and_can_be_asked_for():
    allowed, _ = get_args(Profile.model_fields["also_floors"].annotation)
    assert set(get_args(allowed)) == set(oracle_floors.EXTRA_BENCHMARKS) <= set(EXTRA_TITLES)


def test_sets_without_a_table_have_floors_under_their_own_protocols(tiny_study, monkeypatch):
    """3DPW and full Human3.6M from label files alone; their own protocol's is the smallest: a camera sizes
    people."""
    profile = tiny_study.profile.model_copy(update={"also_floors": ("3dpw", "h36m_full")})
    monkeypatch.setattr(tiny_study, "profile", profile)
    monkeypatch.setattr(oracle_floors, "SIMULATED", 8)
    rows = floors(tiny_study).set_index(["test_set", "protocol", "kind"])["floor"]
    assert set(rows.index.get_level_values("test_set")) == {"h36m", "3dpw", "h36m_full"}
    for name, own in (("3dpw", "3dpw"), ("h36m_full", "h36m-s9s11")):
        assert 0 < rows[name, own, "network"] == rows[name, :, "network"].min() < 20
        assert rows[name, "published", "pose"] > 5
    monkeypatch.setattr(
        type(tiny_study), "simulated", property(lambda self: False)
    )  # of real data: what is not there is left out
    assert set(floors(tiny_study)["test_set"]) == {"h36m"}


def test_a_study_without_labels_or_runs_has_an_empty_table(tiny_study, tmp_path, monkeypatch):
    monkeypatch.setattr(type(tiny_study), "folder", property(lambda self: tmp_path))
    rows = floors(tiny_study)
    assert rows.empty


@pytest.fixture
def under_switches(stick_stores):
    """A function: {(scorer, metric): row} of a perfect prediction under a `legacy:` list."""
    store = stick_stores["3d", "test"]
    bones = bone_lengths(store["joints3d"].astype(float)).mean(0)
    fitted = fit_baselines(stick_stores["3d", "train"], bones)

    def score(names):
        return {
            (row["scorer"], row["metric"]): row
            for row in rows_for_set(*perfect(store, "network"), store, bones, fitted, names)
        }

    return score


def test_the_switch_fixed_bone_sum_scores_so(under_switches):
    """Headline scores under the switch are the published protocol's, and the row says so; model and baselines
    alike."""
    plain, published = under_switches(()), under_switches(("fixed_bone_sum", "crop_pck"))
    assert set(plain) == set(published)
    assert {row["protocol"] for row in plain.values()} == {"study"}
    for (scorer, metric), row in published.items():
        beside = dict.fromkeys(("pck_crop", "exchanged", "ordinal", "ordinal_sides"), "study")
        wanted = {"pckh": "published-pck", **beside}.get(metric, "published")
        assert row["protocol"] == wanted, (scorer, metric)


def test_a_baseline_under_the_switch_is_what_its_pose_scores_at_4000_mm(under_switches, stick_stores):
    """By hand: a person's own pose as baseline scores like a perfect prediction; any pose's size before does
    not matter."""
    store, rule = stick_stores["3d", "test"], find_protocol("published")
    bones = bone_lengths(store["joints3d"].astype(float)).mean(0)
    poses = store["joints3d"].astype(float) - store["joints3d"][:, [6]]
    found, doubled = (values_of_poses(rule, factor * poses, store, bones)["mpjpe"] for factor in (1, 2))
    assert np.nanmean(found) == pytest.approx(floor(rule, store, bones)["floor"])
    np.testing.assert_allclose(doubled, found)
    model = under_switches(("fixed_bone_sum",))
    assert model["model", "mpjpe"]["value"] < model["true 2D + mean depth", "mpjpe"]["value"]
    assert model["true 2D + mean depth", "mpjpe"]["value"] < model["best constant pose", "mpjpe"]["value"]


def test_baseline_skips_people_with_missing_joints_but_fills_in_missing_heads(stick_stores):
    store, rule = stick_stores["3d", "test"], find_protocol("published")
    bones = bone_lengths(store["joints3d"].astype(float)).mean(0)
    poses = store["joints3d"].astype(float) - store["joints3d"][:, [6]]
    poses[3, 0] = np.nan
    found = values_of_poses(rule, poses, store, bones)["mpjpe"]
    assert np.isnan(found[3]).all()
    assert np.isfinite(np.delete(found, 3, 0)).any(1).all()
    poses[:, MPII16.indices("upper_neck head_top")] = np.nan
    assert np.isfinite(values_of_poses(rule, poses, store, bones)["mpjpe"]).any()
    np.testing.assert_array_equal(with_head(poses)[:, 9], poses[:, 7])
