"""The published ways of reading, in numbers: on FLIC's real labels where they are at hand, on made-up records
elsewhere."""

import numpy as np
import pytest

from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.datasets import open_dataset
from hpe_study.datasets.flic import read_examples
from hpe_study.datasets.label_mapping import CORRECT, box_of_height, box_of_two_joints, label_mapping
from hpe_study.datasets.mpii import Mpii
from hpe_study.datasets.record import Record, crop_of
from hpe_study.errors import StudyError
from hpe_study.skeletons import FLIC29, H36M17, LSP14, MPI_INF_3DHP17, MPII16, UNREALCV15, convert
from tests.datasets import raw_layouts
from tests.datasets.test_mpi_inf_3dhp import open_quietly


def person(joints2d, skeleton, center=(0.0, 0.0), side=1.0):
    flags = ~np.isnan(joints2d).any(-1)
    return Record(
        "image",
        skeleton,
        joints2d,
        flags,
        flags.astype(np.int8),
        np.array(center),
        side,
        np.full((len(joints2d), 3), np.nan),
    )


@pytest.fixture(scope="module")
def flic(real_data):
    return read_examples(real_data / "flic" / "examples.mat")


def shares(joints, center, side):
    """(N, J) bool: labelled joints inside the crop, and which are labelled."""
    inside = (np.abs(joints - center[:, None]) <= side[:, None, None] / 2).all(-1)
    return inside, ~np.isnan(joints).any(-1)


def test_the_corrected_reading_is_the_conversion_and_the_readers_box():
    joints = np.random.default_rng(0).normal(size=(14, 2))
    record = person(joints, LSP14, (3.0, 4.0), 5.0)
    np.testing.assert_array_equal(CORRECT.joints(joints, LSP14), convert(joints, LSP14, MPII16))
    assert CORRECT.box(record) == (record.center, 5.0)
    assert label_mapping("lsp", ["first_n_3d", "crop_pck"]) == CORRECT


def test_off_by_one_sends_the_left_eye_to_the_right_ankle(flic):
    """On the real labels: eight channels, each another joint's; the other eight never exist."""
    wrongly = label_mapping("flic", ["flic_off_by_one"]).joints
    legs, arms = (
        {"r_ankle": 12, "l_ankle": 9},
        {"r_wrist": 6, "r_elbow": 5, "r_shoulder": 4, "l_shoulder": 1, "l_elbow": 2, "l_wrist": 3},
    )
    taken = legs | arms  # column, 0-based
    for joints in flic["coords"][::500]:
        wrong = wrongly(joints, FLIC29)
        for joint, column in taken.items():
            np.testing.assert_array_equal(wrong[MPII16.index(joint)], joints[column])
        assert {MPII16.joints[i] for i in np.flatnonzero(np.isnan(wrong).any(1))} == set(MPII16.joints) - set(
            taken
        )


def test_the_crop_from_two_joints_keeps_a_fifth_of_flics_labels(flic):
    """Measured of the published crops on all 5,003 people: 169 px off in the median, 21.5 % of the labelled
    joints inside."""
    boxes = [box_of_two_joints(person(joints, FLIC29)) for joints in flic["coords"]]
    center, side = np.array([box[0] for box in boxes]), np.array([box[1] for box in boxes])
    corners = flic["torsobox"].reshape(-1, 2, 2)
    true = [
        crop_of(np.concatenate([joints, corner]))
        for joints, corner in zip(flic["coords"], corners, strict=True)
    ]
    true_center, true_side = np.array([box[0] for box in true]), np.array([box[1] for box in true])
    inside, labelled = shares(flic["coords"], center, side)
    assert 100 * inside[labelled].mean() == pytest.approx(21.5, abs=1.0)
    assert np.median(np.linalg.norm(center - true_center, axis=1)) == pytest.approx(169, abs=3)
    inside, labelled = shares(flic["coords"], true_center, true_side)
    assert inside[labelled].all()


def test_a_tight_crop_cuts_off_ankles_and_heads(real_data, tmp_path):
    """On MPII's 2,958 real validation people, standing for LSP's: 0.68 of the height, and width never
    asked."""
    (tmp_path / "mpii" / "annot").mkdir(parents=True)
    (tmp_path / "mpii" / "annot" / "valid.json").symlink_to(real_data / "mpii" / "valid.json")
    labels = Mpii.__new__(Mpii)
    labels.split, labels.label_files, labels.info, labels.root = "test", [], Mpii.info, tmp_path
    people = labels._load_json(tmp_path / "mpii")["joints"]
    whole = people[~np.isnan(people).any((1, 2))]
    boxes = [box_of_height(person(joints, MPII16)) for joints in whole]
    inside, _ = shares(whole, np.array([box[0] for box in boxes]), np.array([box[1] for box in boxes]))
    ends = inside[:, MPII16.indices("r_ankle l_ankle head_top")].mean()
    middle = inside[:, MPII16.indices("r_hip l_hip pelvis thorax")].mean()
    assert ends < 0.15
    assert middle > 0.85
    for joints, (center, side) in zip(whole[:20], boxes, strict=False):
        assert side == pytest.approx(0.68 * np.ptp(joints[:, 1]))
        np.testing.assert_allclose(center, (joints.max(0) + joints.min(0)) / 2)


