"""Defects of the published code: each by name, where it acts, and its expected trace in the paper's tables.

A parameter file turns defects on by `legacy: [name, …]` (`all`: every one). Each is implemented beside the
correct behaviour, and chosen once, when a store is prepared, a run is set up or a run is scored:

    reading    `datasets/label_mapping.py`   joints and crops of a record; which records; such stores have a
                                             file of their own
    recipe     `training/variants.py`        pairing, mixing, targets, geometry, augmentation, the weights
                                             that the next stage starts from
    scoring    `evaluation/scoring.py`       the protocol of the headline scores
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hpe_study.errors import StudyError

ALL = "all"
READING, RECIPE, SCORING = "reading", "recipe", "scoring"


@dataclass(frozen=True)
class Defect:
    """One defect.

    `does` says what it changes, `trace` what it should leave in the paper's tables; it acts on `sets`
    (none: on any).
    """

    name: str
    where: str
    does: str
    trace: str
    sets: tuple = ()


DEFECTS = (
    Defect("flic_off_by_one", READING,
           "FLIC's columns are read by a key that counts from one: r_ankle is the left eye, …; the other"
           " eight joints never exist", "FLIC is always the worst, blamed on its size", ("flic",)),
    Defect("flic_crop_from_two_joints", READING,
           "a FLIC crop's centre and size come from the x and y of two single joints",
           "FLIC is always the worst, blamed on its size", ("flic",)),
    Defect("tight_lsp_crop", READING,
           "an LSP or FLIC crop is 0.68 times the height of the labelled joints (MPII's 1.25 times the"
           " person): ankles and heads are cut off",
           "LSP is weaker than MPII, and its 2D score is flattered: the hard joints are not scored",
           ("lsp", "lsp_extended", "flic")),
    Defect("spine_as_thorax", READING,
           "the thorax is the spine on H36M and MPI-INF-3DHP, and Occlusion-Person's head top is its neck",
           "one channel means different places in different sets",
           ("h36m", "mpi_inf_3dhp", "occlusion_person")),
    Defect("all_test_frames", READING,
           "MPI-INF-3DHP is tested on every frame with all joints inside the picture, not on the valid ones",
           "Table 1's column MPI-INF-3DHP", ("mpi_inf_3dhp",)),
    Defect("mispaired_images", RECIPE,
           "the picture is looked up by position and the label by a permuted index",
           "validation reads about 9 % and 21 % PCKh and 300–370 mm where the test columns read 118–208 mm",
           ("mpi_inf_3dhp", "occlusion_person", "3dpw")),
    Defect("first_n_3d", RECIPE, "the 1:1 ratio keeps the first N 3D samples instead of a fresh random N",
           "the 2D set's size decides how varied the 3D data are"),
    Defect("missing_joints_as_zero", RECIPE,
           "joints that are missing or outside the crop teach an empty heat map",
           "models pre-trained on FLIC and LSP learn that legs and heads do not exist"),
    Defect("missing_joints_in_geometry", RECIPE,
           "missing joints enter the geometric loss at (0, 0) as if they were seen", "stage 3 with FLIC"),
    Defect("geometry_in_pixels", RECIPE,
           "the geometric loss adds x, y in heat-map pixels and depth in crop fractions: it hardly sees"
           " depth", "stage 3 moves the validation MPJPE by about 1 % either way"),
    Defect("stuck_augmentation", RECIPE,
           "every loader worker draws the same augmentations, anew in every epoch", "none expected"),
    Defect("stage3_from_best", RECIPE,
           "in the 3D-only scheme stage 3 starts from the weights with the best validation 2D score",
           "Table 2, where that score is noise for two of the sets"),
    Defect("fixed_bone_sum", SCORING,
           "every predicted skeleton is scaled to 4,000 mm of bones, spine and nose are overwritten by"
           " midpoints", "a perfect prediction does not score 0 mm"),
    Defect("crop_pck", SCORING,
           "the score called PCKh@0.5 is a PCK at 5 % of the crop's side over ten joints; an image without"
           " any counts as 0", "all 2D columns"),
)  # fmt: skip
NAMES = tuple(defect.name for defect in DEFECTS)


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """The defects of a `legacy:` list in the order of `DEFECTS`; `StudyError` for an unknown one."""
    names = tuple(names)
    if unknown := ", ".join(repr(name) for name in names if name not in (*NAMES, ALL)):
        raise StudyError(f"legacy: no defect {unknown}; there are {', '.join(NAMES)}, and all")
    return tuple(name for name in NAMES if ALL in names or name in names)


def defect(name: str) -> Defect:
    """The defect of that name. Raises `StudyError` where it is unknown."""
    chosen([name])
    return DEFECTS[NAMES.index(name)]


def of_reading(names: Iterable[str], data_set: str) -> tuple[str, ...]:
    """Those of a `legacy:` list that change how a data set is read."""
    found = map(defect, chosen(names))
    return tuple(one.name for one in found if one.where == READING and data_set in one.sets)
