"""The audit's tables and pictures: what each switch changes, everything else equal, beside the published anomaly that it may explain.

Off and on are means over the profile's seeds; the change has a 95 % bootstrap interval over test sequences and seeds, paired wherever both
sides are scored on the same people. A change whose interval holds 0 cannot be told, and the table says so.
"""

from dataclasses import dataclass

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from hpe_study import audit, legacy
from hpe_study.audit import ALL, NONE, Trial
from hpe_study.evaluation import load_run_model, predictions
from hpe_study.pipeline import open_store
from hpe_study.protocols import protocol
from hpe_study.recipe import OwnLabels, PermutedLabels
from hpe_study.report.intervals import interval, mean_draws
from hpe_study.report.people import crop_with_joints
from hpe_study.scoring import groups_of, poses_of, values_2d, values_3d, values_under
from hpe_study.sizing import sized
from hpe_study.skeletons import MPII16
from hpe_study.store import Part
from hpe_study.study import Run
from hpe_study.training import VALIDATION_SHARE

UP, DOWN, ANY, NOTHING = "up", "down", "any", "nothing"
LIKE = 2.0  # a change has the published size within this factor
VALIDATED = ", validation"  # after a test set's name: every tenth of it, with the labels that the trial's own validation gives it
LEGS_AND_HEAD = MPII16.indices("r_ankle r_knee l_knee l_ankle head_top")


# ---------------------------------------------------------------- what is asked


@dataclass(frozen=True)
class Measure:
    """One number, with a switch off and on.

    number: a key of `NUMBERS`; run: trained off and on (or trained once, where the switch acts on scores alone); test_set: of the corrected
    side; on_test_set, on_number: of the other side, where they differ. expected: direction of the change. published: the anomaly as the
    paper prints it; size: the change that it amounts to, in the number's unit, or None.
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
    Measure("flic_off_by_one", ARMS, "flic pck", _stage1("flic"), "flic", DOWN, FLIC_STAGE1, -28.9),
    Measure("flic_off_by_one", "MPJPE on H36M", "mpjpe", _stage3("flic", "h36m"), "h36m", UP, FLIC_WORST, 32.3),
    Measure("flic_crop_from_two_joints", ARMS, "flic pck", _stage1("flic"), "flic", DOWN, FLIC_STAGE1, -28.9),
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


# ---------------------------------------------------------------- numbers


@dataclass(frozen=True)
class Scored:
    """A trial's predictions on one test store."""

    store: object
    joints: np.ndarray
    depth: np.ndarray
    height: np.ndarray
    bones: np.ndarray

    def under(self, name, metric):
        """(N, J) of a metric under a protocol."""
        return values_under(protocol(name), self.joints, self.depth, self.store, self.bones)[metric]

    def errors(self):
        """(N, 16) mm, the study's own protocol."""
        return values_3d(sized(poses_of(self.joints, self.depth), self.bones), self.store["joints3d"].astype(float))["mpjpe"]


NUMBERS = {  # (what it is a mean of, unit)
    "mpjpe": (Scored.errors, "mm"),
    "thorax": (lambda scored: scored.errors()[:, [MPII16.index("thorax")]], "mm"),
    "published mpjpe": (lambda scored: scored.under("published", "mpjpe"), "mm"),
    "pckh": (lambda scored: values_2d(scored.joints, scored.store)["pckh"], "%"),
    "crop pck": (lambda scored: values_2d(scored.joints, scored.store)["pck_crop"], "%"),
    "flic pck": (lambda scored: scored.under("flic-pck", "pck"), "%"),
    "lsp pckh": (lambda scored: scored.under("lsp-pckh", "pck"), "%"),
    "published pck": (lambda scored: scored.under("published-pck", "pck"), "%"),
    "height": (lambda scored: 100 * scored.height[:, LEGS_AND_HEAD], "% of a sure joint's"),
}


def scored(study, trial, test_set):
    """The `Scored` of a trial on a test set, "… as read" and "…, validation" included."""
    if test_set.endswith(VALIDATED):
        return validated(study, trial, test_set.removesuffix(VALIDATED))
    simplest = audit.simplest(trial)
    store = audit.test_stores(study, trial.run)[test_set]
    with h5py.File(study.with_legacy(simplest.switches).run_folder(trial.run) / "predictions.h5") as file:
        group = file[test_set]
        return Scored(store, group["joints"][:], group["depth"][:], group["score"][:], file["bones"][:])


