"""Steps 2 and 3 of the quarter of an hour: the published LSP training on the real photographs, then stages 2
and 3 with simulated Human3.6M; and how the photographs travel."""

import shutil
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import torch

from benchmarks.cuda_graph import Pace, Setting, fit_in_time
from hpe_study.data.preparation import prepare
from hpe_study.data.store import CHUNK, Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.datasets.base import SPLITS, MissingSetError
from hpe_study.errors import StudyError
from hpe_study.evaluation.evaluate import evaluate
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from hpe_study.study import Run, Study
from hpe_study.training.job import RunData, Runtime, TrainingJob
from hpe_study.utils.files import atomic, digest_of, read_json, require_regular_file
from simulated_people import StandInSpec, make

BOX, MARGIN = (
    160,
    1.25,
)  # px of the person's box in a store, about what the photographs have; stored around it
PHOTOS = (("lsp", "train"), ("lsp", "test"), ("lsp_pseudo3d", "test"), ("pose2sim", "test"))
ARCHIVE = "people.zip"
QUALITIES = (90, 80, 70, 60, 50, 45, 40, 35, 30, 20)  # of WebP: 2 dB better than JPEG at the same size
FOR_LABELS = 0.93  # of the archive's size for pictures
SAMPLE = 300  # crops that a quality is chosen by
LARGEST = 16_000_000  # bytes of a file that is to be brought back


@dataclass(frozen=True)
class Place:
    """Where steps 2 and 3 work.

    Attributes:
        study: its parameters and folders.
        people: folder of the stores.
        workers: processes that render and prepare.
    """

    study: Study
    people: Path
    workers: int = 1


# ---------------------------------------------------------------- how the photographs travel


def pack(out: Path, root: Path, megabytes: float = 48, workers: int = 1) -> Path:
    """Write the stores of real people as one archive, with the best WebP quality that fits.

    Photographs that are in LSP's training and test half are left out of training, as the reader does.

    Args:
        out: folder of the archive.
        root: data root with `lsp`, `lsp_extended` and, if at hand, `spin_fits`.
        megabytes: of the archive at most.
        workers: processes that prepare.

    Raises:
        StudyError: LSP is not there, or does not fit.
    """
    path = Path(out) / ARCHIVE
    with atomic(path) as part, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        stores = {}
        for name, split in PHOTOS:
            store = Path(folder) / f"{name}-{split}.h5"
            try:
                stores[store.name] = prepare(_settings(name, split, "jpeg"), root, store, workers)
            except MissingSetError as error:
                if name == "lsp":
                    raise
                print(f"left out: {error}")
        limit = FOR_LABELS * 1e6 * megabytes
        quality = next((q for q in QUALITIES if _bytes_at(stores.values(), q) < limit), None)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, store in stores.items() if quality else ():
                archive.write(_compress(store, quality), name)
        if quality is None or part.stat().st_size > 1e6 * megabytes:
            raise StudyError(f"{path}: the crops do not fit into {megabytes} MB; allow more (--megabytes)")
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, WebP quality {quality}, {', '.join(stores)}")
    return path


def _settings(name, split, encoding):
    return StoreSettings(name, split, BOX, MARGIN, encoding)


def _encoded(store, rows, quality):
    options = [cv2.IMWRITE_WEBP_QUALITY, quality]
    for start in range(0, len(rows), CHUNK):
        for crop in store.crops(rows[start : start + CHUNK]):
            yield cv2.imencode(".webp", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), options)[1].ravel()


def _bytes_at(paths, quality):
    """How many bytes the crops of stores take about, from a sample of each."""
    total = 0.0
    for path in paths:
        store = Store(path)
        rows = np.unique(np.linspace(0, len(store) - 1, min(SAMPLE, len(store))).astype(int))
        total += np.mean([len(data) for data in _encoded(store, rows, quality)]) * len(store)
    return total


