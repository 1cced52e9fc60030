"""A study's records without a study: every run of Tables 1 to 5, its predictions being the truth plus noise
of a known size.

The files are those of real runs (run.json, metrics.csv, history.csv, predictions.h5, the labels of the test
sets, one store with pictures), gathered by the study's own `collect`. The numbers mean nothing; they only
have an order that the tests know.
"""

import json

import h5py
import numpy as np
import pandas as pd

from hpe_study.data.store import Store
from hpe_study.evaluation.bootstrap import first_level, resampled_means, units_of
from hpe_study.evaluation.prediction_file import CanonicalBones, Predictions, write_predictions
from hpe_study.evaluation.scoring import PROTOCOL, poses_of, values_3d
from hpe_study.report.results import BASELINES
from hpe_study.skeletons.bone_lengths import mean_bone_lengths, scale_to_bones
from hpe_study.study import Study
from hpe_study.study.records import collect
from hpe_study.study.steps import copy_labels
from tests.stick_people import stick_store_path

PEOPLE = 20  # of each test set
PROFILE = """
name: fabricated
question: Do the tables say what the records say?
data_root: data
sets: {{{sets}}}
two_d: [mpii, lsp, flic]
three_d: [h36m, mpi_inf_3dhp, occlusion_person]
tables: {tables}
seeds: {seeds}
fair: {{two_d: mpii, three_d: h36m, images: 1000, seconds: 10}}
size: {{two_d: mpii, three_d: h36m, backbones: ["narrow18:8", "narrow18:16"], shares: [0.5, 1.0]}}
network: {{model: narrow18, width: 8, pretrained: false, input_size: 64}}
"""
IMAGES = {
    "mpii": 400,
    "lsp": 200,
    "flic": 100,
    "h36m": 100,
    "mpi_inf_3dhp": 300,
    "occlusion_person": 200,
}  # in training
NOISE_2D = {
    "mpii": 0.0,
    "lsp": 20.0,
    "flic": 60.0,
    None: 40.0,
}  # mm that a 2D set adds: MPII best, FLIC worst
DROP = 8  # the epoch after which the learning rate drops and the error jumps, of EPOCHS
EPOCHS = 12
BASELINE = {"best constant pose": 250.0, "true 2D + mean depth": 150.0}


def noise_of(run, test_set):
    """mm of noise per coordinate in a run's prediction: the order that the tests rely on."""
    base = 40.0 if test_set == run.target else 70.0 if test_set == run.three_d else 100.0
    doubled = 10.0 if run.epoch_scale == 2 else 0.0
    return base + NOISE_2D[run.two_d] - doubled


def fabricate(home, seeds=(0,), simulated=True, tables=(1, 2, 3, 4, 5)):
    """Write the records of a study under `home` and gather them; returns the `Study`."""
    (home / "params").mkdir(parents=True, exist_ok=True)
    sets = ", ".join(
        f"{name}: {{simulate: {{train: {count}, test: {PEOPLE}}}}}" for name, count in IMAGES.items()
    )
    text = PROFILE.format(sets=sets if simulated else "", seeds=list(seeds), tables=list(tables))
    (home / "params" / "fabricated.yaml").write_text(text)
    study = Study(home / "params" / "fabricated.yaml")
    labels = {name: _test_set(study, name) for name in (*study.profile.two_d, *study.profile.three_d)}
    bones = mean_bone_lengths(labels["h36m"]["joints3d"])
    scores = {name: {} for name in labels}
    for number, run in enumerate(study.runs):
        _write_run(study, run, number, labels, bones, scores, simulated)
    rows = pd.concat([_rows(name, labels[name], of_runs) for name, of_runs in scores.items() if of_runs])
    for name, own in rows.groupby("run"):
        own.drop(columns="run").to_csv(study.run_folder_named(name) / "metrics.csv", index=False)
    collect(study)
    return study


def _test_set(study, name):
    path = study.store_path(name, "test")
    path.parent.mkdir(parents=True, exist_ok=True)
    made = stick_store_path(
        path.parent, PEOPLE, "test", name in study.profile.three_d, seed=len(name), name=name
    )
    if made != path:
        made.rename(path)
    with h5py.File(path, "r+") as store:
        store["occluded"][::2, [4, 5, 11]] = 1
    copy_labels(path, study.labels_path(name))
    return Store(study.labels_path(name))


