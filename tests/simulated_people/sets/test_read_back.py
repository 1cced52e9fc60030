"""Every stand-in: written in the raw layout, read by the reader, and compared with the joints that were
rendered."""

import json

import cv2
import h5py
import numpy as np
import pytest
from scipy.io import loadmat

from hpe_study.data.crops import similarity_scale
from hpe_study.datasets import open_dataset
from hpe_study.datasets.pickles import load_pickle
from hpe_study.skeletons import FLIC29, LSP14
from simulated_people import NAMES, StandInSpec, make
from simulated_people.body.landmarks import rows_of
from tests.stand_ins import SIZE, TEST, TRAIN, truth

FOLDERS = {"lsp": ("lsp", "lsp_extended")}
EXACT = [name for name in NAMES if name != "lsp"]


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", NAMES)
def test_as_many_records_as_asked_for_and_marked_as_simulated(stand_in, name, split):
    records = open_dataset(name, stand_in(name), split)
    assert len(records) == {"train": TRAIN, "test": TEST}[split]
    assert records.simulated
    for record in (records[0], records[-1]):
        image = cv2.imread(str(record.image))
        assert image is not None
        if record.image_size:
            assert image.shape[1::-1] == tuple(record.image_size)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", EXACT)
def test_reading_gives_the_joints_that_were_rendered(stand_in, name, split):
    root = stand_in(name)
    records, known = open_dataset(name, root, split), truth(root, name, split)
    rows = rows_of(records.skeleton)
    for record, image, px, camera in zip(records, known["image"], known["px"], known["camera"], strict=True):
        assert record.image == root / image.decode()
        assert record.labelled.any()
        np.testing.assert_allclose(record.joints2d[record.labelled], px[rows][record.labelled], atol=1e-3)
        if records.info.kind == "3d":
            root_joint = records.skeleton.index(records.skeleton.root)
            relative, exact = (
                record.joints3d - record.joints3d[root_joint],
                camera[rows] - camera[rows][root_joint],
            )
            np.testing.assert_allclose(relative, exact, atol=0.01)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", ["h36m", "mpi_inf_3dhp", "occlusion_person", "3dpw"])
def test_image_scale_of_the_depth_is_that_of_the_camera(stand_in, name, split):
    """The similarity's scale is the camera's own, focal / distance, averaged over the joints (see
    `similarity_scale`): exactly for each person, and within 2 % on average over these few of the focal length
    over the joints' mean distance.
    """
    root = stand_in(name)
    known, records = truth(root, name, split), open_dataset(name, root, split)
    rows = rows_of(records.skeleton)
    of_middle = []
    for record, camera, intrinsics in zip(records, known["camera"], known["intrinsics"], strict=True):
        both = record.labelled & ~np.isnan(record.joints3d).any(-1)
        x, y, z = camera[rows][both].T
        weights = (x - x.mean()) * x + (y - y.mean()) * y
        scale = similarity_scale(record.joints3d, record.joints2d)
        assert scale == pytest.approx(intrinsics[0] * (weights / z).sum() / weights.sum(), rel=1e-4)
        of_middle.append(scale * z.mean() / intrinsics[0])
    np.testing.assert_allclose(of_middle, 1, atol=0.2)  # somebody seen steeply from near by
    assert abs(np.mean(of_middle) - 1) < 0.02


@pytest.mark.parametrize("name", NAMES)
def test_train_and_test_share_no_body_and_no_moment(stand_in, name):
    train, test = (truth(stand_in(name), name, split) for split in ("train", "test"))
    assert not set(train["body"]) & set(test["body"])
    assert not {pose.tobytes() for pose in train["camera"]} & {pose.tobytes() for pose in test["camera"]}
    assert not set(train["image"]) & set(test["image"])


def test_lsp_has_two_axis_orders_two_flags_and_noise(stand_in):
    root = stand_in("lsp")
    lsp, extended = (loadmat(root / folder / "joints.mat")["joints"] for folder in FOLDERS["lsp"])
    assert lsp.shape == (3, 14, 2 * TEST)
    assert extended.shape == (14, 3, TRAIN - TEST)
    assert set(np.unique(lsp[2])) <= {0, 1}
    assert (lsp[2] == 1).mean() < 0.3 < 0.6 < (extended[:, 2] == 1).mean()  # occluded against labelled
    assert (extended[:, :2][np.repeat(extended[:, 2:] == 0, 2, 1)] <= 0).all()
    known = truth(root, "lsp", "test")
    distance = np.linalg.norm(lsp[:2, :, TEST:].T - known["px"][:, rows_of(LSP14)], axis=-1)
    assert 0.05 < np.median(distance) < 0.02 * SIZE * 2


