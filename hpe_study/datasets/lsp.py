"""Leeds Sports Pose and its extension: one person an image, in the middle of a sport. 2D, 14 joints.

Facts relied on (the sets' pages and README files):
- LSP: `lsp/joints.mat`, `joints` (3, 14, 2000): x, y, and a flag that is **1 where the joint is occluded**
  (its coordinates are valid). `images/im0001.jpg` … `im2000.jpg`; the first half (1–1000) train, the second
  (1001–2000) test.
- LSP-Extended: `lsp_extended/joints.mat`, `joints` (14, 3, 10000): x, y, and a flag that is **1 where the
  joint is labelled**; elsewhere x and y are ≤ 0 and mean nothing. `images/im00001.jpg` … `im10000.jpg`, all
  of it training data.
- Two downloads of LSP exist with the same shape and different coordinates: people of 150 px
  (`lsp_dataset.zip`), and the original pictures of up to 1024 px. Their labels do not fit each other's
  images, which is checked on a sample.
- Neither gives a box: the crop is 1.25 times the longer extent of the labelled joints, height *or* width
  (37.6 % of LSP-Extended's people are wider than tall). Neither gives a head box: head size is 0.75 ·
  |head_top − neck| (as on MPII).
- Pelvis and thorax are midpoints (recipes) and exist only where both hips, or shoulders, are labelled.

`lsp` trains on LSP-Extended and LSP's first half, as the study does; where one of the two is absent it says
so and takes the other.
"""

from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hpe_study.datasets.arrays import evenly_spaced, expect_shape
from hpe_study.datasets.base import Listing, Records
from hpe_study.datasets.matfiles import load_mat
from hpe_study.datasets.record import UNKNOWN, DatasetInfo, Record
from hpe_study.datasets.same_photos import SAME_PHOTO, photo_pairs
from hpe_study.errors import StudyError
from hpe_study.skeletons import LSP14
from hpe_study.utils import rng
from hpe_study.utils.files import digest_of
from hpe_study.utils.pictures import picture_size

INFO = DatasetInfo(
    name="lsp", title="Leeds Sports Pose (train: LSP-Extended and LSP)", kind="2d",
    folders=("lsp", "lsp_extended"),
    url="http://sam.johnson.io/research/lsp.html and http://sam.johnson.io/research/lspet.html",
    licence="none stated; cite",
    citation="Johnson, Everingham: Clustered Pose and Nonlinear Appearance Models for Human Pose Estimation."
             " BMVC 2010; Learning Effective Human Pose Estimation from Inaccurate Annotation. CVPR 2011",
    expected={"train": 11000, "test": 1000},
)  # fmt: skip
EXTENDED_INFO = DatasetInfo(
    name="lsp_extended", title="Leeds Sports Pose Extended", kind="2d", folders=("lsp_extended",),
    url="http://sam.johnson.io/research/lspet.html", licence="none stated; cite",
    citation="Johnson, Everingham: Learning Effective Human Pose Estimation from Inaccurate Annotation. CVPR"
             " 2011",
    expected={"train": 10000, "test": 0},
    stand_in="lsp",
)  # fmt: skip
SHARED_SHOOT = "shoot with a training photograph"
_COMPARED = 40  # images whose size is compared with their labels
# of the image: where the farthest label lies (median of the sample); a person fills most of an LSP image
_FITS = (0.4, 1.15)


class LspImages:
    """One folder's labels: joints (N, 14, 2) px, occluded (N, 14), and the rows whose image is there."""

    def __init__(self, records, folder, digits):
        self.folder, self.digits, self.records = folder, digits, records
        self.path = records.label_file(folder / "joints.mat")
        self.joints, self.occluded = (read_extended if digits == 5 else read_lsp)(self.path)

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """Those of some label rows whose image is there and that have a crop."""
        names = [self.image(row).name for row in numbers]
        rows = self.records.keep_present(numbers, Listing(self.folder / "images"), names)
        rows = self.records.keep_labelled(rows, self.joints[rows])
        self._check_fit(rows)
        return rows

    def image(self, row: int) -> Path:
        """The picture of a label row."""
        return self.folder / "images" / f"im{row + 1:0{self.digits}d}.jpg"

    def _check_fit(self, rows):
        """Refuse labels that are not for images of this size: they come from the other download."""
        if len(rows) == 0:
            return
        sample = rows[evenly_spaced(len(rows), _COMPARED)]
        reach = [np.nanmax(np.nanmax(self.joints[row], 0) / picture_size(self.image(row))) for row in sample]
        reach = np.median(reach)
        lowest = _FITS[0] if self.digits == 4 else 0  # LSP-Extended has one download only: never too small
        if not lowest <= reach <= _FITS[1]:
            images = self.folder / "images"
            raise StudyError(
                f"{self.path}: its labels reach {reach:.2f} times across their images in {images}; about 0.9"
                " is right. Labels and images come from different downloads (150-px people of"
                " lsp_dataset.zip, or the original pictures)"
            )


def _read(path, *shape):
    return expect_shape(load_mat(path, "joints")["joints"], shape, path, "joints").astype(np.float64)


