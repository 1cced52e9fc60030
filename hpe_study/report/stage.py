"""What the notebooks of a single run show: its record, its curves, its pictures, its scores."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

from hpe_study.data.store import Store
from hpe_study.evaluation.prediction_file import PredictionFile
from hpe_study.evaluation.scoring import head_sizes, poses_of, values_3d
from hpe_study.metrics import joint_errors
from hpe_study.report.people import crop_with_joints, wireframes
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.study.records import read_history
from hpe_study.study.steps import open_store
from hpe_study.training.schedule import drop_epochs

SHOWN = (
    "scheme",
    "seed",
    "images_seen",
    "updates",
    "seconds",
    "images_per_second",
    "peak_memory_mb",
    "device",
    "precision",
    "code",
)
CURVES = {"loss": "loss", "pckh": "PCKh@0.5 (%)", "mpjpe": "MPJPE (mm)"}


def summary(record):
    """The run record's main entries as a data frame of one column."""
    values = {key: f"{record[key]:,.1f}" if isinstance(record[key], float) else record[key] for key in SHOWN}
    values["data"] = "simulated people" if record["simulated"] else "real data sets"
    values["weights from"] = record["weights_from"]
    return pd.Series(values, name=record["name"]).to_frame()


def _title(record, text):
    return f"{text} ({record['name']}{', simulated people' if record['simulated'] else ''})"


def curves(study, record):
    """Loss, PCKh and MPJPE over the epochs, training and validation; dashed where the learning rate drops."""
    history = read_history(study.folder / record["name"] / "history.csv")
    shown = [key for key in CURVES if history[key].notna().any()]
    figure, axes = plt.subplots(
        1, len(shown), figsize=(4.2 * len(shown), 3), layout="constrained", squeeze=False
    )
    for axis, key in zip(axes[0], shown, strict=True):
        axis.plot(history["epoch"], history[key], label="training", marker=".")
        if f"validation_{key}" in history:
            known = history[history[f"validation_{key}"].notna()]
            axis.plot(
                known["epoch"], known[f"validation_{key}"], label="validation", marker="o", linestyle="--"
            )
        for drop in drop_epochs(history["learning_rate"]):
            axis.axvline(drop + 0.5, color="0.6", linestyle=":", zorder=0)
        axis.set(xlabel="epoch", ylabel=CURVES[key])
        axis.legend()
    figure.suptitle(_title(record, "How it learnt"))
    return figure


def examples(study, record, count=5):
    """Evenly chosen test people: the image with predicted and true joints; below, after stage 1, both
    skeletons from the side."""
    name, parameters = record["name"], record["parameters"]
    test_set = parameters["three_d"] or parameters["two_d"]
    store = open_store(study, test_set, "test")
    predicted = PredictionFile(study.folder / name).of_labels(test_set, store)
    rows = np.linspace(0, len(store) - 1, count).astype(int)
    joints, depth, title = predicted.joints[rows], predicted.depth[rows], _title(record, "Test people")
    return _pictures(study, name, store, rows, joints, depth, record["bones_mm"], title)


def _pictures(study, name, store, indices, joints, depth, bones, title, captions=None):
    deep = bones is not None
    figure = plt.figure(figsize=(2.6 * len(indices), 5.6 if deep else 3.0), layout="constrained")
    poses = scale_to_bones(poses_of(joints, depth), np.array(bones, float)) if deep else [None] * len(indices)
    for column, (index, seen, pose) in enumerate(zip(indices, joints, poses, strict=True)):
        axis = figure.add_subplot(1 + deep, len(indices), column + 1)
        true = store.boxes[index].to_fraction(store["joints2d"][index])
        crop_with_joints(axis, store, index, {"true": true, "predicted": seen})
        if captions:
            axis.set_title(captions[column], fontsize=9)
        if deep:
            axis = figure.add_subplot(2, len(indices), len(indices) + column + 1, projection="3d")
            truth = store["joints3d"][index] - store["joints3d"][index][MPII16.index(MPII16.root)]
            wireframes(axis, {"true": truth, "predicted": pose}, turn=90)
    figure.suptitle(title)
    return figure