def test_flic_labels_eleven_columns_and_leaves_hidden_joints_out(stand_in):
    root = stand_in("flic")
    examples = loadmat(root / "flic" / "examples.mat", squeeze_me=True)["examples"]
    coords = np.stack(examples["coords"])
    assert coords.shape == (TRAIN + TEST, 2, 29)
    labelled = np.isfinite(coords).all(1)
    assert set(np.flatnonzero(labelled.any(0))) <= {0, 1, 2, 3, 4, 5, 6, 9, 12, 13, 16}
    known = [truth(root, "flic", split) for split in ("train", "test")]
    hidden = np.concatenate([(part["hidden"] | ~part["inside"])[:, rows_of(FLIC29)] for part in known])
    assert not (labelled & hidden).any()
    assert int(examples["istrain"].sum()) == TRAIN
    assert not (examples["istrain"] & examples["istest"]).any()


def test_mpii_json_is_one_based_and_has_several_people_a_picture(stand_in):
    root = stand_in("mpii")
    people = json.loads((root / "mpii" / "annot" / "train.json").read_text())
    assert set(people[0]) == {"joints", "joints_vis", "image", "scale", "center"}
    assert len({person["image"] for person in people}) < len(people)
    for person in people:
        joints, annotated = np.array(person["joints"]), np.array(person["joints_vis"])
        assert (joints[annotated == 0] == -1).all()
        assert (joints[annotated == 1] > 0).all()
        assert person["scale"] > 0


def test_h36m_cache_has_the_fields_of_the_real_one(stand_in):
    folder = stand_in("h36m") / "h36m"
    name = "HM36_eccv_challenge_Val"
    entries = load_pickle(
        folder / "msra_cache" / f"{name}_cache" / f"{name}_w288xh384_keypoint_jnt_bbox_db.pkl"
    )
    assert [entry["image"] for entry in entries] == [
        f"ECCV18_Challenge/Val/IMG/{number:05d}.jpg" for number in range(1, TEST + 1)
    ]
    for number, entry in enumerate(entries, 1):
        pose = np.loadtxt(folder / "ECCV18_Challenge" / "Val" / "POSE" / f"{number:05d}.csv", delimiter=",")
        assert pose.shape == (17, 3)
        np.testing.assert_allclose(entry["joints_3d_relative"][:17], pose, atol=1e-5)
        np.testing.assert_allclose(entry["joints_3d"][:, 2], entry["s"] * entry["joints_3d_relative"][:, 2])
        assert entry["width"] / entry["height"] == pytest.approx(288 / 384)
        fitted = entry["s"] * entry["joints_3d_relative"][:, :2] @ entry["rot"] + entry["t"]
        assert np.abs(fitted - entry["joints_3d"][:, :2]).max() < 0.12 * entry["height"]
        assert 3000 < entry["bone_len"] < 6000


