"""Records → one HDF5 file per data set and split: square crops with margin, and every label a run needs.

Preparation streams: chunks of records become part files (each whole or absent, so a kill loses at most the
chunks in hand), which are then joined into the store under a temporary name and renamed. Labels are held
once, by the process that was asked; workers get the records of a chunk and hold nothing else. A store carries
a key of what it was made from (`store_key`): another key means it is made anew.

Arrays of a store, N records (image coordinates: 0-based px, integer = pixel centre; NaN where missing):
    crops / crop_bytes + crop_offsets   (N, S, S, 3) uint8 RGB, or JPEG files back to back
    region       (N, 3) int32    left, top, side in px of the stored square: it covers `margin` times the
                 person's box
    center, side (N, 2), (N,)    the person's box in px: the crop that a network sees is this square
    joints2d     (N, 16, 2)      px, MPII-16                     labelled, occluded  (N, 16) bool, int8 (-1:
                 not said)
    joints3d     (N, 16, 3)      mm, camera frame, MPII-16       depth  (N, 16) root-relative, in crop sides:
                 scale · z / side
    scale        (N,)            px per mm: the 2D similarity that maps root-relative x, y onto the image
                 joints
    intrinsics   (N, 4)          fx, fy, cx, cy in px            head_size  (N,) px
    own_joints2d, own_joints3d, own_joints3d_universal           in the data set's own skeleton (attribute
                                                                 `own_skeleton`)
    image, subject, sequence, action, camera (strings), frame, index (integers)
"""

import json
import shutil
from collections import deque
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
import h5py
import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.data.store_key import VERSION, settings_of, store_key, stored_key
from hpe_study.datasets import open_dataset
from hpe_study.datasets.fit import LARGEST_PICTURE, check_fit
from hpe_study.datasets.label_mapping import CORRECT, label_mapping
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16, by_name
from hpe_study.utils.files import ask_for_room, atomic, lock
from hpe_study.utils.pictures import read_picture
from hpe_study.utils.processes import pool
from hpe_study.utils.progress import progress_bar

CHUNK = 256  # records a part file holds
_CHUNKS_A_WORKER = 4  # at least: starting a process takes as long as some hundred crops
JPEG_QUALITY = 92
TEXTS = ("image", "subject", "sequence", "action", "camera")


# ---------------------------------------------------------------- geometry


def similarity_scale(joints3d, joints2d):
    """px per mm of the similarity (scale and shift) that maps x, y of 3D joints onto image joints, by least
    squares.

    For a pinhole camera this is its own scale, focal length / distance, averaged over the joints: f · Σ w/z /
    Σ w with w = (x − x̄)·x + (y − ȳ)·y, where x, y, z are the joints in the camera's frame. A person has no
    one distance, so f over the root's depth
    is another number: the same within 1 % over a set, up to 9 % off for single people of a level camera 5 m
    away, and up to 25 % for somebody seen steeply from 4 m (measured on simulated Human3.6M and
    MPI-INF-3DHP).

    joints3d: (J, 3) mm, camera frame; joints2d: (J, 2) px; NaN where missing. NaN where fewer than two joints
    have both.
    """
    both = ~(np.isnan(joints3d).any(-1) | np.isnan(joints2d).any(-1))
    if both.sum() < 2:
        return np.nan
    mm, px = joints3d[both, :2], joints2d[both]
    mm, px = mm - mm.mean(0), px - px.mean(0)
    spread = (mm**2).sum()
    scale = (mm * px).sum() / spread if spread > 0 else np.nan
    return float(scale) if scale > 0 else np.nan


def stored_region(center, side, margin):
    """(left, top, side) in whole px of the square that is stored for a box: the box's centre, `margin` times
    its side."""
    size = max(int(np.ceil(side * margin)), 2)
    left, top = np.round(np.asarray(center) + 0.5 - size / 2).astype(int)
    return int(left), int(top), size


def cut(image, region, size):
    """The square `region` of an (H, W, 3) image as (size, size, 3); black beyond the image. Shrinks by area,
    so nothing aliases."""
    left, top, side = region
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    square = np.zeros((side, side, 3), np.uint8)
    if x1 > x0 and y1 > y0:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR)


