"""Which arrays and attributes a prepared store has. Checked when one is opened, from headers alone.

N records; image coordinates are 0-based px, the integer at a pixel's centre; NaN where missing.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from hpe_study.errors import StudyError
from hpe_study.skeletons import by_name

ADVICE = "delete it and run the same command again to have it made"
TEXTS = ("image", "subject", "sequence", "action", "camera")
OWN = "J"  # in a shape: the number of joints of the data set's own skeleton (attribute `own_skeleton`)

LABELS = {  # name: dtype, shape for one record
    "region": ("int32", (3,)),  # left, top, side in px of the stored square
    "center": ("float32", (2,)),  # px, of the person's box: the crop that a network sees is this square
    "side": ("float32", ()),  # px, of the person's box
    "joints2d": ("float32", (16, 2)),  # px, MPII-16
    "labelled": ("bool", (16,)),
    "occluded": ("int8", (16,)),  # 1 hidden, 0 seen, -1 unknown
    "joints3d": ("float32", (16, 3)),  # mm, camera frame, MPII-16
    "depth": ("float32", (16,)),  # root-relative, in sides of the box: scale · z / side
    "scale": ("float64", ()),  # px per mm, see `crops.similarity_scale`
    "intrinsics": ("float64", (4,)),  # fx, fy, cx, cy in px
    "head_size": ("float32", ()),  # px
    "own_joints2d": ("float32", (OWN, 2)),  # px, the data set's own skeleton
    "own_joints3d": ("float32", (OWN, 3)),  # mm, likewise
    "own_joints3d_universal": ("float32", (OWN, 3)),  # mm, likewise
    **dict.fromkeys(TEXTS, ("object", ())),
    "frame": ("int64", ()),  # -1: unknown
    "index": ("int64", ()),  # of the label row; -1: unknown
}
ATTRIBUTES = {
    "key": str, "settings": str, "name": str, "split": str, "own_skeleton": str, "encoding": str,
    "simulated": (bool, np.bool_), "crop_size": (int, np.integer), "input_size": (int, np.integer),
    "margin": (float, np.floating, int, np.integer),
}  # fmt: skip
LARGEST_CROP = 4096  # px
LARGEST = 1e7  # px, or mm from the camera

Shapes = Mapping[str, tuple[str, tuple]]


def check_store(file: h5py.File, path: Path) -> None:
    """Check an open store, or a copy of its labels without the crops; `StudyError` says what is wrong."""
    attributes = dict(file.attrs)
    for name, kind in ATTRIBUTES.items():
        if not isinstance(attributes.get(name), kind):
            raise damaged(path, f"attribute {name} is missing or of another kind")
    size = attributes["crop_size"]
    if not 0 < size <= LARGEST_CROP or attributes["encoding"] not in ("raw", "jpeg"):
        raise damaged(path, f"crops of {size} px, encoded as {attributes['encoding']!r}")
    try:
        joints = len(by_name(attributes["own_skeleton"]))
    except KeyError as error:
        raise damaged(path, error.args[0]) from error
    count = _length(file, "side")
    expected = {key: (dtype, (count, *shape)) for key, (dtype, shape) in of_skeleton(joints).items()}
    if "crops" in file:
        expected["crops"] = ("uint8", (count, size, size, 3))
    if "crop_bytes" in file or "crop_offsets" in file:
        expected |= {
            "crop_bytes": ("uint8", (_length(file, "crop_bytes"),)),
            "crop_offsets": ("int64", (count + 1,)),
        }
    check_arrays(file, path, expected)


def of_skeleton(joints: int) -> Shapes:
    """`LABELS` of a data set whose own skeleton has so many joints."""
    return {
        key: (dtype, tuple(joints if length == OWN else length for length in shape))
        for key, (dtype, shape) in LABELS.items()
    }


def check_arrays(file: h5py.File, path: Path, expected: Shapes) -> None:
    """Raise `StudyError` unless arrays are there, of these dtypes and whole shapes, in the file itself."""
    available = Path(path).stat().st_size
    for key, (dtype, shape) in expected.items():
        if not isinstance(file.get(key, getlink=True), h5py.HardLink):
            raise damaged(path, f"{key} is missing or lies in another file")
        array = file[key]
        if not isinstance(array, h5py.Dataset) or array.shape != shape or array.dtype != np.dtype(dtype):
            raise damaged(path, f"{key} is not {dtype} of shape {shape}")
        if key in TEXTS and h5py.check_string_dtype(array.dtype) is None:
            raise damaged(path, f"{key} is not text")
        properties, stored = array.id.get_create_plist(), array.id.get_storage_size()
        if array.is_virtual or properties.get_external_count() or properties.get_nfilters():
            raise damaged(path, f"{key} lies in another file, or is compressed")
        if stored > available or stored < math.prod(shape) * array.dtype.itemsize:
            raise damaged(path, f"{key} declares more than the file holds")


def check_values(key: str, values: np.ndarray, path: Path) -> None:
    """Check the values of a label array: missing is NaN, nothing is infinite or absurd, every box has a size.

    Raises:
        StudyError: Naming the first record that is otherwise.
    """
    if values.dtype.kind != "f":
        return
    wrong = np.abs(values) > (np.finfo(float).max if key in ("scale", "depth") else LARGEST)
    wrong |= (key in ("center", "side")) & np.isnan(values)
    wrong |= (key == "side") & (values <= 0)
    if wrong.any():
        raise damaged(path, f"{key} of record {np.argwhere(wrong)[0, 0]} is {values[wrong][0]:g}")


def damaged(path: Path, problem: str) -> StudyError:
    """The error for a file that is no whole store."""
    return StudyError(f"{path}: not a prepared store, or a damaged one ({problem}); {ADVICE}")


def _length(file, key):
    """Length of an array's first axis; 0 where there is none."""
    array = file[key] if isinstance(file.get(key, getlink=True), h5py.HardLink) else None
    return array.shape[0] if isinstance(array, h5py.Dataset) and array.shape else 0
