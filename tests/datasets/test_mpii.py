"""Both layouts of MPII: 1-based px, missing joints, crops, head sizes, the traps of the `.mat`, and the real
labels."""

import json
import warnings

import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from tests.datasets import raw_layouts


def test_json_labels_become_records(tmp_path):
    joints = raw_layouts.mpii_json(tmp_path)
    records = open_dataset("mpii", tmp_path, "test")
    joints[1, 0] = joints[2, 5] = np.nan
    for i, record in enumerate(records):
        np.testing.assert_allclose(record.joints2d, joints[i])
        np.testing.assert_array_equal(record.labelled, np.isfinite(joints[i, :, 0]))
        assert record.image == tmp_path / "mpii" / "images" / f"{i // 2:09d}.jpg"
        np.testing.assert_allclose(record.center, [30 + i, 20 + 15 * 0.2])
        assert record.side == pytest.approx(1.25 * 0.2 * 200)
        assert record.head_size == pytest.approx(0.75 * np.linalg.norm(joints[i, 9] - joints[i, 8]))
        assert (record.occluded == -1).all()
        assert np.isnan(record.joints3d).all()
        assert np.isnan(record.intrinsics).all()


def test_val_json_is_another_name_of_valid_json(tmp_path):
    raw_layouts.mpii_json(tmp_path, name="val.json")
    assert len(open_dataset("mpii", tmp_path, "test")) == 4


def test_rows_in_another_order_are_the_same_people(tmp_path):
    raw_layouts.mpii_json(tmp_path)
    path = tmp_path / "mpii" / "annot" / "valid.json"
    before = {tuple(record.joints2d[9]): record.image for record in open_dataset("mpii", tmp_path, "test")}
    path.write_text(json.dumps(json.loads(path.read_text())[::-1]))
    assert {
        tuple(record.joints2d[9]): record.image for record in open_dataset("mpii", tmp_path, "test")
    } == before


@pytest.mark.parametrize("changes", [{"center": [-1, -1]}, {"scale": -1}, {"scale": 0}])
def test_without_a_place_or_a_size_the_joints_give_the_crop(tmp_path, changes):
    joints = raw_layouts.mpii_json(tmp_path, people=1)[0]
    path = tmp_path / "mpii" / "annot" / "valid.json"
    path.write_text(json.dumps([json.loads(path.read_text())[0] | changes]))
    record = open_dataset("mpii", tmp_path, "test")[0]
    np.testing.assert_allclose(record.center, (joints.min(0) + joints.max(0)) / 2)
    assert record.side == pytest.approx(1.25 * np.ptp(joints, 0).max())


def test_broken_json_is_named(tmp_path):
    raw_layouts.mpii_json(tmp_path)
    path = tmp_path / "mpii" / "annot" / "valid.json"
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(StudyError, match="valid.json: not readable as JSON .*; obtain the file again"):
        open_dataset("mpii", tmp_path, "test")
    path.write_text('{"images": []}')
    with pytest.raises(StudyError, match="valid.json: is not a list of people"):
        open_dataset("mpii", tmp_path, "test")
    path.write_text('[{"joints": [[1, 2]]}]')
    with pytest.raises(StudyError, match="valid.json: 'joints' of record 0"):
        open_dataset("mpii", tmp_path, "test")
    path.write_text(whole.replace("000000000.jpg", "../../000000000.jpg"))
    with pytest.raises(StudyError, match="valid.json: image path"):
        open_dataset("mpii", tmp_path, "test")