def sentence(study, record):
    """One sentence that reads the run's last epoch."""
    last = read_history(study.folder / record["name"] / "history.csv").iloc[-1]
    told = [f"loss {last['loss']:.3g}"]
    if np.isfinite(last.get("validation_pckh", np.nan)):
        told.append(f"validation PCKh@0.5 {last['validation_pckh']:.1f} %")
    if np.isfinite(last.get("validation_mpjpe", np.nan)):
        told.append(f"validation MPJPE {last['validation_mpjpe']:.0f} mm")
    kind = "simulated people" if record["simulated"] else "real data"
    return Markdown(
        f"After {int(last['epoch'])} epochs and {record['images_seen']:,} images ({kind}): {', '.join(told)}."
    )


def scores(study, metrics):
    """The rows of `metrics.csv` as a table: a line a test set and scorer, value and interval a metric."""
    shown = metrics.assign(
        text=[f"{row.value:.1f} [{row.low:.1f}, {row.high:.1f}] {row.unit}" for row in metrics.itertuples()]
    )
    table = shown.pivot(index=["test_set", "scorer", "n"], columns="metric", values="text")
    kind = "simulated people" if study.simulated else "real data"
    return (
        table[[key for key in metrics["metric"].unique() if key in table]]
        .fillna("–")
        .style.set_caption(f"Scores on test people, {kind}")
    )


def _errors(study, run):
    """(store, predictions, (N, 16) errors in mm) of a run on its main test set; errors in % of the head size
    after stage 1."""
    name = run.trained_3d or run.two_d
    store = Store(study.labels_path(name))
    file = PredictionFile(study.run_folder(run))
    predicted, bones = file.of_labels(name, store), file.bones.own
    joints, depth = predicted.joints, predicted.depth
    if run.stage == 1:
        px = store.boxes.to_pixels(joints)
        errors = 100 * joint_errors(px, store["joints2d"], store["labelled"]) / head_sizes(store)[:, None]
    else:
        errors = values_3d(scale_to_bones(poses_of(joints, depth), bones), store["joints3d"].astype(float))[
            "mpjpe"
        ]
    return name, joints, depth, bones, errors


def errors_by_joint(study, run):
    """Error of each joint on the run's main test set: median, middle half and middle 90 %."""
    name, _, _, _, errors = _errors(study, run)
    figure, axis = plt.subplots(figsize=(9, 3.2), layout="constrained")
    columns = [column[np.isfinite(column)] for column in errors.T]
    axis.boxplot(
        columns,
        whis=(5, 95),
        showfliers=False,
        tick_labels=[joint.replace("_", " ") for joint in MPII16.joints],
    )
    axis.tick_params(axis="x", rotation=45)
    axis.set(ylabel="error (% of head size)" if run.stage == 1 else "error (mm)", ylim=(0, None))
    axis.set_title(
        f"{run.name} on {name}{', simulated people' if study.simulated else ''}: n = {len(errors)}"
    )
    return figure


def best_and_worst(study, run, count=6):
    """Test people from the best to the worst by mean error, evenly spread in rank."""
    name, joints, depth, bones, errors = _errors(study, run)
    means = np.nanmean(errors, 1)
    order = np.argsort(means)[np.isfinite(np.sort(means))]
    chosen = order[np.linspace(0, len(order) - 1, count).astype(int)]
    unit = "% of head" if run.stage == 1 else "mm"
    captions = [f"{means[index]:.0f} {unit}" for index in chosen]
    kind = ", simulated people" if study.simulated else ""
    lengths = None if run.stage == 1 else bones
    title = f"{run.name} on {name}{kind}: from best to worst"
    return _pictures(
        study,
        run.name,
        open_store(study, name, "test"),
        chosen,
        joints[chosen],
        depth[chosen],
        lengths,
        title,
        captions,
    )