def validated(study, trial, test_set):
    """The `Scored` of a trial on its validation pictures, mispaired where its training is."""
    simplest = audit.simplest(trial)
    store, folder = audit.test_stores(study, trial.run)[test_set], study.with_legacy(simplest.switches).run_folder(trial.run)
    mispaired = "mispaired_images" in simplest.switches
    pairs = (PermutedLabels(0, len(store), 1, 0) if mispaired else OwnLabels()).in_validation(np.arange(0, len(store), VALIDATION_SHARE))
    model, network = load_run_model(folder)
    found = predictions(model, store, pairs, network, torch.device("cpu"), "fp32", flip=False)
    joints, depth, height, _ = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
    with h5py.File(folder / "predictions.h5") as file:
        return Scored(Part(store, pairs[:, -1]), joints, depth, height, file["bones"][:])


def draws(study, trial, number, test_set):
    """(value, bootstrap draws, groups) of a number, its mean over the profile's seeds."""
    trials = [trial.seeded(seed) for seed in study.profile.seeds]
    of, _ = NUMBERS[number]
    everyone = [scored(study, each, test_set) for each in trials]
    groups = groups_of(everyone[0].store)
    return mean_draws([of(each) for each in everyone], groups, everyone[0].store.attrs["name"]) + (groups,)


# ---------------------------------------------------------------- tables


def switch_table(study):
    """Every measure, a line each: off, on, the change with its interval, and whether direction and size of the anomaly are reproduced."""
    return pd.DataFrame([_line(study, measure) for measure in MEASURES]).set_index(["switch", "number"])


def _line(study, measure):
    off, on = measure.trials
    a, a_draws, groups = draws(study, off, measure.number, measure.test_set)
    b, b_draws, other = draws(study, on, measure.on_number or measure.number, measure.on_test_set or measure.test_set)
    if len(groups) != len(other):
        b_draws = np.roll(b_draws, 1)  # other people: not paired
    low, high = interval(b_draws - a_draws)
    unit = NUMBERS[measure.number][1]
    return {
        "switch": measure.switch,
        "number": measure.title,
        "unit": unit,
        "off": a,
        "on": b,
        "change": b - a,
        "low": low,
        "high": high,
        "expected": measure.expected,
        "direction": direction(b - a, low, high, measure.expected),
        "published": measure.published,
        "size": size(b - a, low, high, measure.size),
    }


def direction(change, low, high, expected):
    """The verdict on the direction: reproduced, the other way, can't tell."""
    if not np.isfinite([low, high]).all():
        return "can't tell (no spread known)"
    if low <= 0 <= high:
        return "nothing seen, as expected" if expected == NOTHING else "can't tell"
    if expected in (ANY, NOTHING):
        return "moves the number"
    return "reproduced" if (change > 0) == (expected == UP) else "the other way"


def size(change, low, high, published):
    """The verdict on the size of the anomaly: like, smaller or larger, or that this cannot be told."""
    if published is None:
        return "–"
    if not low * high > 0:  # NaN, too
        return "can't tell"
    ratio = change / published
    word = "other way" if ratio < 0 else "smaller" if ratio < 1 / LIKE else "larger" if ratio > LIKE else "like"
    return f"{word} ({change:+.0f} where {published:+.0f} was printed)"


CONCLUSIONS = {  # title: (a, b): the difference is MPJPE(a) − MPJPE(b), each (2D set, 3D set) on H36M
    "FLIC is worse than LSP as 2D data": (("flic", "h36m"), ("lsp", "h36m")),
    "FLIC is worse than MPII as 2D data": (("flic", "h36m"), ("mpii", "h36m")),
    "3D-only is worse than 2D pre-training with MPII": ((None, "h36m"), ("mpii", "h36m")),
    "Occlusion-Person transfers worse to H36M than H36M itself": (("mpii", "occlusion_person"), ("mpii", "h36m")),
}
PRINTED = {
    "mpii h36m": 64.49,
    "lsp h36m": 73.63,
    "flic h36m": 96.81,
    "mpii occlusion_person": 158.05,
    "None h36m": 137.58,
}  # mm, Tables 1, 2


