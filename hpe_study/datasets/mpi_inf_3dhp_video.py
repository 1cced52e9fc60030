"""MPI-INF-3DHP's videos: their frames as picture files, and their cameras (see `mpi_inf_3dhp`)."""

import re
from pathlib import Path

import numpy as np

from hpe_study.datasets.base import Listing
from hpe_study.datasets.limits import AGAIN
from hpe_study.errors import StudyError, brief

_FITS = 2.0  # px
_LARGEST_CALIBRATION = 1_000_000  # bytes


class VideoFrames:
    """The pictures of one video by their numbers.

    Attributes:
        numbers: (F,) int, rising: the frames that are there.
        first: The number of the video's first frame: 0 where there is a file 0, else 1.
    """

    def __init__(self, folder: Path, usual: str):
        """List a folder. usual: the form of the names; other padding, PNG and capitals are known, too."""
        self._folder, self._usual = folder, usual
        names = Listing(folder).names()
        pattern = re.compile(rf"{usual.split('{')[0]}(\d{{1,9}})\.(?:jpe?g|png)", re.IGNORECASE | re.ASCII)
        by_number = {int(match[1]): match[0] for match in map(pattern.fullmatch, sorted(names)) if match}
        self.numbers = np.array(sorted(by_number), int)
        self.first = 0 if 0 in by_number else 1
        self._others = {n: name for n, name in by_number.items() if usual.format(n) not in names}

    def path(self, number: int) -> Path:
        """Where a picture is, or would be."""
        return self._folder / self._others.get(number, self._usual.format(number))


def frame_folder(sequence: Path, camera: int) -> Path:
    """The folder of a camera's frames: beside the videos, or in `imageFrames`, as many scripts have it."""
    usual, other = (sequence / name / f"video_{camera}" for name in ("imageSequence", "imageFrames"))
    return other if other.is_dir() and not usual.is_dir() else usual


def fit_intrinsics(joints2d: np.ndarray, joints3d: np.ndarray) -> np.ndarray:
    """Fit the pinhole camera that maps 3D joints (…, 3) mm in its frame onto image joints (…, 2) px.

    Returns:
        fx, fy, cx, cy in px; NaN where none maps them within 2 px (median).
    """
    px, mm = joints2d.reshape(-1, 2), joints3d.reshape(-1, 3)
    good = np.isfinite(px).all(1) & np.isfinite(mm).all(1) & (mm[:, 2] > 0)
    if good.sum() < 3:
        return np.full(4, np.nan)
    px, ratio = px[good], mm[good, :2] / mm[good, 2:]
    (fx, cx), (fy, cy) = (np.polyfit(ratio[:, axis], px[:, axis], 1) for axis in (0, 1))
    fits = np.median(np.linalg.norm(ratio * [fx, fy] + [cx, cy] - px, axis=1)) < _FITS
    return np.array([fx, fy, cx, cy]) if fits else np.full(4, np.nan)


def read_calibration(path: Path) -> dict[int, dict]:
    """Read a `camera.calibration` file; `StudyError` for another.

    Returns:
        Camera number → {"intrinsics": fx, fy, cx, cy px; "size": (width, height) px}.
    """
    if path.stat().st_size > _LARGEST_CALIBRATION:
        raise StudyError(f"{path}: is too large for a calibration of MPI-INF-3DHP; {AGAIN}")
    cameras, number = {}, None
    for line in map(str.split, path.read_text(errors="replace").splitlines()[1:]):
        try:
            if line[:1] == ["name"]:
                number = int(line[1])
                cameras[number] = {"intrinsics": np.full(4, np.nan), "size": None}
            elif line[:1] == ["size"]:
                cameras[number]["size"] = (int(line[1]), int(line[2]))
            elif line[:1] == ["intrinsic"]:
                cameras[number]["intrinsics"] = np.array([float(line[1 + i]) for i in (0, 5, 2, 6)])
        except (IndexError, ValueError, KeyError) as error:
            text = " ".join(line)[:60]
            raise StudyError(f"{path}: {text!r} cannot be read ({brief(error)}); {AGAIN}") from error
    if not cameras:
        raise StudyError(f"{path}: names no camera; this is not a calibration of MPI-INF-3DHP")
    return cameras
