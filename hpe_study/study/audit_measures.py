"""What the audit asks: for every switch the numbers that it should move, and the trainings behind them."""

from dataclasses import dataclass

from hpe_study import published_defects
from hpe_study.study.runs import Run

ALL = published_defects.NAMES
NONE = ()


@dataclass(frozen=True)
class Trial:
    """One training of the audit: a run and the switches that are on."""

    run: Run
    switches: tuple = NONE

    def seeded(self, seed):
        """The same trial with another seed."""
        run = self.run
        return Trial(Run(run.stage, run.two_d, run.three_d, run.target, seed=seed), self.switches)


UP, DOWN, ANY, NOTHING = "up", "down", "any", "nothing"
# after a test set's name: every tenth of it, with the labels that the trial's own validation gives it
VALIDATED = ", validation"


@dataclass(frozen=True)
class Measure:
    """One number, with a switch off and on.

    number: a key of `NUMBERS`; run: trained off and on (or trained once, where the switch acts on scores
    alone); test_set: of the corrected side; on_test_set, on_number: of the other side, where they differ.
    expected: direction of the change. published: the anomaly as the paper prints it; size: the change that it
    amounts to, in the number's unit, or None.
    """

    switch: str
    title: str
    number: str
    run: Run
    test_set: str
    expected: str
    published: str
    size: float | None = None
    on_test_set: str = ""
    on_number: str = ""

    @property
    def trials(self):
        """(off, on); the same training twice where the switch acts on scores alone."""
        return Trial(self.run), Trial(self.run, (self.switch,))


def _stage1(flat):
    return Run(1, flat)


def _stage3(flat, deep):
    return Run(3, flat, deep, deep)


FLIC_WORST = "FLIC + H36M on H36M: 96.8 mm, MPII + H36M: 64.5 mm"
FLIC_STAGE1 = "FLIC stage 1: 56.7 %, MPII's: 85.6 %"
LSP_WEAKER = "LSP + H36M on H36M: 73.6 mm, MPII + H36M: 64.5 mm"
ARMS = "wrists, elbows, shoulders found on FLIC"
MEASURES = (
    Measure("flic_off_by_one", ARMS, "flic pck", _stage1("flic"), "flic", DOWN, FLIC_STAGE1),
    Measure("flic_off_by_one", "MPJPE on H36M", "mpjpe", _stage3("flic", "h36m"), "h36m", UP, FLIC_WORST, 32.3),
    Measure("flic_crop_from_two_joints", ARMS, "flic pck", _stage1("flic"), "flic", DOWN, FLIC_STAGE1),
    Measure("flic_crop_from_two_joints", "MPJPE on H36M", "mpjpe", _stage3("flic", "h36m"), "h36m", UP, FLIC_WORST, 32.3),
    Measure("tight_lsp_crop", "PCKh on LSP's own people", "pckh", _stage1("lsp"), "lsp", DOWN, LSP_WEAKER),
    Measure(
        "tight_lsp_crop", "crop PCK as its authors saw it", "crop pck", _stage1("lsp"), "lsp", ANY,
        "LSP stage 1: 68.5 %, of the joints inside the crop alone", on_test_set="lsp as read",
    ),
    Measure("tight_lsp_crop", "MPJPE on H36M", "mpjpe", _stage3("lsp", "h36m"), "h36m", UP, LSP_WEAKER, 9.1),
    Measure("spine_as_thorax", "thorax error on H36M", "thorax", _stage3("lsp", "h36m"), "h36m", UP, "not printed"),
    Measure(
        "all_test_frames", "MPJPE on MPI-INF-3DHP", "mpjpe", _stage3("lsp", "mpi_inf_3dhp"), "mpi_inf_3dhp", ANY,
        "LSP + MPI-INF-3DHP: 183.9 mm, on about 23,000 frames instead of 2,929", on_test_set="mpi_inf_3dhp as read",
    ),
    Measure(
        "mispaired_images", "MPJPE in validation, MPI-INF-3DHP", "mpjpe", Run(2, "lsp", "mpi_inf_3dhp"), f"mpi_inf_3dhp{VALIDATED}", UP,
        "validation 372.9 mm, test 183.9 mm", 189.0,
    ),
    Measure(
        "mispaired_images", "crop PCK in validation, MPI-INF-3DHP", "crop pck", Run(2, "lsp", "mpi_inf_3dhp"), f"mpi_inf_3dhp{VALIDATED}",
        DOWN, "9.0 %, where H36M reads 92.3 %", -83.3,
    ),
    Measure(
        "mispaired_images", "MPJPE on MPI-INF-3DHP, test", "mpjpe", Run(2, "lsp", "mpi_inf_3dhp"), "mpi_inf_3dhp", UP,
        "183.9 mm, H36M's own: 73.6 mm",
    ),
    Measure(
        "first_n_3d", "MPJPE on MPI-INF-3DHP", "mpjpe", Run(2, "flic", "mpi_inf_3dhp"), "mpi_inf_3dhp", UP,
        "FLIC 351.7 mm, MPII 175.9 mm", 175.8,
    ),
    Measure(
        "missing_joints_as_zero", "height of the maps of legs and head on MPII", "height", _stage3("flic", "h36m"), "mpii", DOWN,
        "not printed",
    ),
    Measure("missing_joints_as_zero", "MPJPE on H36M", "mpjpe", _stage3("flic", "h36m"), "h36m", UP, FLIC_WORST, 32.3),
    Measure(
        "missing_joints_in_geometry", "MPJPE on H36M", "mpjpe", _stage3("flic", "h36m"), "h36m", UP,
        "stage 2: 98.6 mm, stage 3: 99.6 mm", 1.0,
    ),
    Measure("stuck_augmentation", "PCKh on LSP", "pckh", _stage1("lsp"), "lsp", NOTHING, "–"),
    Measure(
        "stage3_from_best", "MPJPE on MPI-INF-3DHP", "mpjpe", _stage3(None, "mpi_inf_3dhp"), "mpi_inf_3dhp", ANY, "Table 2: 249.7 mm",
    ),
    Measure(
        "fixed_bone_sum", "MPJPE on H36M", "mpjpe", _stage3("lsp", "h36m"), "h36m", ANY, "all MPJPE columns", on_number="published mpjpe"
    ),
    Measure("crop_pck", "2D score on LSP", "lsp pckh", _stage1("lsp"), "lsp", ANY, "all 2D columns", on_number="published pck"),
)  # fmt: skip
