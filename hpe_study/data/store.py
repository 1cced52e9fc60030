"""Prepared stores, open for reading: one HDF5 file per data set and split (`schema`, `preparation`)."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.data.crops import decode_jpeg
from hpe_study.data.schema import ADVICE, TEXTS, check_store, check_values, damaged
from hpe_study.datasets.hdf5 import require_readable
from hpe_study.errors import StudyError
from hpe_study.skeletons import Skeleton, by_name

Origin = Literal["simulated", "real", "pseudo-labelled"]
CHUNK = 256  # crops decoded at a time


class Store:
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
        self.encoding = self.attrs["encoding"]
        if in_memory:
            self._cache["crops"] = np.concatenate(
                [self.crops(np.arange(i, min(i + CHUNK, len(self)))) for i in range(0, len(self), CHUNK)]
            )

    def _open(self):
        if self._file is None:
            self._file = h5py.File(self.path)
        return self._file

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Turn h5py's errors for a truncated or damaged file into a `StudyError` that names it."""
        try:
            yield
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise damaged(self.path, str(error).partition("\n")[0]) from error

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
    def boxes(self) -> Boxes:
        """The boxes of all its people."""
        return Boxes(self["center"], self["side"])

    @property
    def own_skeleton(self) -> Skeleton:
        """The data set's own skeleton (of the `own_*` arrays)."""
        return by_name(self.attrs["own_skeleton"])

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

    def _decoded(self, indices):
        data, offsets = self._open()["crop_bytes"], self["crop_offsets"]
        size = self.attrs["crop_size"]
        images = np.empty((len(indices), size, size, 3), np.uint8)
        for image, i in zip(images, indices, strict=True):
            start, stop = offsets[i], offsets[i + 1]
            decoded = decode_jpeg(data[start:stop], size) if 0 <= start < stop <= len(data) else None
            if decoded is None:
                raise StudyError(
                    f"{self.path}: the crop of record {i} ({self['image'][i]}) is damaged; {ADVICE}"
                )
            image[:] = decoded
        return images


class StoreSubset:
    """The labels of some of a store's people: the same arrays with fewer rows."""

    def __init__(self, store: Store, chosen: np.ndarray) -> None:
        """Choose people by their indices, or by a mask."""
        self._store, self._chosen = store, chosen
        self.path, self.attrs, self.own_skeleton = store.path, store.attrs, store.own_skeleton

    def __getitem__(self, key: str) -> np.ndarray:
        """A label array of the people chosen."""
        return self._store[key][self._chosen]

    @property
    def boxes(self) -> Boxes:
        """The boxes of all its people."""
        return Boxes(self["center"], self["side"])
