"""Photographs that a set holds twice, and photographs of one shoot, found by their content.

Crops of the people are aligned on their labels and compared by correlation: coarsely all with all, then those
alike once more, moved onto each other by the affine map of the highest correlation (Evangelidis & Psarakis,
TPAMI 2008), without what is smooth. Copies that were shrunk, cut or compressed again are found. The limits
were chosen by looking at the 110 pairs of LSP that are most alike: down to 0.87 they show the same moment,
down to 0.6 the same player before the same ground.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from hpe_study.errors import StudyError
from hpe_study.utils.files import digest, digest_of, read_json, write_json
from hpe_study.utils.pictures import read_picture
from hpe_study.utils.progress import progress_bar

SAME_PHOTO, SAME_SHOOT = 0.87, 0.6  # correlation from which two photographs are taken for it
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "hpe_study"
VERSION = 1  # increase it when the same photographs give other pairs
_SIDE, _COARSE = 64, 16  # px of a crop
_REACH = 2.6  # of a crop from its middle, in root mean square distances of the joints from their mean
_ALIKE = 0.8  # correlation of coarse crops from which they are compared again
_SMOOTH = 4.0  # px: what is smoother than this does not count
_EDGE = 4  # px that do not count
_KNOWN = {}  # what this process has found, by the name of the result
_SEARCH = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-4)


def photo_pairs(labels: Path, joints: np.ndarray, paths: Sequence[Path]) -> np.ndarray:
    """Find the pairs of photographs that are of one shoot: (P, 3), two indices and their correlation.

    They are kept in the user's cache, where that can be written, by the contents of the label file. Joints
    are (N, J, 2) px, NaN where not labelled. Raises `StudyError` where a photograph cannot be read.
    """
    sizes = [(path.name, path.stat().st_size) for path in paths]
    name = digest_of([VERSION, digest(labels), sizes])[:16]
    path = CACHE / f"photo_pairs-{name}.json"
    if name not in _KNOWN:
        with contextlib.suppress(OSError, ValueError, TypeError, StudyError):
            _KNOWN[name] = np.array(read_json(path), float).reshape(-1, 3)
    if name not in _KNOWN:
        _KNOWN[name] = _found(joints, paths)
        with contextlib.suppress(OSError, StudyError):
            write_json(path, _KNOWN[name].round(4).tolist())
    return _KNOWN[name]


def _found(joints, paths):
    bar = progress_bar(paths, desc="look for photographs that are there twice", unit="photo")
    crops = [_crop(path, own) for path, own in zip(bar, joints, strict=True)]
    usable = np.array([crop is not None and crop.std() > 1 for crop in crops], bool)
    coarse = np.zeros((len(paths), _COARSE**2), np.float32)
    for row in np.flatnonzero(usable):
        coarse[row] = cv2.resize(crops[row], (_COARSE, _COARSE), interpolation=cv2.INTER_AREA).ravel()
    coarse -= coarse.mean(1, keepdims=True)
    coarse /= np.maximum(np.linalg.norm(coarse, axis=1, keepdims=True), 1e-6)
    pairs = np.argwhere(np.triu(coarse @ coarse.T, 1) > _ALIKE)
    found = [(first, second, _correlation(crops[first], crops[second])) for first, second in pairs]
    return np.array([pair for pair in found if pair[2] >= SAME_SHOOT], float).reshape(-1, 3)


def _crop(path, joints):
    """(64, 64) float32 grey around a person, None where the labels give no place."""
    known = joints[~np.isnan(joints).any(1)]
    middle = known.mean(0) if len(known) else np.zeros(2)
    size = np.sqrt(np.square(known - middle).sum(1).mean()) if len(known) else 0.0
    if size < 1:
        return None
    scale = _SIDE / (2 * _REACH * size)
    grey = cv2.cvtColor(read_picture(path), cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), max(0.25 / scale, 0.3))
    onto = np.array([[scale, 0, _SIDE / 2 - middle[0] * scale], [0, scale, _SIDE / 2 - middle[1] * scale]])
    return cv2.warpAffine(grey, onto, (_SIDE, _SIDE), borderMode=cv2.BORDER_REPLICATE)


def _correlation(first, second):
    """The correlation of two crops without what is smooth, the second moved onto the first; 0: none fits."""
    onto = np.eye(2, 3, dtype=np.float32)
    try:
        _, onto = cv2.findTransformECC(first, second, onto, cv2.MOTION_AFFINE, _SEARCH, None, 3)
    except cv2.error:  # nothing fits
        return 0.0
    flags = cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(second, onto, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR | flags)
    inside = cv2.warpAffine(np.ones_like(second), onto, (_SIDE, _SIDE), flags=cv2.INTER_NEAREST | flags) > 0
    inside[:_EDGE] = inside[-_EDGE:] = inside[:, :_EDGE] = inside[:, -_EDGE:] = False
    if inside.sum() < _SIDE**2 / 8:
        return 0.0
    details = [crop - cv2.GaussianBlur(crop, (0, 0), _SMOOTH) for crop in (first, moved)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.nan_to_num(np.corrcoef(details[0][inside], details[1][inside])[0, 1]))