def stack_table(study):
    """The paper's conclusions in the corrected study (true labels, the study's protocol) and under all switches (labels and scores as its
    authors saw them): differences in mm on H36M with paired intervals, one seed."""
    lines = []
    for title, pair in CONCLUSIONS.items():
        line = {"conclusion": title, "published": PRINTED[_key(pair[0])] - PRINTED[_key(pair[1])]}
        for name, switches in (("corrected", NONE), ("all switches", ALL)):
            values, drawn = zip(*(_on_h36m(study, flat, deep, switches) for flat, deep in pair), strict=True)
            low, high = interval(drawn[0] - drawn[1])
            line |= {name: f"{values[0] - values[1]:+.0f} [{low:+.0f}, {high:+.0f}]", f"{name}: holds": _holds(low, high)}
        lines.append(line)
    return pd.DataFrame(lines).set_index("conclusion")


def _key(pair):
    return f"{pair[0]} {pair[1]}"


def _holds(low, high):
    return "yes" if low > 0 else "no, the other way" if high < 0 else "can't tell"


def _on_h36m(study, flat, deep, switches):
    trial = Trial(Run(3, flat, deep, deep, seed=study.profile.seeds[0]), switches)
    found = scored(study, trial, "h36m")
    values = found.under("published", "mpjpe") if switches else found.errors()
    return mean_draws([values], groups_of(found.store), "h36m")


def corrected_runs(study):
    """Folders of the corrected stage-3 runs of the first seed."""
    return sorted(study.with_legacy(NONE).folder.glob(f"stage3-*-seed{study.profile.seeds[0]}"))


def readable(table):
    """The switch table for people: off, on and the change in its unit with the interval."""
    change = [f"{row.change:+.1f} [{row.low:+.1f}, {row.high:+.1f}] {row.unit}" for row in table.itertuples()]
    shown = table.assign(off=table["off"].map("{:.1f}".format), on=table["on"].map("{:.1f}".format), change=change)
    return shown[["off", "on", "change", "expected", "direction", "published", "size"]]


def sentence(table, seeds):
    """One sentence that counts the verdicts. seeds: of the profile."""
    best = table.groupby("switch")["direction"].agg(lambda found: any(word in ("reproduced", "moves the number") for word in found))
    unsure = [name for name in legacy.NAMES if name in best.index and not best[name]]
    spread = f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed, so the intervals know nothing of how trainings differ"
    return (
        f"{int(best.sum())} of {len(best)} switches leave a trace that this profile can tell, on simulated people ({spread}); "
        f"it can't tell, or sees nothing, for: {', '.join(unsure) or 'none'}."
    )


# ---------------------------------------------------------------- pictures


def crops_side_by_side(study, name="lsp", count=4):
    """The same people cut as the corrected reader cuts them (above) and as the published code did (below), with their labels."""
    ways = {"corrected": study.with_legacy(NONE), "published": study.with_legacy(ALL)}
    figure, axes = plt.subplots(2, count, figsize=(2.4 * count, 5.4), layout="constrained")
    for row, (way, variant) in zip(axes, ways.items(), strict=True):
        store = open_store(variant, name, "test")
        inside = _inside(store)
        for axis, index in zip(row, np.linspace(0, len(store) - 1, count).astype(int), strict=True):
            crop_with_joints(axis, store, index, {"true": _fractions(store, index)})
        row[0].set_ylabel(f"{way}: {100 * inside:.0f} % of labels inside")
    figure.suptitle(f"Crops of {name}, simulated people: what the network is shown, and the labels it learns from")
    return figure


def _fractions(store, index):
    return (store["joints2d"][index] - store["center"][index]) / store["side"][index] + 0.5


def _inside(store):
    t = (store["joints2d"] - store["center"][:, None]) / store["side"][:, None, None] + 0.5
    inside = ((t >= 0) & (t < 1)).all(-1)
    return inside[store["labelled"]].mean()


def pairs_side_by_side(study, name="mpi_inf_3dhp", count=4):
    """Validation pictures with their own labels (above) and with those that the published code put to them (below)."""
    store = open_store(study.with_legacy(NONE), name, "test")
    indices = np.arange(0, len(store), 10)
    pairs = PermutedLabels(0, len(store), 1, 0).in_validation(indices)[np.linspace(1, len(indices) - 1, count).astype(int)]
    figure, axes = plt.subplots(2, count, figsize=(2.4 * count, 5.4), layout="constrained")
    for column, (_, picture, label) in enumerate(pairs):
        crop_with_joints(axes[0, column], store, label, {"true": _fractions(store, label)})
        crop_with_joints(axes[1, column], store, picture, {"true": _fractions(store, label)})
    axes[0, 0].set_ylabel("its own label")
    axes[1, 0].set_ylabel("as validated")
    figure.suptitle(f"Pictures and labels of {name} in validation, simulated people")
    return figure
