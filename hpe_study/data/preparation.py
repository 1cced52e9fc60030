"""Records → one HDF5 file per data set and split: square crops with a margin, and every label a run needs.

Preparation streams: chunks of records become part files (each whole or absent, so a kill loses at most the
chunks in hand), which are then joined into the store under a temporary name and renamed. Labels are held
once, by the process that was asked; workers get the records of a chunk and hold nothing else. A store carries
a key of what it was made from (`store_key`): another key means it is made anew.
"""

import json
import shutil
from collections import deque
from collections.abc import Iterable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hpe_study.data.crops import crop_square, encode_jpeg, similarity_scale, stored_region
from hpe_study.data.store import LABELS, TEXTS, check_arrays, of_skeleton
from hpe_study.data.store_key import VERSION, StoreSettings, store_key, stored_key
from hpe_study.datasets import open_dataset
from hpe_study.datasets.hdf5 import DAMAGED
from hpe_study.datasets.label_mapping import CORRECT, LabelMapping
from hpe_study.datasets.record import LARGEST_PICTURE, Record, check_fit
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.utils.files import ask_for_room, atomic, lock
from hpe_study.utils.pictures import read_picture
from hpe_study.utils.processes import pool
from hpe_study.utils.progress import progress_bar

CHUNK = 256  # records in a part file
CHUNKS_PER_WORKER = 4  # at least: starting a process takes as long as some hundred crops


def prepare(settings: StoreSettings, root: Path, path: Path, workers: int = 1, progress: bool = True) -> Path:
    """Make the store of one data set and split at `path`, or reuse the one that is there.

    Raises:
        StudyError: The set is missing, the split is empty, a picture or label is broken, or nothing can be
            written at `path`.
    """
    path, root = Path(path), Path(root)
    name, split, mapping = settings.data_set, settings.split, settings.mapping
    options = {**settings.options, **mapping.options}
    records = open_dataset(name, root, split, strict=settings.strict, **options)
    if len(records) == 0:
        left_out = dict(records.left_out) or "none"
        raise StudyError(f"{root}: {name} has no usable record in its {split} split (left out: {left_out})")
    key = store_key(records, settings)
    if stored_key(path) == key:
        return path
    if path.is_dir():
        raise StudyError(f"{path}: is a folder; the store needs that name")
    parts = path.with_name(f"{path.stem}.parts-{key[:12]}")
    # One lock whatever the settings, because leftovers of other settings are cleared away.
    with lock(path.parent, wait=True, name=path.stem):
        if stored_key(path) == key:  # another process has made it meanwhile
            return path
        _clear_leftovers(path, parts)
        starts, end = range(0, len(records), CHUNK), len(records)
        chunks = {parts / f"{start:08d}.h5": range(start, min(start + CHUNK, end)) for start in starts}
        parts.mkdir(exist_ok=True)
        joints = len(records.skeleton)
        missing = {part: rows for part, rows in chunks.items() if not _is_whole(part, len(rows), joints)}
        ready = len(records) - sum(map(len, missing.values()))
        look = {"desc": f"prepare {name} {split}", "unit": "crop", "disable": not progress}
        with progress_bar(total=len(records), initial=ready, **look) as bar:
            for count in _write_parts(records, missing, (records.root, settings), workers):
                bar.update(count)
        _join(chunks, path, _attributes(records, settings, key))
        shutil.rmtree(parts)
    return path


def check_record(record: Record) -> None:
    """Raise `StudyError`, naming the picture, where a record's numbers cannot be those of a person."""
    image, center, side = record.image, record.center, record.side
    if not np.isfinite(center).all() or not np.isfinite(side) or side <= 0:
        raise StudyError(f"{image}: its label gives no crop (centre {center}, side {side})")
    infinite = np.isinf(record.joints2d).any() or np.isinf(record.joints3d).any()
    if infinite or np.isnan(record.joints2d[record.labelled]).any():
        raise StudyError(f"{image}: a joint marked as labelled has no finite coordinates")


def record_to_row(
    record: Record, root: Path, crop: tuple[int, float], image: np.ndarray, mapping: LabelMapping = CORRECT
) -> dict[str, Any]:
    """One record as a store's values (`store.LABELS`), and "crop": (S, S, 3) uint8.

    Image paths are written relative to `root`; `crop` is the side of the stored square in px, and that over
    the side of the person's box.
    """
    size, margin = crop
    center, side = mapping.box(record)
    common2d = mapping.joints(record.joints2d, record.skeleton)
    common3d = mapping.joints(record.joints3d, record.skeleton)
    known = np.where(record.occluded < 0, np.nan, record.occluded)
    occluded = mapping.joints(known[:, None].astype(float), record.skeleton)[:, 0]
    scale = similarity_scale(record.joints3d, record.joints2d)
    root_depth = common3d[MPII16.index(MPII16.root), 2]
    region = stored_region(center, side, margin)
    universal = record.joints3d_universal
    if universal is None:
        universal = np.full_like(record.joints3d, np.nan)
    path, meta = record.image, record.meta
    return {
        "crop": crop_square(image, region, size),
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
        "image": str(path.relative_to(root) if path.is_relative_to(root) else path),
        **{key: str(meta.get(key, "")) for key in TEXTS[1:]},
        **{key: np.int64(-1 if meta.get(key) is None else meta[key]) for key in ("frame", "index")},
    }