def mat_people(root, images=40):
    """MPII's `.mat` with all of its traps; returns {image: joints (16, 2) px, 0-based}."""
    person = [(name, object) for name in ("x1", "y1", "x2", "y2", "annopoints", "scale", "objpos")]
    annolist = np.zeros((1, images), [("image", object), ("annorect", object), ("vididx", object)])
    truth = {}
    for i in range(images):
        name = f"{i:09d}.jpg"
        joints = raw_layouts.numbers(16, 2, seed=i)
        fields = [("x", object), ("y", object), ("id", object)] + ([("is_visible", object)] if i % 3 else [])
        point = np.zeros((1, 16), fields)
        for place, joint in enumerate(np.random.default_rng(i).permutation(16)):
            point[0, place]["x"], point[0, place]["y"], point[0, place]["id"] = (
                joints[joint, 0] + 1,
                joints[joint, 1] + 1,
                int(joint),
            )
            if i % 3:
                point[0, place]["is_visible"] = ["0", 1, np.zeros((0, 0))][joint % 3]
        if i == 5:
            point, joints = (
                point[:, :1],
                np.where(np.arange(16)[:, None] == int(point[0, 0]["id"]), joints, np.nan),
            )
        rect = np.zeros((1, 2), person)
        annopoints = np.zeros((1, 1), [("point", object)])
        annopoints[0, 0]["point"] = point
        position = np.zeros((1, 1), [("x", object), ("y", object)])
        position[0, 0]["x"], position[0, 0]["y"] = 31 + i, 21
        fields = {
            "x1": 10,
            "y1": 10,
            "x2": 13,
            "y2": 14,
            "annopoints": annopoints,
            "scale": 0.2,
            "objpos": position,
        }
        for key, value in fields.items():
            rect[0, 0][key] = value
        for key in rect.dtype.names:  # a second person that nobody finished
            rect[0, 1][key] = np.zeros((0, 0))
        image = np.zeros((1, 1), [("name", object)])
        image[0, 0]["name"] = name
        annolist[0, i]["image"], annolist[0, i]["vididx"] = image, i
        annolist[0, i]["annorect"] = np.zeros((0, 0)) if i == 7 else rect
        truth |= {} if i == 7 else {name: joints}
        raw_layouts.picture(root / "mpii" / "images" / name)
    release = np.zeros((1, 1), [("annolist", object), ("img_train", object)])
    release[0, 0]["annolist"], release[0, 0]["img_train"] = annolist, np.ones((1, images))
    raw_layouts.save_mat(root / "mpii" / "mpii_human_pose_v1_u12_1.mat", RELEASE=release)
    return truth


def test_the_original_mat_with_its_traps(tmp_path):
    truth = mat_people(tmp_path)
    with pytest.warns(UserWarning, match="has no validation split .* not the published one"):
        splits = {split: open_dataset("mpii", tmp_path, split) for split in ("train", "test")}
    unfinished = {split: records.left_out["no joints annotated"] for split, records in splits.items()}
    assert unfinished == {
        split: len(records) for split, records in splits.items()
    }  # one beside everybody, in the same split
    images = {split: {record.image.name for record in records} for split, records in splits.items()}
    assert not images["train"] & images["test"]
    assert images["train"] | images["test"] == set(truth)
    assert 0 < len(images["test"]) < len(images["train"])
    for record in (*splits["train"], *splits["test"]):
        np.testing.assert_allclose(record.joints2d, truth[record.image.name])
        number = int(record.image.stem)
        np.testing.assert_allclose(record.center, [30 + number, 23])
        assert record.side == pytest.approx(50)
        assert record.head_size == pytest.approx(0.6 * 5)
        seen = (
            np.where(np.arange(16) % 3 == 0, 1, 0) if number % 3 else np.zeros(16)
        )  # "0" is hidden; 1, empty and absent are not
        np.testing.assert_array_equal(record.occluded, np.where(record.labelled, seen, -1))