def read_image(path: str | Path) -> np.ndarray:
    """Read a picture of a data set as (H, W, 3) uint8 RGB. Raises `StudyError` as `read_picture` does."""
    return read_picture(path, LARGEST_PICTURE)


# ---------------------------------------------------------------- preparation


def record_to_row(record, root, size, margin, encoding, image, mapping=CORRECT):
    """One record as the store's values (see the module's list). mapping: of its data set."""
    center, side = mapping.box(record)
    common2d = mapping.joints(record.joints2d, record.skeleton)
    common3d = mapping.joints(record.joints3d, record.skeleton)
    scale = similarity_scale(record.joints3d, record.joints2d)
    root_depth = common3d[MPII16.index(MPII16.root), 2]
    region = stored_region(center, side, margin)
    crop = cut(image, region, size)
    if encoding == "jpeg":
        crop = cv2.imencode(
            ".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        )[1].ravel()
    universal = (
        record.joints3d_universal
        if record.joints3d_universal is not None
        else np.full_like(record.joints3d, np.nan)
    )
    occluded = mapping.joints(
        np.where(record.occluded < 0, np.nan, record.occluded)[:, None].astype(float), record.skeleton
    )[:, 0]
    meta = record.meta
    return {
        "crop": crop,
        "region": np.array(region, np.int32),
        "center": np.asarray(center, np.float32),
        "side": np.float32(side),
        "joints2d": common2d.astype(np.float32),
        "labelled": ~np.isnan(common2d).any(-1),
        "occluded": np.where(np.isnan(occluded), -1, occluded > 0).astype(np.int8),
        "joints3d": common3d.astype(np.float32),
        "depth": (scale * (common3d[:, 2] - root_depth) / side).astype(np.float32),
        "scale": np.float64(scale),
        "intrinsics": np.asarray(record.intrinsics, np.float64),
        "head_size": np.float32(record.head_size),
        "own_joints2d": record.joints2d.astype(np.float32),
        "own_joints3d": record.joints3d.astype(np.float32),
        "own_joints3d_universal": universal.astype(np.float32),
        "image": str(record.image.relative_to(root) if record.image.is_relative_to(root) else record.image),
        **{key: str(meta.get(key, "")) for key in TEXTS[1:]},
        "frame": np.int64(-1 if meta.get("frame") is None else meta["frame"]),
        "index": np.int64(-1 if meta.get("index") is None else meta["index"]),
    }


def check_record(record):
    """A `StudyError` that names the image where a record's numbers cannot be right."""
    if not np.isfinite(record.center).all() or not np.isfinite(record.side) or record.side <= 0:
        raise StudyError(
            f"{record.image}: its label gives no crop (centre {record.center}, side {record.side})"
        )
    infinite = np.isinf(record.joints2d).any() or np.isinf(record.joints3d).any()
    if infinite or np.isnan(record.joints2d[record.labelled]).any():
        raise StudyError(f"{record.image}: a joint marked as labelled has no finite coordinates")


def _write_part(path, records, root, size, margin, encoding, mapping):
    """Prepare a chunk of records into one part file; returns how many they are."""
    rows, image, image_path = [], None, None
    for record in records:
        check_record(record)
        if record.image != image_path:  # several people of one image often stand next to each other
            image, image_path = read_image(record.image), record.image
        check_fit(record, image.shape[1], image.shape[0])
        rows.append(record_to_row(record, root, size, margin, encoding, image, mapping))
    with atomic(path) as part, h5py.File(part, "w") as file:
        for key in rows[0]:
            values = [row[key] for row in rows]
            if key == "crop" and encoding == "jpeg":
                file["crop_bytes"] = np.concatenate(values)
                file["crop_lengths"] = np.array([len(value) for value in values], np.int64)
            elif key in TEXTS:
                file.create_dataset(key, data=np.array(values, object), dtype=h5py.string_dtype())
            else:
                file["crops" if key == "crop" else key] = np.stack(values)
    return len(records)


def prepare(
    name,
    root,
    split,
    path,
    *,
    input_size,
    margin=1.5,
    encoding="jpeg",
    strict=False,
    legacy=(),
    workers=1,
    progress=True,
    **options,
):
    """Make (or reuse) the store of one data set and split; returns its path.

    The stored square has input_size·margin px a side. legacy: a `legacy:` list; those switches that change
    how this set is read are part of the store's settings. Raises `StudyError` for a missing set, an empty
    split, a broken image, or a place that cannot be written to.
    """
    path, root = Path(path), Path(root)
    settings = settings_of(
        name, split, legacy, input_size=input_size, margin=margin, encoding=encoding, strict=strict, **options
    )
    mapping = label_mapping(name, legacy)
    records = open_dataset(name, root, split, strict=strict, **options, **mapping.options)
    if len(records) == 0:
        raise StudyError(
            f"{root}: {name} has no usable record in its {split} split (left out:"
            f" {dict(records.left_out) or 'none'})"
        )
    key = store_key(records, settings)
    if path.exists() and stored_key(path) == key:
        return path
    if path.is_dir():
        raise StudyError(f"{path}: is a folder; the store needs that name")
    size, parts = round(input_size * margin), path.with_name(f"{path.stem}.parts-{key[:12]}")
    with lock(
        path.parent, wait=True, name=path.stem
    ):  # whatever the settings: what others left there is cleared away
        if stored_key(path) == key:  # another process has made it meanwhile
            return path
        _clear_leftovers(path, parts)
        chunks = {
            parts / f"{start:08d}.h5": range(start, min(start + CHUNK, len(records)))
            for start in range(0, len(records), CHUNK)
        }
        parts.mkdir(exist_ok=True)
        missing = {part: numbers for part, numbers in chunks.items() if not _is_whole(part)}
        ready = len(records) - sum(map(len, missing.values()))
        with progress_bar(
            total=len(records),
            initial=ready,
            desc=f"prepare {name} {split}",
            unit="crop",
            disable=not progress,
        ) as bar:
            for done in _write_parts(records, missing, (root, size, margin, encoding, mapping), workers):
                bar.update(done)
        _join(chunks, path, _attributes(records, settings, key, size))
        shutil.rmtree(parts)
    return path


def _clear_leftovers(path, parts):
    """Remove what a killed process left: parts of other settings, and files that were being written."""
    for other in path.parent.glob(f"{path.stem}.parts-*"):
        if other != parts:
            shutil.rmtree(other)
    for unfinished in (*path.parent.glob(f".{path.stem}.*.part{path.suffix}"), *parts.glob(".*.part.h5")):
        unfinished.unlink()


def _is_whole(part):
    """Whether a part file is there and can be opened; what a failing disk cut short is made again."""
    try:
        with h5py.File(part) as file:
            return "index" in file
    except OSError:
        return False


def _attributes(records, settings, key, size):
    """The store's attributes. settings: as in `prepare`; size: px a side of the stored square."""
    return {
        "key": key,
        "version": VERSION,
        "settings": json.dumps(settings),
        "name": settings["name"],
        "split": settings["split"],
        "skeleton": MPII16.name,
        "own_skeleton": records.skeleton.name,
        "simulated": bool(records.simulated),
        "records": len(records),
        "left_out": json.dumps(dict(records.left_out)),
        "licence": records.info.licence,
        "citation": records.info.citation,
        "source": records.info.url,
        "units": "px (0-based, integer = pixel centre), mm (camera frame), crop sides (depth)",
        "encoding": settings["encoding"],
        "crop_size": size,
        "input_size": settings["input_size"],
        "margin": settings["margin"],
    }


def _write_parts(records, chunks, settings, workers):
    """Write the part files, yielding how many records each holds. chunks: path → numbers of its records."""
    jobs = ((part, [records[number] for number in numbers], *settings) for part, numbers in chunks.items())
    workers = min(workers, len(chunks) // _CHUNKS_A_WORKER)
    if workers <= 1:
        yield from (_write_part(*job) for job in jobs)
        return
    with pool(workers) as processes:
        waiting = deque()  # a few, so that not all records are in memory at once
        try:
            for job in jobs:
                waiting.append(processes.submit(_write_part, *job))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise StudyError(
                "a preparing process was ended from outside (out of memory?); run the same command again to"
                " go on"
            ) from error
        finally:
            processes.shutdown(cancel_futures=True)


def _roomy(path, part_paths):
    """A new HDF5 file, once there is room for all of the parts in it."""
    ask_for_room(path, sum(part.stat().st_size for part in part_paths))
    return h5py.File(path, "w")


def _join(part_paths, path, attributes):
    """Append the part files into one store, chunk by chunk, and rename it into place."""
    with atomic(path) as temporary, _roomy(temporary, part_paths) as store:
        lengths = [np.zeros(1, np.int64)]
        for part_path in part_paths:
            with h5py.File(part_path) as part:
                for key, values in part.items():
                    if key == "crop_lengths":
                        lengths.append(values[:])
                        continue
                    if key not in store:
                        chunks = (
                            (
                                min(len(values), 1 << 16)
                                if values.ndim == 1
                                else 1
                                if key == "crops"
                                else min(len(values), 64)
                            ),
                            *values.shape[1:],
                        )
                        store.create_dataset(
                            key,
                            (0, *values.shape[1:]),
                            values.dtype,
                            maxshape=(None, *values.shape[1:]),
                            chunks=chunks,
                        )
                    target = store[key]
                    target.resize(target.shape[0] + values.shape[0], axis=0)
                    target[-values.shape[0] :] = values[:]
        if len(lengths) > 1:
            store["crop_offsets"] = np.cumsum(np.concatenate(lengths))
        store.attrs.update(attributes)


# ---------------------------------------------------------------- reading


class Store:
    """A prepared store, open for reading. Labels are arrays by name (`store["joints2d"]`); crops come by
    `crops(indices)`.

    Safe to send to worker processes: each opens the file for itself. Raises `StudyError` when the file is no
    store.
    """

    def __init__(self, path, in_memory=False):
        self.path, self.in_memory = Path(path), in_memory
        self._file, self._cache = None, {}
        if stored_key(self.path) is None:
            raise StudyError(
                f"{self.path}: not a prepared store; delete it and run the same command again to have it made"
            )
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

    def __getstate__(self):
        return {**self.__dict__, "_file": None, "_cache": {}}  # the crops in memory stay with who holds them

    def __len__(self):
        return self._open()["side"].shape[0]

    def __getitem__(self, key):
        """A whole label array; texts as an array of str."""
        if key not in self._cache:
            values = self._open()[key]
            self._cache[key] = values.asstr()[:].astype(str) if key in TEXTS else values[:]
        return self._cache[key]

    @property
    def boxes(self) -> Boxes:
        """The boxes of all its people."""
        return Boxes(self["center"], self["side"])

    @property
    def own_skeleton(self):
        """The data set's own skeleton (of the `own_*` arrays)."""
        return by_name(self.attrs["own_skeleton"])

    @property
    def simulated(self):
        """Whether the pictures are simulated people."""
        return bool(self.attrs["simulated"])

    def crops(self, indices):
        """(len(indices), S, S, 3) uint8 RGB, in the order of `indices`."""
        indices = np.asarray(indices)
        if "crops" in self._cache:
            return self._cache["crops"][indices]
        file = self._open()
        if self.encoding == "raw":
            unique, back = np.unique(indices, return_inverse=True)  # h5py wants rising indices, each once
            return file["crops"][unique][back]
        offsets = self["crop_offsets"]
        data = file["crop_bytes"]
        size = self.attrs["crop_size"]
        images = np.empty((len(indices), size, size, 3), np.uint8)
        for image, i in zip(images, indices, strict=True):
            cv2.cvtColor(
                cv2.imdecode(data[offsets[i] : offsets[i + 1]], cv2.IMREAD_COLOR),
                cv2.COLOR_BGR2RGB,
                dst=image,
            )
        return images


class StoreSubset:
    """The labels of some of a store's people: the same arrays with fewer rows. chosen: indices or a mask."""

    def __init__(self, store, chosen):
        self._store, self._chosen = store, chosen
        self.path, self.attrs, self.own_skeleton = store.path, store.attrs, store.own_skeleton

    def __getitem__(self, key):
        return self._store[key][self._chosen]

    @property
    def boxes(self) -> Boxes:
        """The boxes of all its people."""
        return Boxes(self["center"], self["side"])
