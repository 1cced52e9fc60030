"""What the viewer is given, opened: a run's folder, a study, records, or photos."""

import tempfile
from pathlib import Path

import numpy as np

from hpe_study.datasets import NAMES, info
from hpe_study.datasets.base import Records
from hpe_study.errors import StudyError
from hpe_study.photos.files import PHOTOS, read_photo
from hpe_study.study import Study
from hpe_study.study.run_folder import RunFolder
from hpe_study.viewer.photo import PhotoPeople, examples

Source = Records | Study | PhotoPeople | str | Path | None


def opened(source: Source) -> RunFolder | Records | PhotoPeople:
    """What is shown: a `PhotoPeople`, records, or a `RunFolder`."""
    if source is None:
        return PhotoPeople(examples())
    if isinstance(source, (Records, PhotoPeople)):
        return source
    if not isinstance(source, Study) and Path(source).suffix.lower() in PHOTOS:
        return PhotoPeople([(Path(source).name, read_photo(source))])
    return RunFolder(run_folder_of(source))


def uploaded_photo(file: dict) -> np.ndarray:
    """The picture of an uploaded file, (H, W, 3) uint8 RGB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(file["name"]).name
        path.write_bytes(file["content"])
        try:
            return read_photo(path)
        except StudyError as error:
            raise StudyError(str(error).replace(str(path), file["name"])) from error


def run_folder_of(source: Study | str | Path) -> Path:
    """The run folder meant: of a `Study` its last evaluated run."""
    if not isinstance(source, Study):
        return Path(source)
    done = [run for run in source.runs if (source.run_folder(run) / "predictions.h5").exists()]
    if not done:
        raise StudyError(
            f"{source.folder}: no run is evaluated yet; run the study or notebooks/evaluate.ipynb first"
        )
    return source.run_folder(done[-1])


def sets_at_hand(records: Records) -> list[str]:
    """Names of the data sets under the records' data root."""
    there = [name for name in NAMES if any((records.root / folder).is_dir() for folder in info(name).folders)]
    return sorted({records.name, *there})