def _compress(path, quality):
    """A store's copy with crops of a WebP quality, and a key of its own; `_decompress` makes it a store again."""
    store, copy = Store(path), path.with_suffix(".packed.h5")
    with h5py.File(copy, "w") as file:
        _copy_labels(path, file)
        crops = list(_encoded(store, np.arange(len(store)), quality))
        file["crop_bytes"] = np.concatenate(crops)
        file["crop_offsets"] = np.cumsum([0, *map(len, crops)], dtype=np.int64)
        file.attrs.update(key=digest_of([store.attrs["key"], quality]), webp_quality=quality)
    return copy


def _decompress(path, target):
    """Write the store of a packed copy, with raw crops."""
    with h5py.File(path) as packed, atomic(target) as part, h5py.File(part, "w") as file:
        _copy_labels(path, file)
        data, offsets = packed["crop_bytes"][:], packed["crop_offsets"][:]
        pictures = np.split(data, offsets[1:-1])
        with ThreadPoolExecutor() as threads:
            file["crops"] = np.stack(list(threads.map(_decoded_rgb, pictures)))
        file.attrs.update(encoding="raw")


def _decoded_rgb(data):
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _copy_labels(path, file):
    with h5py.File(path) as source:
        for name in source:
            if not name.startswith("crop"):
                source.copy(name, file)
        file.attrs.update(source.attrs)


# ---------------------------------------------------------------- stores


def make_lsp(place: Place, data: Path | None) -> None:
    """Bring the stores of the archive to their place; without one, simulated LSP's and Pose2Sim's."""
    if data:
        if not (place.people / "lsp-train.h5").exists():
            _unpack(require_regular_file(Path(data) / ARCHIVE), place.people)
        return
    _simulate(place, "lsp")
    _prepare(place, "pose2sim", "test")