def _write_part(path, records, root, settings):
    """Prepare a chunk of records into one part file; returns how many they are."""
    rows, crops, image, image_path = [], [], None, None
    for record in records:
        check_record(record)
        if record.image != image_path:  # several people of one image often stand next to each other
            image, image_path = read_picture(record.image, LARGEST_PICTURE), record.image
        check_fit(record, image.shape[1], image.shape[0])
        row = record_to_row(record, root, (settings.crop_size, settings.margin), image, settings.mapping)
        crop = row.pop("crop")
        crops.append(encode_jpeg(crop) if settings.encoding == "jpeg" else crop)
        rows.append(row)
    with atomic(path) as part, h5py.File(part, "w") as file:
        if settings.encoding == "jpeg":
            file["crop_bytes"] = np.concatenate(crops)
            file["crop_lengths"] = np.array([len(crop) for crop in crops], np.int64)
        else:
            file["crops"] = np.stack(crops)
        for key in LABELS:
            values = [row[key] for row in rows]
            if key in TEXTS:
                file.create_dataset(key, data=np.array(values, object), dtype=h5py.string_dtype())
            else:
                file[key] = np.stack(values)
    return len(records)


def _write_parts(records, chunks, job_settings, workers):
    """Write the part files (path → numbers of its records), yielding how many records each holds."""
    jobs = ((part, [records[i] for i in numbers], *job_settings) for part, numbers in chunks.items())
    workers = min(workers, len(chunks) // CHUNKS_PER_WORKER)
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
            reason = "a preparing process was ended from outside (out of memory?)"
            raise StudyError(f"{reason}; run the same command again to go on") from error
        finally:
            processes.shutdown(cancel_futures=True)


def _clear_leftovers(path, parts):
    """Remove what a killed process left: parts of other settings, and files that were being written."""
    for other in path.parent.glob(f"{path.stem}.parts-*"):
        if other != parts:
            shutil.rmtree(other)
    for unfinished in (*path.parent.glob(f".{path.stem}.*.part{path.suffix}"), *parts.glob(".*.part.h5")):
        unfinished.unlink()


def _is_whole(part, count, joints):
    """Whether a part file is there with all its labels; what a failing disk cut short is made again."""
    if not part.is_file():
        return False
    expected = {key: (dtype, (count, *shape)) for key, (dtype, shape) in of_skeleton(joints).items()}
    try:
        with h5py.File(part) as file:
            check_arrays(file, part, expected)
            return "crops" in file or "crop_bytes" in file
    except (StudyError, *DAMAGED):
        return False


def _attributes(records, settings, key):
    """The store's attributes."""
    info, pseudo = records.info, {"pseudo": True} if records.info.pseudo else {}
    return {
        "key": key, "version": VERSION, "settings": json.dumps(settings.description()),
        "name": settings.data_set, "split": settings.split, "skeleton": MPII16.name,
        "own_skeleton": records.skeleton.name, "simulated": bool(records.simulated), "records": len(records),
        "left_out": json.dumps(dict(records.left_out)),
        "licence": info.licence, "citation": info.citation, "source": info.url,
        "units": "px (0-based, integer = pixel centre), mm (camera frame), crop sides (depth)",
        "encoding": settings.encoding, "crop_size": settings.crop_size, "input_size": settings.input_size,
        "margin": settings.margin, **pseudo,
    }  # fmt: skip


def _join(part_paths: Iterable[Path], path, attributes):
    """Append the part files into one store, chunk by chunk, and rename it into place."""
    with atomic(path) as temporary:
        # HDF5 may crash when the disk fills up.
        ask_for_room(temporary, sum(part.stat().st_size for part in part_paths))
        with h5py.File(temporary, "w") as store:
            lengths = [np.zeros(1, np.int64)]
            for part_path in part_paths:
                with h5py.File(part_path) as part:
                    for key, values in part.items():
                        if key == "crop_lengths":
                            lengths.append(values[:])
                        else:
                            _append(store, key, values)
            if len(lengths) > 1:
                store["crop_offsets"] = np.cumsum(np.concatenate(lengths))
            store.attrs.update(attributes)


def _append(store, key, values):
    """Append values to an array of a store, which is made with the first of them."""
    if key not in store:
        rows = 1 << 16 if values.ndim == 1 else 1 if key == "crops" else 64  # in a chunk of the file
        one, chunk = values.shape[1:], min(len(values), rows)
        store.create_dataset(key, (0, *one), values.dtype, maxshape=(None, *one), chunks=(chunk, *one))
    target = store[key]
    target.resize(target.shape[0] + values.shape[0], axis=0)
    target[-values.shape[0] :] = values[:]