def test_the_thorax_is_the_spine_and_a_head_top_is_a_neck():
    for name, skeleton, ours, theirs in (
        ("h36m", H36M17, "thorax", "spine"),
        ("mpi_inf_3dhp", MPI_INF_3DHP17, "thorax", "spine"),
        ("occlusion_person", UNREALCV15, "head_top", "neck"),
    ):
        joints = np.random.default_rng(1).normal(size=(len(skeleton), 3))
        wrong, right = (
            label_mapping(name, ["spine_as_thorax"]).joints(joints, skeleton),
            convert(joints, skeleton, MPII16),
        )
        np.testing.assert_array_equal(wrong[MPII16.index(ours)], joints[skeleton.index(theirs)])
        others = [i for i in range(16) if i != MPII16.index(ours)]
        np.testing.assert_array_equal(wrong[others], right[others])


def test_all_frames_with_every_joint_inside_are_tested(tmp_path):
    arrays = raw_layouts.mpi_inf_3dhp_test(tmp_path)  # four frames, the second is not valid
    options = label_mapping("mpi_inf_3dhp", ["all_test_frames"]).options
    inside = ((arrays["annot2"] >= 0) & (arrays["annot2"] <= np.array([63, 47]))).all((1, 2))
    found = [record.meta["frame"] for record in open_quietly(tmp_path, "test", **options)]
    assert found == np.flatnonzero(inside).tolist() != [0, 2, 3]
    raw_layouts.mpi_inf_3dhp_train(tmp_path, frames=2)
    assert len(open_quietly(tmp_path, "train", **options)) == len(open_quietly(tmp_path, "train"))
    with pytest.raises(StudyError, match="frames 'some' is not one of valid, inside"):
        open_dataset("mpi_inf_3dhp", tmp_path, "test", frames="some")


def test_a_store_read_the_published_way_has_another_key_and_keeps_the_true_joints(tmp_path):
    raw_layouts.flic(tmp_path)
    paths = {
        names: tmp_path / f"{len(names)}.h5"
        for names in ((), ("flic_off_by_one", "flic_crop_from_two_joints"), ("spine_as_thorax",))
    }
    stores = [
        Store(prepare(StoreSettings("flic", "train", 32, legacy=names), tmp_path, path, progress=False))
        for names, path in paths.items()
    ]
    plain, wrong, unconcerned = stores
    assert plain.attrs["key"] == unconcerned.attrs["key"] != wrong.attrs["key"]
    np.testing.assert_array_equal(plain["own_joints2d"], wrong["own_joints2d"])
    np.testing.assert_array_equal(
        wrong["joints2d"][:, MPII16.index("r_ankle")], wrong["own_joints2d"][:, FLIC29.index("l_eye")]
    )
    assert wrong["labelled"].sum(1).tolist() == [8, 8]
    assert (plain["center"] != wrong["center"]).any()
    records = open_dataset("flic", tmp_path, "train")
    center, side = box_of_two_joints(records[0])
    np.testing.assert_allclose(wrong["center"][0], center, rtol=1e-6)
    assert wrong["side"][0] == pytest.approx(side)


def test_the_printed_joint_rules_by_name():
    """FLIC: head top ← nose, thorax ← mid torso, neck ← mid shoulder; H36M, 3DHP: thorax ← spine;
    Occlusion-Person: head top ← neck. A set without printed rules is read as ever."""
    wanted = {
        "flic": (FLIC29, {"thorax": "mid_torso", "upper_neck": "mid_shoulder", "head_top": "nose"}),
        "h36m": (H36M17, {"thorax": "spine"}),
        "mpi_inf_3dhp": (MPI_INF_3DHP17, {"thorax": "spine"}),
        "occlusion_person": (UNREALCV15, {"head_top": "neck"}),
    }
    for name, (skeleton, rules) in wanted.items():
        joints = np.random.default_rng(0).normal(size=(len(skeleton), 3))
        common = label_mapping(name, joint_rules="printed").joints(joints, skeleton)
        ours = convert(joints, skeleton, MPII16)
        for joint, own in rules.items():
            np.testing.assert_array_equal(common[MPII16.index(joint)], joints[skeleton.index(own)])
        rest = [index for index, joint in enumerate(MPII16.joints) if joint not in rules]
        np.testing.assert_array_equal(common[rest], ours[rest])
    assert label_mapping("mpii", joint_rules="printed") == CORRECT
    assert label_mapping("h36m", joint_rules="printed").rules == "printed"
    wrong_key = label_mapping("flic", ["flic_off_by_one"], "printed")  # the code did not do what is printed
    assert wrong_key.joints is label_mapping("flic", ["flic_off_by_one"]).joints


def test_stores_of_printed_and_corrected_rules_differ_where_the_set_does():
    printed, corrected = (
        {name: StoreSettings(name, "train", 32, joint_rules=rules).description() for name in ("flic", "lsp")}
        for rules in ("printed", "corrected")
    )
    assert printed["flic"] != corrected["flic"]
    assert printed["lsp"] == corrected["lsp"]