def _unpack(archive, folder):
    """Unpack; each file is there whole or not at all, LSP's training people last."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        shutil.unpack_archive(archive, work)
        for path in sorted(Path(work).iterdir(), key=lambda path: path.name == "lsp-train.h5"):
            _decompress(path, folder / path.name)


def make_h36m(place: Place) -> None:
    """Render and store simulated Human3.6M."""
    _simulate(place, "h36m")


def _simulate(place, name):
    profile = place.study.profile
    counts = profile.source(name).simulate
    spec = StandInSpec(name, counts.train, counts.test, profile.simulate_seed, profile.simulate_size)
    if not all((place.people / f"{name}-{split}.h5").exists() for split in SPLITS):
        make(spec, place.study.raw, place.workers, progress=False)
    for split in SPLITS:
        _prepare(place, name, split)


def _prepare(place, name, split):
    path = place.people / f"{name}-{split}.h5"
    if not path.exists():
        prepare(_settings(name, split, "raw"), place.study.raw, path, place.workers, progress=False)


def open_people(place: Place, name: str, split: str) -> Store | None:
    """A store, decoded once; None where it is not there."""
    path = place.people / f"{name}-{split}.h5"
    return _decoded(path) if path.exists() else None


@cache
def _decoded(path):
    return Store(path, in_memory=True)


# ---------------------------------------------------------------- runs


def job_of(place: Place, run: Run, init: Path | None = None) -> TrainingJob:
    """The training of a run."""
    stores = {
        f"{split}_{kind}": open_people(place, name, split) if name else None
        for kind, name in (("2d", run.two_d), ("3d", run.trained_3d))
        for split in ("train", "test")
    }
    bones = mean_bone_lengths(stores["train_3d"]["joints3d"]) if run.trained_3d else None
    runtime = Runtime(progress=False)
    return TrainingJob(
        place.study.stage(run), RunData(**stores), place.study.run_folder(run), init, bones, runtime
    )


def is_scored(folder: Path) -> bool:
    """Whether a run is trained and scored."""
    return all((folder / name).exists() for name in ("run.json", "checkpoint.pt", "metrics.csv"))


def images(place: Place, run: Run) -> int:
    """How many images a run learns from."""
    training = place.study.stage(run).training
    names = [name for name in (run.two_d, run.trained_3d) if name]
    return training.epochs * len(names) * len(open_people(place, names[0], "train"))


def train_and_score(place: Place, run: Run, pace: Pace, setting: Setting) -> str:
    """Train a run from its parent and score it on all test sets at hand.

    Returns:
        What a reader of the ledger should know.
    """
    folder = place.study.run_folder(run)
    if not is_scored(folder):
        init = place.study.run_folder(run.parent) / "checkpoint.pt" if run.parent else None
        job = job_of(place, run, init)
        fit_in_time(job, pace, setting)
        names = [name for name, split in PHOTOS if split == "test"]
        names = [*names, "h36m"] if run.stage > 1 else names[:1]
        stores = {name: open_people(place, name, "test") for name in names}
        stores = {name: store for name, store in stores.items() if store}
        evaluate(folder, stores, job.data.train_3d, progress=False)
    scores = pd.read_csv(folder / "metrics.csv")
    record = read_json(folder / "run.json")
    shown = scores[(scores["scorer"] == "model") & (scores["test_set"] == "lsp")].set_index("metric")["value"]
    cut = f", cut short {record['cut_short']}" if "cut_short" in record else ""
    names = {"pckh": "PCKh@0.5", "pck_torso": "PCK@0.2", "pck_crop": "crop PCK"}
    text = ", ".join(f"{title} {shown[key]:.2f} %" for key, title in names.items() if key in shown)
    return f"{run.name}{cut}: LSP test {text}; {record['images_per_second']:.0f} images/s"


def write_records(place: Place, out: Path) -> list[str]:
    """Write real.csv (all scores) and real.zip (records, curves, predictions, weights that fit).

    Returns:
        A line for each checkpoint that was left out.
    """
    folders = [place.study.run_folder(run) for run in place.study.runs]
    folders, left_out = [folder for folder in folders if is_scored(folder)], []
    if not folders:
        return []
    tables = []
    for folder in folders:
        record = read_json(folder / "run.json")
        about = ("device", "code", "precision", "images_seen", "seconds", "images_per_second", "hash")
        about = {key: record[key] for key in about} | {"cut_short": record.get("cut_short", "")}
        learnt_from = " + ".join(kind for kind in ("real", "simulated") if record[kind])
        tables.append(
            pd.read_csv(folder / "metrics.csv").assign(run=folder.name, learnt_from=learnt_from, **about)
        )
    with atomic(out / "real.csv") as part:
        pd.concat(tables).to_csv(part, index=False)
    with atomic(out / "real.zip") as part:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for folder in folders:
                for name in ("run.json", "history.csv", "metrics.csv", "predictions.h5"):
                    archive.write(folder / name, f"{folder.name}/{name}")
        for folder in folders[::-1]:  # the last stage's first
            weights = half_checkpoint(folder / "checkpoint.pt")
            if part.stat().st_size + weights.stat().st_size > LARGEST:
                size = weights.stat().st_size / 1e6
                left_out.append(f"checkpoint of {folder.name} left out ({size:.0f} MB in half precision)")
                continue
            with zipfile.ZipFile(part, "a") as archive:
                archive.write(weights, f"{folder.name}/checkpoint.pt")
    return left_out


def half_checkpoint(path: Path) -> Path:
    """A copy of a checkpoint in half precision, beside it."""
    half = path.with_name("checkpoint.half.pt")
    if not half.exists() or half.stat().st_mtime < path.stat().st_mtime:
        content = torch.load(path, map_location="cpu", weights_only=True)
        model = content["model"].items()
        content["model"] = {key: value.half() if value.is_floating_point() else value for key, value in model}
        with atomic(half) as part:
            torch.save(content, part)
    return half