def test_the_mat_takes_the_split_of_valid_json_where_it_is(tmp_path):
    mat_people(tmp_path, images=6)
    annot = tmp_path / "mpii" / "annot"
    annot.mkdir()
    entry = {"image": "000000002.jpg", "center": [33.0, 21.0]}
    (annot / "valid.json").write_text(json.dumps([entry]))
    assert [record.image.name for record in open_dataset("mpii", tmp_path, "test", layout="mat")] == [
        "000000002.jpg"
    ]
    train = open_dataset("mpii", tmp_path, "train", layout="mat")
    assert len(train) == 5
    assert train.left_out["beside somebody of valid.json"] == 1
    elsewhere = [
        {"image": "000000003.jpg", "center": [1.0, 1.0]},
        {"image": "000000777.jpg", "center": [33.0, 21.0]},
    ]
    (annot / "valid.json").write_text(json.dumps([entry, *elsewhere]))
    test = open_dataset("mpii", tmp_path, "test", layout="mat")
    assert len(test) == 1
    assert test.left_out == {"in valid.json, not in the .mat": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": []}, "record 0 has no text 'image'"),
        (["a"], "record 0 has no text 'image'"),
        ([{"center": [1, 2]}], "record 0 has no text 'image'"),
        ([{"image": "000000002.jpg", "center": None}], "'center' of record 0"),
        ([{"image": ["000000002.jpg"], "center": [1, 2]}], "record 0 has no text 'image'"),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_valid_json_of_another_kind_beside_the_mat_is_named(tmp_path, content, message, split):
    mat_people(tmp_path, images=3)
    (tmp_path / "mpii" / "annot").mkdir()
    (tmp_path / "mpii" / "annot" / "valid.json").write_text(json.dumps(content))
    with pytest.raises(StudyError, match=f"valid.json: .*{message}"):
        open_dataset("mpii", tmp_path, split, layout="mat")


def test_what_one_label_file_lacks_the_other_gives_without_sharing_an_image(tmp_path):
    """valid.json beside the original file: it tests, the other images train. train.json alone never meets a
    split of the original file."""
    mat_people(tmp_path, images=6)
    annot = tmp_path / "mpii" / "annot"
    annot.mkdir()
    assert len(open_quietly(tmp_path, "train")) + len(open_quietly(tmp_path, "test")) == 6
    raw_layouts.mpii_json(tmp_path, people=3)  # of the images 000000000.jpg and 000000001.jpg
    assert [record.image.name for record in open_dataset("mpii", tmp_path, "train")] == [
        f"{i:09d}.jpg" for i in range(2, 6)
    ]
    assert len(open_dataset("mpii", tmp_path, "test")) == 3
    (annot / "valid.json").rename(annot / "train.json")
    assert len(open_dataset("mpii", tmp_path, "train")) == 3
    with pytest.raises(StudyError, match="valid.json: not there"):
        open_dataset("mpii", tmp_path, "test")


def open_quietly(*arguments):
    """Without valid.json the split is not the published one, which is said."""
    with pytest.warns(UserWarning, match="not the published one"):
        return open_dataset("mpii", *arguments)


def test_another_sets_mat_is_refused(tmp_path):
    raw_layouts.save_mat(tmp_path / "mpii" / "mpii_human_pose_v1_u12_1.mat", joints=np.zeros((3, 14, 5)))
    with pytest.raises(StudyError, match="mpii_human_pose_v1_u12_1.mat: has no RELEASE but joints"):
        open_dataset("mpii", tmp_path, "train")


@pytest.fixture
def real_mpii(real_data, tmp_path):
    (tmp_path / "mpii" / "annot").mkdir(parents=True)
    (tmp_path / "mpii" / "annot" / "valid.json").symlink_to(real_data / "mpii" / "valid.json")
    (tmp_path / "mpii" / "images").symlink_to(real_data / "mpii" / "images")
    return tmp_path


def test_the_real_validation_labels(real_mpii):
    with pytest.warns(UserWarning, match="2953 of 2958 records"):
        assert len(open_dataset("mpii", real_mpii, "test")) == 5
    images = real_mpii / "mpii" / "images"
    images.unlink()
    images.mkdir()
    people = json.loads((real_mpii / "mpii" / "annot" / "valid.json").read_text())
    for person in people:
        (images / person["image"]).touch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        records = open_dataset("mpii", real_mpii, "test")
    assert len(records) == 2958
    for record, person in zip(records, people, strict=True):
        raw = np.array(person["joints"])
        known = (np.array(person["joints_vis"]) == 1) & (raw != 0).any(-1)
        np.testing.assert_array_equal(record.labelled, known)
        np.testing.assert_allclose(record.joints2d[known], raw[known] - 1)
        top, neck = record.joints2d[MPII16.indices("head_top upper_neck")]
        np.testing.assert_allclose(record.head_size, 0.75 * np.linalg.norm(top - neck), atol=1e-3)
    assert np.isfinite([record.head_size for record in records]).sum() == 2932