def _write_run(study, run, number, labels, bones, scores, simulated):
    """All files of a run but its scores, whose arrays go into `scores[test set]`."""
    folder = study.run_folder(run)
    folder.mkdir(parents=True)
    predictions = {}
    for test_set in study.test_sets(run):
        store = labels[test_set]
        random = np.random.default_rng([number, len(test_set)])
        joints = store.boxes.to_fraction(store["joints2d"])
        depth = np.nan_to_num(store["depth"].astype(float))
        noise = noise_of(run, test_set) * 0.04 / store["side"][:, None]  # stick people: 0.04 px a mm
        joints = joints + noise[..., None] * random.normal(size=joints.shape)
        depth = depth + noise * random.normal(size=depth.shape)
        predictions[test_set] = Predictions(joints, depth, np.ones_like(depth))
        scores[test_set] |= _scores(run, joints, depth, store, bones)
    canonical = CanonicalBones(bones, CanonicalBones.unknown().universal)
    write_predictions(folder / "predictions.h5", canonical, predictions, labels)
    pd.DataFrame(_history(run)).to_csv(folder / "history.csv", index=False)
    (folder / "run.json").write_text(json.dumps(_record(run, simulated)))


def _scores(run, joints, depth, store, bones):
    """{(run, scorer, metric, unit): (N, 16)}."""
    size = joints.shape[:2]
    scores = {
        (run.name, "model", metric, "%"): np.full(size, value) + joints[..., 0]
        for metric, value in (("pckh", 60.0), ("pck_crop", 50.0))
    }
    if np.isfinite(store["joints3d"]).any():
        values = values_3d(scale_to_bones(poses_of(joints, depth), bones), store["joints3d"].astype(float))
        arrays = {"model": values["mpjpe"], **{name: np.full(size, BASELINE[name]) for name in BASELINES}}
        scores |= {(run.name, scorer, "mpjpe", "mm"): array for scorer, array in arrays.items()}
    return scores


def _rows(test_set, store, scores):
    """The scores of all runs on a test set, with what `evaluation.bootstrap.estimate` says of each."""
    units, values = units_of(store), np.stack(list(scores.values()))
    known = ~np.isnan(values)
    sums, counts = np.where(known, values, 0).sum(-1), known.sum(-1)
    assert (counts > 0).all()
    draws = resampled_means(sums, counts, units, "bootstrap")
    low, high = np.quantile(draws, [0.025, 0.975], axis=1)
    rows = pd.DataFrame(list(scores), columns=["run", "scorer", "metric", "unit"])
    return rows.assign(
        test_set=test_set,
        test_origin=store.origin,
        protocol=PROTOCOL,
        value=sums.sum(1) / counts.sum(1),
        low=low,
        high=high,
        n=len(units),
        groups=first_level(units)[0],
    )


def seconds_of(run):
    """Training seconds of one epoch of a run: 3D-only epochs take three times as long."""
    return 6.0 if run.two_d else 18.0


def _history(run):
    epochs = EPOCHS * run.epoch_scale
    drop = DROP * run.epoch_scale
    for epoch in range(1, epochs + 1):
        fall = 60.0 - NOISE_2D[run.two_d] / 10  # the runs differ a little
        error = 300.0 - 2.0 * epoch / run.epoch_scale - (fall if epoch > drop else 0.0) + (epoch % 2)
        yield {
            "epoch": epoch,
            "learning_rate": 1e-3 if epoch <= drop else 1e-4,
            "seconds": seconds_of(run) + 0.1 * (epoch % 3),
            "images": 100,
            "images_per_second": 100 / seconds_of(run),
            "loss": error / 300,
            "pckh": 110.0 - error / 5,
            "mpjpe": np.nan if run.stage == 1 else error,
            "validation_pckh": 100.0 - error / 5 if epoch % 2 == 0 else np.nan,
            "validation_mpjpe": error + 20 if run.stage > 1 and epoch % 2 == 0 else np.nan,
        }


def _record(run, simulated):
    seconds = sum(row["seconds"] for row in _history(run))
    return {
        "name": run.name,
        "data": {},
        "bones_mm": None,
        "parameters": {
            "training": {"epochs": EPOCHS * run.epoch_scale},
            "three_d": run.trained_3d,
            "legacy": [],
        },
        "simulated": simulated,
        "hash": "0" * 12,
        "code": "fabricated",
        "device": "no device",
        "precision": "fp32",
        "seconds": seconds,
        "seconds_per_epoch": seconds / (EPOCHS * run.epoch_scale),
        "images_seen": IMAGES[run.two_d or run.trained_3d] * EPOCHS * run.epoch_scale,
        "images_2d": round(IMAGES.get(run.two_d, 0) * run.share) or None,
        "images_per_second": 100 / seconds_of(run),
        "peak_memory_mb": 100.0,
        "weights_from": "nothing",
    }