def read_lsp(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """LSP's labels: joints (N, 14, 2) px, occluded (N, 14) int8."""
    labels = _read(path, 3, 14, None).transpose(2, 1, 0)
    joints, flag = labels[..., :2].copy(), labels[..., 2]
    joints[~np.isfinite(joints).all(-1)] = np.nan
    return joints, np.where(np.isnan(joints).any(-1), UNKNOWN, flag > 0).astype(np.int8)


def read_extended(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """LSP-Extended's labels: joints (N, 14, 2) px, occluded (N, 14) int8, which it does not say."""
    labels = _read(path, 14, 3, None).transpose(2, 0, 1)
    labelled = (labels[..., 2] > 0) & np.isfinite(labels).all(-1)
    joints = np.where(labelled[..., None], labels[..., :2], np.nan)
    return joints, np.full(joints.shape[:2], UNKNOWN, np.int8)


class LspExtended(Records):
    """LSP-Extended alone. All of it is training data, so its test split is a validation part, if any."""

    info = EXTENDED_INFO
    skeleton = LSP14

    def load(self, validation: int = 0) -> None:
        """Read the labels as arrays. Of these, `validation` images, the same always, are the test split."""
        images = LspImages(self, self.folder("lsp_extended"), digits=5)
        drawn = rng.generator("lsp_extended validation", 0).permutation(len(images.joints))
        rows = drawn[validation:] if self.split == "train" else drawn[:validation]
        self._set_rows([(images, np.sort(rows))])

    def _set_rows(self, parts):
        """Set the records: the rows of one folder after those of another. parts: (`LspImages`, rows)."""
        self._parts = [images for images, _ in parts]
        rows = [images.rows(numbers) for images, numbers in parts]
        self.set_places([(part, row) for part, kept in enumerate(rows) for row in kept])

    def record(self, row: int) -> Record:
        """One image's person."""
        part, number = self._places[row]
        images = self._parts[part]
        meta = {**self.meta(number), "dataset": images.folder.name}
        joints, occluded = images.joints[number], images.occluded[number]
        return self.make_record(images.image(number), joints, meta, occluded=occluded)


class Lsp(LspExtended):
    """Train: LSP-Extended, then LSP's first half. Test: LSP's second half.

    Photographs that are in both halves, or in the first half twice, are left out of training (not where
    `strict` is "published"). A person of the test half whose photograph is of one shoot with others has the
    shoot as `subject`; `SHARED_SHOOT` begins its name where a training photograph is of it.
    """

    info = INFO

    def load(self) -> None:
        """Read the labels of those of the two folders that are there."""
        parts, self._shoots = [], {}
        if self.split == "train":
            if (self.root / "lsp_extended").is_dir():
                extended = LspImages(self, self.root / "lsp_extended", digits=5)
                parts.append((extended, np.arange(len(extended.joints))))
            else:
                self.note_missing(self.root / "lsp_extended")
        if self.split == "test" or not parts or (self.root / "lsp").is_dir():
            images = LspImages(self, self.folder("lsp"), digits=4)
            half = len(images.joints) // 2
            rows = np.arange(half) if self.split == "train" else np.arange(half, len(images.joints))
            left_out = set() if self.simulated or self.strict == "published" else self._compare(images, half)
            parts.append((images, np.array([row for row in rows if row not in left_out], int)))
        else:
            self.note_missing(self.root / "lsp")
        self._set_rows(parts)

    def _compare(self, images, half):
        """Look for photographs that are alike: sets the test half's shoots, returns rows to leave out."""
        names = [images.image(row).name for row in range(len(images.joints))]
        rows = np.flatnonzero(Listing(images.folder / "images").present(names))
        pairs = photo_pairs(images.path, images.joints[rows], [images.image(row) for row in rows])
        first, second = rows[pairs[:, :2].astype(int)].T
        same = pairs[:, 2] >= SAME_PHOTO
        in_test, twice = first[same & (first < half) & (second >= half)], second[same & (second < half)]
        if self.split == "train":
            self.leave_out("photograph also in the test half", len(set(in_test)))
            self.leave_out("photograph there twice", len(set(twice) - set(in_test)))
        left_out = {*in_test.tolist(), *twice.tolist()}
        used = ~np.isin(first, list(left_out)) & ~np.isin(second, list(left_out))
        links = coo_array((np.ones(used.sum()), (first[used], second[used])), shape=(len(images.joints),) * 2)
        _, shoot = connected_components(links, directed=False)
        for number in np.unique(shoot[np.concatenate([first[used], second[used]])]):
            members = np.flatnonzero(shoot == number)
            kind = SHARED_SHOOT if members[0] < half else "shoot"
            self._shoots |= {int(row): f"{kind} {members[0] + 1}" for row in members if row >= half}
        return left_out

    def record(self, row: int) -> Record:
        """One image's person."""
        record = super().record(row)
        if self.split == "test" and (shoot := self._shoots.get(record.meta["index"])):
            record.meta["subject"] = shoot
        return record

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the label rows that these records are, and of their shoots."""
        rows = super().fingerprint()
        return digest_of([rows, sorted(self._shoots.items())]) if self._shoots else rows
