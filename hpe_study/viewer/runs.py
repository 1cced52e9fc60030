"""Run records as a source of the viewer: the people of a test set with what one or two runs predicted for
them.

Reads `run.json` and `predictions.h5` of the runs and the labels beside them (`test_sets/NAME.h5`): no GPU, no
pictures. Where the prepared store is at hand, its pictures are shown, and people of the training split can be
predicted on the spot.
"""

import contextlib
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch

from hpe_study.data.augmentation import assemble, identity_augmentation
from hpe_study.data.loading import loader
from hpe_study.data.store import Store
from hpe_study.data.store_key import stored_key
from hpe_study.datasets.record import UNKNOWN
from hpe_study.errors import StudyError
from hpe_study.evaluation.evaluate import load_run_model, predictions
from hpe_study.evaluation.scoring import head_sizes, poses_of, values_3d
from hpe_study.metrics import joint_errors
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.study import Study, steps
from hpe_study.utils import devices
from hpe_study.utils.arrays import nan_mean
from hpe_study.utils.files import read_json
from hpe_study.viewer.view import Half, Pose, View, extent_of, rooted

TRAINING_SHOWN = 200  # people of a training split, evenly spread: they are predicted when they are asked for
IN_ORDER, BY_ERROR, BY_JOINT, BY_OCCLUSION, A_WORSE, B_WORSE = (
    "as in the data set", "largest error first", "largest error of the joint first", "most occluded joints first",
    "A worse than B first", "B worse than A first",
)  # fmt: skip
CUBE = (900.0, 1400.0)  # mm: the least and the largest reach of a scene
FILTERS = ("subject", "sequence", "action", "camera")


def evaluated(study, name, device="auto"):
    """The folder of the run of that name, trained and evaluated first where it is not (with its data, and the
    runs before it)."""
    run = study.run(name)
    folder = study.run_folder(run)
    steps.train(study, run, device)
    scored = folder / "predictions.h5"
    if not scored.exists() or scored.stat().st_mtime < (folder / "checkpoint.pt").stat().st_mtime:
        steps.evaluate(study, run, device)
    return folder


class RunFolder:
    """The record of a run. Raises `StudyError` where it is incomplete or predicts another skeleton."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        if not self.folder.is_dir():
            raise StudyError(f"{self.folder}: no such run folder")
        for name, what in (("run.json", "trained"), ("predictions.h5", "evaluated")):
            if not (self.folder / name).exists():
                raise StudyError(f"{self.folder}: has no {name}; this run is not {what} yet")
        self.record = read_json(self.folder / "run.json")
        if "parameters" not in self.record:
            raise StudyError(
                f"{self.folder / 'run.json'}: is no record of a training; delete this folder and train the"
                " run again"
            )
        with self._predictions() as file:
            skeleton = file.attrs.get("skeleton")
            if skeleton != MPII16.name:
                raise StudyError(
                    f"{self.folder / 'predictions.h5'}: its joints are those of {skeleton!r}; the viewer"
                    f" compares {MPII16.name}"
                )
            self.test_sets = [name for name in file if isinstance(file[name], h5py.Group)]
            self.bones = file["bones"][:]
        if not self.test_sets:
            raise StudyError(
                f"{self.folder / 'predictions.h5'}: holds no test set; delete it and evaluate the run again"
            )

    def _predictions(self):
        try:
            return h5py.File(self.folder / "predictions.h5")
        except OSError as error:
            raise StudyError(
                f"{self.folder / 'predictions.h5'}: not readable ({error}); delete it and evaluate the run"
                " again"
            ) from error

    @property
    def name(self):
        """The run's name."""
        return self.folder.name

    @property
    def learnt_depth(self):
        """Whether its skeletons have a depth and a size."""
        return bool(np.isfinite(self.bones).any())

    @cached_property
    def study(self):
        """The `Study` that this run belongs to, or None where its parameter file is not at hand."""
        homes = [folder for folder in self.folder.parents if (folder / "params").is_dir()]
        for path in (path for home in homes for path in sorted(home.glob("params/*.yaml"))):
            with contextlib.suppress(StudyError):  # another profile's faults are no business of this run
                study = Study(path)
                if study.folder in self.folder.parents:
                    return study.with_legacy(self.record["parameters"]["legacy"])
        return None

    def labels(self, name):
        """The labels of a test set, without pictures."""
        return Store(self.folder.parent / "test_sets" / f"{name}.h5")

    def prepared(self, name, split, key=None):
        """The prepared store, or None where it is not at hand (or has another key than asked for)."""
        path = self.study and self.study.store_path(name, split)
        if not path or stored_key(path) is None or key not in (None, stored_key(path)):
            return None
        return Store(path)

    def predicted(self, name, labels):
        """(joints (N, 16, 2) box fractions, depth (N, 16) box sides) of a test set; `StudyError` where they
        are of other labels."""
        with self._predictions() as file:
            if name not in file:
                raise StudyError(
                    f"{self.name} has no predictions of {name}; it has {', '.join(self.test_sets)}"
                )
            if file[name].attrs["key"] != labels.attrs["key"]:
                raise StudyError(
                    f"{self.name}: its predictions of {name} were made with other labels than {labels.path};"
                    " evaluate it again"
                )
            return file[name]["joints"][:], file[name]["depth"][:]

    @cached_property
    def network(self):
        """The `Predictor` of its checkpoint."""
        return Predictor(self.folder)


