"""Prepared stores, open for reading: one HDF5 file per data set and split (made by `preparation`).

Which arrays and attributes a store has is checked when it is opened, from headers alone. N records; image
coordinates are 0-based px, the integer at a pixel's centre; NaN where missing.
"""

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import cv2
import h5py
import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.data.crops import decode_jpeg
from hpe_study.datasets.hdf5 import DAMAGED, hard_member, require_readable
from hpe_study.errors import StudyError, brief
from hpe_study.skeletons import Skeleton, by_name

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
Origin = Literal["simulated", "real", "pseudo-labelled"]
CHUNK = 256  # crops decoded at a time


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
        if (array := hard_member(file, key)) is None:
            raise damaged(path, f"{key} is missing or lies in another file")
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
    """Check a label array: missing is NaN, nothing is infinite or absurd, every box has a size."""
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
    array = hard_member(file, key)
    return array.shape[0] if isinstance(array, h5py.Dataset) and array.shape else 0


class LabelArrays:
    """Label arrays of people by name, as a store holds them (`LABELS`)."""

    path: Path
    attrs: dict
    own_skeleton: Skeleton  # the data set's own (of the `own_*` arrays)

    def __getitem__(self, key: str) -> np.ndarray:
        """A whole label array."""
        raise NotImplementedError

    @property
    def boxes(self) -> Boxes:
        """The boxes of all its people."""
        return Boxes(self["center"], self["side"])


class Store(LabelArrays):
    """A prepared store: label arrays by name (`store["joints2d"]`), crops by `crops(indices)`.

    Safe to send to worker processes: each opens the file for itself.
    """

    def __init__(self, path: Path, in_memory: bool = False) -> None:
        """Open a store, or a copy of its labels; `StudyError` where it is none or damaged.

        With `in_memory` all crops are decoded now and kept.
        """
        self.path, self.in_memory = Path(path), in_memory
        self._file, self._cache = None, {}
        require_readable(self.path)
        with self._named_errors():
            check_store(self._open(), self.path)
            self.attrs = dict(self._open().attrs)
        self.encoding, self.own_skeleton = self.attrs["encoding"], by_name(self.attrs["own_skeleton"])
        if in_memory:
            chunks = np.array_split(np.arange(len(self)), range(CHUNK, len(self), CHUNK))
            self._cache["crops"] = np.concatenate([self.crops(chunk) for chunk in chunks])

    def _open(self):
        if self._file is None:
            self._file = h5py.File(self.path)
        return self._file

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Turn h5py's errors for a truncated or damaged file into a `StudyError` that names it."""
        try:
            yield
        except DAMAGED as error:
            raise damaged(self.path, brief(error)) from error

    def __getstate__(self) -> dict:
        """Without the open file, and without the crops in memory: they stay in the process that has them."""
        return {**self.__dict__, "_file": None, "_cache": {}}

    def __len__(self) -> int:
        """Number of people."""
        return self._open()["side"].shape[0]

    def __getitem__(self, key: str) -> np.ndarray:
        """A whole label array; texts as an array of str."""
        if key not in self._cache:
            values = self._open()[key]
            with self._named_errors():
                values = values.asstr()[:].astype(str) if key in TEXTS else values[:]
            check_values(key, values, self.path)
            self._cache[key] = values
        return self._cache[key]

    @property
    def simulated(self) -> bool:
        """Whether the pictures are simulated people."""
        return bool(self.attrs["simulated"])

    @property
    def origin(self) -> Origin:
        """Where its people and labels come from; scores of different origins never share a column."""
        return "simulated" if self.simulated else "pseudo-labelled" if self.attrs.get("pseudo") else "real"

    def crops(self, indices: Iterable[int]) -> np.ndarray:
        """Crops in the order of `indices`, (len(indices), S, S, 3) uint8 RGB.

        Raises `StudyError` where a crop is damaged, or the file is a copy of labels.
        """
        indices = np.asarray(indices)
        if "crops" in self._cache:
            return self._cache["crops"][indices]
        with self._named_errors():
            if ("crop_bytes" if self.encoding == "jpeg" else "crops") not in self._open():
                raise StudyError(f"{self.path}: holds labels without crops; open the prepared store instead")
            if self.encoding == "jpeg":
                return self._decoded(indices)
            unique, back = np.unique(indices, return_inverse=True)  # h5py wants rising indices, each once
            return self._open()["crops"][unique][back]

    def boxed(self, index: int) -> np.ndarray:
        """The crop of one person cut to their box, which is what a network sees: (S, S, 3) uint8 RGB."""
        crop = self.crops([index])[0]
        left, top, side = self["region"][index]
        px = len(crop) / side  # of the crop, for one of the picture
        x, y = (self["center"][index] + 0.5 - self["side"][index] / 2 - (left, top)) * px
        size = max(round(self["side"][index] * px), 1)
        step = self["side"][index] * px / size
        places = np.array([[step, 0, x + step / 2 - 0.5], [0, step, y + step / 2 - 0.5]])
        return cv2.warpAffine(crop, places, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)

    def _decoded(self, indices):
        data, offsets = self._open()["crop_bytes"], self["crop_offsets"]
        size = self.attrs["crop_size"]
        images = np.empty((len(indices), size, size, 3), np.uint8)
        for image, i in zip(images, indices, strict=True):
            start, stop = offsets[i], offsets[i + 1]
            decoded = decode_jpeg(data[start:stop], size) if 0 <= start < stop <= len(data) else None
            if decoded is None:
                crop = f"the crop of record {i} ({self['image'][i]})"
                raise StudyError(f"{self.path}: {crop} is damaged; {ADVICE}")
            image[:] = decoded
        return images


class StoreSubset(LabelArrays):
    """The labels of some of a store's people: the same arrays with fewer rows."""

    def __init__(self, store: Store, chosen: np.ndarray) -> None:
        """Choose people by their indices, or by a mask."""
        self._store, self._chosen = store, chosen
        self.path, self.attrs, self.own_skeleton = store.path, store.attrs, store.own_skeleton

    def __getitem__(self, key: str) -> np.ndarray:
        """A label array of the people chosen."""
        return self._store[key][self._chosen]