def test_h36m_cameras_are_synchronous_and_fixed(stand_in):
    """The four views of a moment agree on the world's joints; joined back through the true cameras they
    coincide."""
    known = truth(stand_in("h36m"), "h36m", "train")
    bones = np.linalg.norm(known["camera"] - known["camera"][:, :1], axis=-1)  # does not depend on the camera
    groups = {}
    for row, lengths in enumerate(bones):
        groups.setdefault(tuple(np.round(lengths, 2)), []).append(row)
    assert sorted(map(len, groups.values())) == [4] * (TRAIN // 4)
    assert set(known["subject"]) <= {b"S1", b"S5", b"S6", b"S7", b"S8"}


def test_3dhp_labels_of_all_cameras_reproject_and_the_universal_pose_does_not(stand_in):
    folder = stand_in("mpi_inf_3dhp") / "mpi_inf_3dhp" / "S1" / "Seq1"
    labels = loadmat(folder / "annot.mat")
    lines = (folder / "camera.calibration").read_text().split("\n")[1:]
    assert labels["annot2"].shape == labels["univ_annot3"].shape == (14, 1)
    for camera in range(14):
        values = [float(value) for value in lines[7 * camera + 4].split()[1:]]
        fx, cx, fy, cy = values[0], values[2], values[5], values[6]
        for key, close in (("annot3", True), ("univ_annot3", False)):
            x, y, z = labels[key][camera, 0].reshape(-1, 28, 3).transpose(2, 0, 1)
            px = np.stack([fx * x / z + cx, fy * y / z + cy], -1)
            assert (np.abs(px - labels["annot2"][camera, 0].reshape(-1, 28, 2)).max() < 0.02) == close


def test_3dhp_test_set_is_matlab_73_with_invalid_frames_and_wide_outdoor_pictures(stand_in):
    folder = stand_in("mpi_inf_3dhp") / "mpi_inf_3dhp" / "mpi_inf_3dhp_test_set"
    path = folder / "TS1" / "annot_data.mat"
    assert path.read_bytes()[:10] == b"MATLAB 7.3"
    with h5py.File(path) as store:
        assert store["annot3"].shape[1:] == (1, 17, 3)
        assert set(np.unique(store["valid_frame"][()])) == {0, 1}
    height, width = cv2.imread(str(folder / "TS1" / "imageSequence" / "img_000001.jpg")).shape[:2]
    assert width == height


def test_occlusion_person_follows_its_own_rule(stand_in):
    root = stand_in("occlusion_person")
    entries = load_pickle(root / "occlusion_person" / "unrealcv_train.pkl")
    for entry in entries:
        view = entry["camera"]
        np.testing.assert_allclose(
            (entry["joints_gt"] - view["T"].T) @ view["R"].T, entry["joints_3d"], atol=1e-6
        )
        assert (entry["joints_vis_2d"] <= entry["joints_vis"]).all()
        assert 250 < np.linalg.norm(entry["joints_3d"][1] - entry["joints_3d"][2]) < 600  # thigh in mm
        np.testing.assert_allclose(entry["scale"] * 200, entry["box"][2:] - entry["box"][:2])
        assert entry["video_id"] == entry["image"].split("/")[0]  # a text, as in the original
    occluded = 1 - np.mean([entry["joints_vis_2d"] for entry in entries])
    assert 0.05 < occluded < 0.5


def test_3dpw_sequences_show_one_and_two_people_by_a_moving_camera(stand_in):
    folder = stand_in("3dpw") / "3dpw" / "sequenceFiles"
    sequences = [load_pickle(path) for path in sorted((folder / "train").iterdir())]
    for sequence in sequences:
        people, frames = len(sequence["poses2d"]), len(sequence["img_frame_ids"])
        assert np.shape(sequence["poses2d"]) == (people, frames, 3, 18)
        assert np.shape(sequence["jointPositions"]) == (people, frames, 72)
        assert len({pose.tobytes() for pose in sequence["cam_poses"]}) == frames
    assert (folder / "validation").is_dir()


def test_h36m_in_full_is_read_as_such(tmp_path):
    make(StandInSpec("h36m", TRAIN, TEST, size=SIZE, options={"layout": "full"}), tmp_path, progress=False)
    for split, count in (("train", TRAIN), ("test", TEST)):
        records, known = open_dataset("h36m", tmp_path, split, layout="full"), truth(tmp_path, "h36m", split)
        assert len(records) == count
        rows = rows_of(records.skeleton)
        for record, image, px, camera, intrinsics in zip(
            records, *(known[key] for key in ("image", "px", "camera", "intrinsics")), strict=True
        ):
            assert record.image == tmp_path / image.decode()
            np.testing.assert_allclose(record.joints2d, px[rows], atol=1e-3)
            np.testing.assert_allclose(record.joints3d, camera[rows], atol=0.01)
            np.testing.assert_allclose(record.intrinsics, intrinsics, rtol=1e-6)


def test_mpii_original_file_has_the_people_of_the_json(tmp_path):
    make(StandInSpec("mpii", TRAIN, TEST, size=SIZE, options={"matlab": True}), tmp_path, progress=False)
    for split in ("train", "test"):
        by_json, by_mat = (open_dataset("mpii", tmp_path, split, layout=layout) for layout in ("json", "mat"))
        assert len(by_json) == len(by_mat)
        for one, other in zip(sorted(by_json, key=_place), sorted(by_mat, key=_place), strict=True):
            assert one.image == other.image
            np.testing.assert_allclose(one.joints2d, other.joints2d, atol=1e-3)
            np.testing.assert_allclose([*one.center, one.side], [*other.center, other.side], atol=1e-2)
        hidden = truth(tmp_path, "mpii", split)["hidden"][:, rows_of(by_mat.skeleton)]
        assert sum((record.occluded == 1).sum() for record in by_mat) == sum(
            (hidden[k] & r.labelled).sum() for k, r in enumerate(by_json)
        )


def _place(record):
    return str(record.image), tuple(record.center.round(1))