class Predictor:
    """A run's network on the CPU. Raises `StudyError` where the checkpoint is not at hand."""

    def __init__(self, folder):
        self.model, self.settings = load_run_model(folder)
        self.model.eval()
        self.device = devices.pick_device("cpu")

    def on(self, store, indices):
        """(joints, depth) as in `RunFolder.predicted` for people of a store with pictures."""
        found = predictions(
            self.model, store, indices, self.settings, self.device, "fp32", self.settings.flip_test
        )
        return tuple(torch.cat(parts).numpy() for parts in list(zip(*found, strict=True))[:2])

    @torch.inference_mode()
    def heatmaps(self, store, index):
        """(16, h, w) heat maps of one person of a store with pictures, over the person's box."""
        raw = next(iter(loader([store], np.array([[0, index]]), 1)))
        batch = assemble(raw, identity_augmentation(1), self.settings.input_size)
        return self.model.heatmaps(self.model(self.model.preprocessing(batch.images)))[0].numpy()


class RunPeople:
    """The people of one data set and split, with the predictions of run A and, where given, run B. Each is a
    `View`."""

    def __init__(self, runs, name, split="test"):
        self.runs, self.name, self.split = [run for run in runs if run is not None], name, split
        first = self.runs[0]
        if split == "test":
            self.store = first.labels(name)
            self.rows = np.arange(len(self.store))
            self.pictures = first.prepared(name, split, self.store.attrs["key"])
        else:
            self.store = self.pictures = first.prepared(name, split)
            if self.store is None:
                raise StudyError(
                    f"the prepared {split} split of {name} is not at hand, so nothing can be predicted on it"
                )
            self.rows = np.unique(np.linspace(0, len(self.store) - 1, TRAINING_SHOWN).round().astype(int))
        if len(self.rows) == 0:
            raise StudyError(f"{self.store.path}: has no people to show")
        self.joints, self.depth = zip(*(self._predicted(run) for run in self.runs), strict=True)
        self.poses = [
            (
                scale_to_bones(poses_of(joints, depth), run.bones)
                if run.learnt_depth
                else np.full((*depth.shape, 3), np.nan)
            )
            for run, joints, depth in zip(self.runs, self.joints, self.depth, strict=True)
        ]
        self.truth = rooted(self._of("joints3d").astype(float), MPII16)
        self.flat = self.store.boxes[self.rows].to_fraction(self._of("joints2d"))
        self.unit, self.errors = self._scored()
        self._heatmaps = {}

    def __len__(self):
        return len(self.rows)

    def _of(self, key):
        return self.store[key][self.rows]

    def _predicted(self, run):
        return (
            run.predicted(self.name, self.store)
            if self.split == "test"
            else run.network.on(self.store, self.rows)
        )

    def _scored(self):
        """(unit, one (N, 16) array a run): mm where truth and runs have depth, else percent of the head size,
        else of the box."""
        if np.isfinite(self.truth).any() and all(run.learnt_depth for run in self.runs):
            return "error (mm)", [values_3d(poses, self.truth)["mpjpe"] for poses in self.poses]
        flat = [joint_errors(joints, self.flat, self._of("labelled")) for joints in self.joints]
        heads = (head_sizes(self.store) / self.store["side"])[self.rows]
        if np.isfinite(heads).any():
            return "error (% of head size)", [100 * errors / heads[:, None] for errors in flat]
        return "error (% of the box)", [100 * errors for errors in flat]

    # ---------------------------------------------------------------- what the controls ask for

    @property
    def reach(self):
        """mm: half the edge of a cube that holds every true skeleton and all but the wildest predicted
        joints."""
        true = np.nanmax(np.abs(self.truth)) if np.isfinite(self.truth).any() else 0
        predicted = [np.nanquantile(np.abs(poses), 0.99) for poses in self.poses if np.isfinite(poses).any()]
        return float(100 * np.ceil(np.clip(max([true, *predicted]), *CUBE) / 100))

    @property
    def simulated(self):
        """Whether the people are simulated."""
        return self.store.simulated

    @cached_property
    def table(self):
        """(N, …) what people can be chosen by: subject, sequence, action, camera, as far as the set has
        them."""
        return pd.DataFrame({key: self._of(key) for key in FILTERS})

    @property
    def orders(self):
        """The orders that people can be gone through in."""
        told = (self._of("occluded") != UNKNOWN).any()  # many sets do not say who is occluded
        return (
            (IN_ORDER, BY_ERROR, BY_JOINT)
            + ((BY_OCCLUSION,) if told else ())
            + ((A_WORSE, B_WORSE) if len(self.runs) == 2 else ())
        )

    def ranked(self, order, joint):
        """(N,) numbers of all people in an order; those without a value come last. joint: a name of
        MPII-16."""
        means = [_mean(errors) for errors in self.errors]
        if order == IN_ORDER:
            return np.arange(len(self))
        if order == BY_OCCLUSION:
            key = (self._of("occluded") == 1).sum(1)
        elif order == BY_JOINT:
            key = self.errors[0][:, MPII16.index(joint)]
        else:
            key = {BY_ERROR: means[0], A_WORSE: means[0] - means[-1], B_WORSE: means[-1] - means[0]}[order]
        return np.argsort(-np.where(np.isnan(key), -np.inf, key), kind="stable")

    def view(self, number):
        """The `View` of person `number`."""
        row = self.rows[number]
        hollow = self.store["occluded"][row] == 1
        truth = Pose(MPII16, self.flat[number], self.truth[number], hollow)
        halves, told = [], []
        for letter, run, joints, poses, errors in zip(
            "AB", self.runs, self.joints, self.poses, self.errors, strict=False
        ):
            mean = _mean(errors[[number]])[0]
            score = (
                f"mean error {mean:.0f} {self.unit[7:-1]}" if np.isfinite(mean) else "no truth to score by"
            )
            deep = "" if run.learnt_depth else "<br>this run has learnt no depth"
            halves.append(
                Half(
                    f"<b>{letter}</b> {_short(run.name)}<br>{score}{deep}",
                    Pose(MPII16, joints[number], poses[number], hollow),
                    truth,
                    errors[number],
                )
            )
            told.append(f"{letter}, {run.name}: {score}")
        who = self.who(number)
        kind = "simulated people, " if self.simulated else ""
        title = f"{self.name} ({kind}{self.split}) · {who}"
        picture = self.pictures.crops([row])[0] if self.pictures is not None else None
        extent = extent_of(self.store["region"][row], self.store.boxes[row])
        return View(
            title, f"{title}. {'; '.join(told)}.{_hidden(hollow)}", picture, extent, tuple(halves), self.unit
        )

    def who(self, number):
        """Which person it is, in words."""
        row = self.rows[number]
        known = [f"{key} {self.store[key][row]}" for key in FILTERS if self.store[key][row]]
        frame = self.store["frame"][row]
        return ", ".join(
            [f"record {self.store['index'][row]}", *known, *([f"frame {frame}"] if frame >= 0 else [])]
        )

    def heatmaps(self, half, number):
        """(16, h, w) of run A (half 0) or B (half 1); `StudyError` where the picture or the checkpoint is not
        at hand."""
        if self.pictures is None:
            raise StudyError("no heat map: the prepared pictures of this set are not at hand")
        if (half, number) not in self._heatmaps:
            self._heatmaps[half, number] = self.runs[half].network.heatmaps(self.pictures, self.rows[number])
        return self._heatmaps[half, number]


def _mean(errors):
    """(N,) mean over joints that count; NaN where none does."""
    return nan_mean(errors, axis=1)


def _short(name):
    return name if len(name) <= 34 else f"{name[:32]}…"


def _hidden(hollow):
    names = [joint.replace("_", " ") for joint, hidden in zip(MPII16.joints, hollow, strict=True) if hidden]
    return f" Occluded: {', '.join(names)}." if names else ""
