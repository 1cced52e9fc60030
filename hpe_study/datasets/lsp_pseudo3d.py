"""SPIN's fits of LSP and LSP-Extended as pseudo-3D labels of real photographs. 3D, 13 of LSP's 14 joints.

Test: the fits of LSP's first half (im0001–1000). Train: those of LSP-Extended. So whatever is scored here may
have learnt from LSP-Extended, but not from LSP's own training photographs.

Facts relied on:
- SPIN (Kolotouros et al., ICCV 2019) published SMPL's parameters that fit the labelled joints: `pose`,
  `betas` and `valid_fit` (`final_fits/lsp.npz`, `lspet.npz`). Joints come from them by SMPL's rest joints,
  which are part of the SMPL model and not at hand here. So what is read is a table of joints made from them:
  `spin_fits/lsp_train_pseudo3d.npz` and `lspet_pseudo3d.npz` with `index0` (row in the set's `joints.mat`),
  `names` (13), `X_spin` (N, 13, 3) m, pelvis at 0, camera axes (x right, y down, z away), and `good`: the fit
  is to be used.
- 2D labels and pictures are LSP's and LSP-Extended's own (see `lsp`). SMPL's hips and neck lie elsewhere than
  LSP's.

The fits are guesses of depth from 2D joints: scores on them are pseudo scores, and never share a column with
measured ones. Order in depth is what they are good for; distances in mm compare models only.
"""

import zipfile
from pathlib import Path

import numpy as np

from hpe_study.datasets.arrays import expect_shape, integers
from hpe_study.datasets.base import require_one_of
from hpe_study.datasets.limits import AGAIN
from hpe_study.datasets.lsp import LspExtended, LspImages
from hpe_study.datasets.record import DatasetInfo, Record
from hpe_study.errors import StudyError, brief
from hpe_study.skeletons import LSP14
from hpe_study.utils import rng

INFO = DatasetInfo(
    name="lsp_pseudo3d", title="LSP with SPIN's fits (pseudo-3D)", kind="3d", folders=("lsp", "lsp_extended"),
    url="https://github.com/nkolot/SPIN",
    licence="fits CC BY-NC 3.0, SMPL non-commercial; photographs: none stated; cite",
    citation="Kolotouros, Pavlakos, Black, Daniilidis: Learning to Reconstruct 3D Human Pose and Shape via"
             " Model-fitting in the Loop. ICCV 2019; photographs: see lsp",
    expected={"train": 4058, "test": 936},
    hint="Joints made from the fits are expected in spin_fits/ beside lsp/ and lsp_extended/.", pseudo=True,
    stand_in=None,
)  # fmt: skip
FITS = {"train": "lspet_pseudo3d.npz", "test": "lsp_train_pseudo3d.npz"}
FITTED = LSP14.joints[:13]  # all but the head top
HELD_OUT = 250  # photographs of LSP's first half that the model in the box does not learn from
_LARGEST = 500_000_000  # bytes of an array


def held_out() -> np.ndarray:
    """Rows (0-based) of LSP's first half that are held out, rising: a fixed draw from all 1,000."""
    return np.sort(rng.generator("LSP photographs held out", 0).choice(1000, HELD_OUT, replace=False))


class LspPseudo3d(LspExtended):
    """Pseudo-3D of LSP's photographs. Option `people`: "all", or "held_out" (those of `held_out` alone)."""

    info = INFO
    skeleton = LSP14

    def load(self, people: str = "all") -> None:
        """Read the labels and the fits of the photographs whose fit is good."""
        require_one_of("lsp_pseudo3d: people", people, ("all", "held_out"))
        name, digits = ("lsp_extended", 5) if self.split == "train" else ("lsp", 4)
        images = LspImages(self, self.folder(name), digits)
        path = self.label_file(self.folder("spin_fits") / FITS[self.split])
        rows, joints, good = read_fits(path)
        count = len(images.joints) if digits == 5 else len(images.joints) // 2
        last, there = rows.max(initial=0), f"{images.path} has {count} photographs"
        if rows.min(initial=0) < 0 or last >= count:
            raise StudyError(f"{path}: has fits of row {last}, but {there}; they do not belong together")
        if people == "held_out" and self.split == "test":
            good &= np.isin(rows, held_out())
        self.leave_out("the fit is not good", (~good).sum())
        self._fits = dict(zip(rows[good], joints[good], strict=True))
        self._set_rows([(images, rows[good])])

    def record(self, row: int) -> Record:
        """One photograph's person."""
        record = super().record(row)
        record.joints3d[:13] = 1000 * self._fits[self._places[row][1]]
        return record


def read_fits(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read a table of joints made from SPIN's fits; `StudyError` for another.

    Returns:
        Rows of the set's `joints.mat` (N,); joints (N, 13, 3) m in the order of LSP; good (N,) bool.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            large = [info.filename for info in file.zip.infolist() if info.file_size > _LARGEST]
            if large:
                raise StudyError(f"{path}: {large[0]} is too large for fits of LSP; {AGAIN}")
            if {"pose", "betas"} <= set(file.files) and "X_spin" not in file.files:
                advice = f"put the table of joints made from them there ({', '.join(FITS.values())})"
                raise StudyError(f"{path}: holds SMPL's parameters, not joints; {advice}")
            if lacking := sorted({"index0", "names", "X_spin", "good"} - set(file.files)):
                raise StudyError(f"{path}: has no {', '.join(lacking)}; this is not a table of fits of LSP")
            rows, names, joints, good = (file[key] for key in ("index0", "names", "X_spin", "good"))
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise StudyError(f"{path}: is no npz file ({brief(error)}); {AGAIN}") from error
    if tuple(map(str, np.atleast_1d(names))) != FITTED:
        raise StudyError(f"{path}: its joints must be {' '.join(FITTED)}, in this order")
    rows = integers(rows, path, "index0")
    joints = expect_shape(joints, (len(rows), 13, 3), path, "X_spin").astype(np.float64)
    good = expect_shape(good.astype(np.uint8), (len(rows),), path, "good").astype(bool)
    if len(set(rows.tolist())) != len(rows):
        raise StudyError(f"{path}: names a photograph twice in index0; every fit must have its own")
    return rows, joints, good & np.isfinite(joints).all((1, 2))
