"""What is wrong with raw data is found out on the way into the store: a clear error naming the file, or
records left out and counted."""

import json
import pickle
import shutil

import cv2
import numpy as np
import pytest
import scipy.io

from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.datasets.pickles import load_pickle
from hpe_study.errors import StudyError
from simulated_people import NAMES
from tests.stand_ins import TEST

FOLDERS = {"lsp": ("lsp", "lsp_extended")}
LABELS = {
    "mpii": "mpii/annot/valid.json",
    "lsp": "lsp/joints.mat",
    "flic": "flic/examples.mat",
    "h36m": (
        "h36m/msra_cache/HM36_eccv_challenge_Val_cache/HM36_eccv_challenge_Val_w288xh384_keypoint_jnt_bbox_db.pkl"
    ),
    "mpi_inf_3dhp": "mpi_inf_3dhp/mpi_inf_3dhp_test_set/TS1/annot_data.mat",
    "occlusion_person": "occlusion_person/unrealcv_validation.pkl",
    "3dpw": "3dpw/sequenceFiles/test/simulated_test_00.pkl",
}
PICKLES = [name for name, path in LABELS.items() if path.endswith(".pkl")]


@pytest.fixture
def copy_of(stand_in, tmp_path):
    """name → a data root with a copy of that stand-in, to be spoilt."""

    def copied(name):
        for folder in FOLDERS.get(name, (name,)):
            shutil.copytree(stand_in(name) / folder, tmp_path / "raw" / folder)
        return tmp_path / "raw"

    return copied


def stored(name, root, split="test", strict=False, **options):
    """The prepared store; made anew every time."""
    settings = StoreSettings(name, split, input_size=32, encoding="raw", strict=strict, options=options)
    return Store(prepare(settings, root, root / f"{name}.h5", progress=False))


def people(store):
    """{(image, where in it): (crop, joints)} of a store."""
    crops = store.crops(range(len(store)))
    return {
        (store["image"][i], tuple(store["center"][i])): (
            crops[i],
            store["own_joints2d"][i],
            store["own_joints3d"][i],
            store["depth"][i],
        )
        for i in range(len(store))
    }


def same(one, other):
    assert one.keys() == other.keys()
    for key, values in one.items():
        for value, expected in zip(values, other[key], strict=True):
            np.testing.assert_array_equal(value, expected)


def shuffled(path, order):
    """Write the rows of a label file in another order."""
    if path.suffix == ".json":
        rows = json.loads(path.read_text())
        path.write_text(json.dumps([rows[i] for i in order]))
    elif path.suffix == ".mat":
        examples = scipy.io.loadmat(path)["examples"]
        scipy.io.savemat(
            path, {"examples": examples[:, np.random.default_rng(0).permutation(examples.shape[1])]}
        )
    else:
        rows = load_pickle(path)
        path.write_bytes(pickle.dumps([rows[i] for i in order]))


@pytest.mark.parametrize("name", ["mpii", "flic", "h36m", "occlusion_person"])
def test_shuffled_rows_are_the_same_people(copy_of, name):
    root = copy_of(name)
    before = people(stored(name, root))
    shuffled(root / LABELS[name], np.random.default_rng(0).permutation(TEST))
    after = stored(name, root)
    assert list(people(after)) != list(before)
    same(people(after), before)


def test_shuffled_frames_of_3dhp_keep_their_numbers(copy_of):
    root = copy_of("mpi_inf_3dhp")
    before = people(stored("mpi_inf_3dhp", root, "train"))
    for path in (root / "mpi_inf_3dhp").glob("S*/*/annot.mat"):
        labels = {key: value for key, value in scipy.io.loadmat(path).items() if not key.startswith("__")}
        order = np.arange(labels["frames"].size)[::-1]
        labels["frames"] = labels["frames"].ravel()[order][:, None]
        for key in ("annot2", "annot3", "univ_annot3"):
            for camera in range(14):
                labels[key][camera, 0] = labels[key][camera, 0][order]
        scipy.io.savemat(path, labels)
    same(people(stored("mpi_inf_3dhp", root, "train")), before)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_frame_is_counted_and_shifts_no_labels(copy_of, name):
    root = copy_of(name)
    whole = stored(name, root)
    before, absent = people(whole), whole["image"][2]
    (root / absent).unlink()
    with pytest.warns(UserWarning, match="left out because their image is absent"):
        store = stored(name, root)
    gone = {key for key in before if key[0] == absent}
    assert json.loads(store.attrs["left_out"])["image absent"] == len(gone) > 0
    assert store.attrs["records"] == len(store) == TEST - len(gone)
    same(people(store), {key: values for key, values in before.items() if key not in gone})
    with pytest.raises(StudyError, match=r"`strict` is on"):
        stored(name, root, strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_image_is_named(copy_of, stand_in, name):
    root = copy_of(name)
    image = root / stored(name, root)["image"][3]
    image.write_bytes(image.read_bytes()[:-50])
    (root / f"{name}.h5").unlink()
    with pytest.raises(StudyError, match=f"{image.name}: truncated or not an image"):
        stored(name, root)
    assert not (root / f"{name}.h5").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_label_file_is_named(copy_of, name):
    root = copy_of(name)
    path = root / LABELS[name]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(StudyError, match=path.name):
        stored(name, root)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_of_another_size_is_named(copy_of, name):
    """Half as large: what the labels say of the size, the camera, or where the joints lie does not fit any
    more."""
    root = copy_of(name)
    store = stored(name, root)
    for image in set(store["image"]):
        picture = cv2.imread(str(root / image))
        cv2.imwrite(str(root / image), cv2.resize(picture, None, fx=0.5, fy=0.5))
    (root / f"{name}.h5").unlink()
    with pytest.raises(StudyError, match=r"is \d+×\d+ px, but|times across their images"):
        stored(name, root)


class Calls:
    """A pickle of this would write a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_that_calls_a_function_is_refused(copy_of, tmp_path, name):
    root = copy_of(name)
    (root / LABELS[name]).write_bytes(pickle.dumps([{"image": Calls(str(tmp_path / "called"))}]))
    with pytest.raises(StudyError, match=r"asks to load (_?io|builtins)\.open"):
        stored(name, root)
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        ("lsp", "flic/examples.mat", "has no joints but examples; this is the file of another data set"),
        (
            "lsp",
            "lsp_extended/joints.mat",
            "joints has shape .* this is the file of another data set or download",
        ),
        ("flic", "lsp/joints.mat", "has no examples but joints; this is the file of another data set"),
        (
            "flic",
            "mpi_inf_3dhp/S1/Seq1/annot.mat",
            "has no examples but annot2, .* this is the file of another data set",
        ),
        ("mpi_inf_3dhp", "lsp/joints.mat", "truncated or not an HDF5 file"),
    ],
)
def test_the_mat_of_another_set_is_refused(copy_of, stand_in, name, other, message):
    root = copy_of(name)
    shutil.copy(stand_in(other.split("/")[0].removesuffix("_extended")) / other, root / LABELS[name])
    with pytest.raises(StudyError, match=f"{(root / LABELS[name]).name}: {message}"):
        stored(name, root)


def test_the_mat_of_another_set_is_no_training_sequence(copy_of, stand_in):
    root = copy_of("mpi_inf_3dhp")
    shutil.copy(
        stand_in("flic") / "flic" / "examples.mat", root / "mpi_inf_3dhp" / "S1" / "Seq1" / "annot.mat"
    )
    with pytest.raises(StudyError, match="annot.mat: has no frames but examples"):
        stored("mpi_inf_3dhp", root, "train")
