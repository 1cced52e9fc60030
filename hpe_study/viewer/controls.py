"""The viewer's controls: which runs, which data, which person; and what a change of each of them redraws."""

import html
from contextlib import contextmanager
from pathlib import Path

import cv2
import ipywidgets as widgets
import numpy as np
from matplotlib import colormaps

from hpe_study.datasets import NAMES, info, open_dataset
from hpe_study.datasets.base import SPLITS
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.study import Study
from hpe_study.utils.files import atomic
from hpe_study.viewer.figure import ViewFigure
from hpe_study.viewer.picture import save_png
from hpe_study.viewer.records import RecordPeople
from hpe_study.viewer.runs import BY_JOINT, FILTERS, RunFolder, RunPeople

PLAY_INTERVAL = 400  # ms between two people: longer than a move takes, so that none piles up
MOST_VALUES = 500  # a menu longer than that (MPII has a sequence an image) helps nobody
ALL = "all"
NONE = "none"
HEAT_PX = 256  # a heat map is drawn so many px wide


class Viewer(widgets.VBox):
    """People of a run, or of a data set, one at a time; see the package's own words.

    source: a run's folder, a `study.Study`, or records (`open_dataset`). other: a second run's folder,
    compared side by side. Raises `StudyError` where a run folder is incomplete, predicts another skeleton, or
    nothing can be shown. What goes wrong after that is told in the line below the figure.
    """

    def __init__(self, source, other=None):
        self._source = source if hasattr(source, "skeleton") else RunFolder(_folder(source))
        self._quiet = False
        self._make_controls(other)
        self.people = self._open_people()
        self._order_people()
        self._figure = ViewFigure(self.people.view(self.number), self.people.reach, self._joint_clicked)
        super().__init__([*self._rows(), self._figure.widget, self.words])
        self._listen()
        self._tell()

    @property
    def number(self):
        """Which of the people is shown."""
        return int(self.chosen[self.position.value])

    # ---------------------------------------------------------------- controls

    def _make_controls(self, other):
        of_runs = isinstance(self._source, RunFolder)
        runs = _evaluated(self._source.folder.parent) if of_runs else []
        here = self._source.name if of_runs else NONE
        self.run_a = _dropdown("run A", sorted({here, *runs}), here, "34%")
        self.run_b = _dropdown("run B", [NONE, *runs], _folder(other).name if other else NONE, "34%")
        sets = self._source.test_sets if of_runs else _sets_at_hand(self._source)
        deep = self._source.record["parameters"]["three_d"] if of_runs else self._source.name
        self.data_set = _dropdown("data set", sets, deep if deep in sets else sets[0])
        self.split = _dropdown("split", SPLITS, "test" if of_runs else self._source.split)
        self.order = _dropdown("order", ("",))
        self.joint = _dropdown(
            "joint", [(joint.replace("_", " "), joint) for joint in MPII16.joints], "r_wrist"
        )
        self.filters = {key: _dropdown(key, (ALL,)) for key in FILTERS}
        self.play = widgets.Play(
            value=0, max=0, interval=PLAY_INTERVAL, repeat=False, tooltip="play through the people chosen"
        )
        self.position = widgets.IntSlider(
            0, 0, 0, description="person", continuous_update=False, layout={"width": "45%"}
        )
        widgets.jslink((self.play, "value"), (self.position, "value"))
        self.count = widgets.Label()
        self.keep_html = widgets.Button(
            description="save HTML", icon="cube", tooltip="the view as a page that turns without a kernel"
        )
        self.keep_png = widgets.Button(description="save PNG", icon="image", tooltip="the view as a picture")
        self.words = widgets.HTML()

    def _rows(self):
        wrap = {"flex_flow": "row wrap"}
        runs = [self.run_a, self.run_b] if isinstance(self._source, RunFolder) else []
        return [
            widgets.HBox([*runs, self.data_set, self.split], layout=wrap),
            widgets.HBox([self.order, self.joint, *self.filters.values()], layout=wrap),
            widgets.HBox([self.play, self.position, self.count, self.keep_html, self.keep_png], layout=wrap),
        ]

    def _listen(self):
        for control in (self.run_a, self.run_b, self.data_set, self.split):
            control.observe(lambda _: self._people_changed(), "value")
        for control in (self.order, *self.filters.values()):
            control.observe(lambda _: self._order_changed(), "value")
        self.joint.observe(
            lambda _: self._order_changed() if self.order.value == BY_JOINT else self.show_heatmap(), "value"
        )
        self.position.observe(lambda _: self.refresh(), "value")
        self.keep_html.on_click(lambda _: self._keep(self.save_html, "html"))
        self.keep_png.on_click(lambda _: self._keep(self.save_png, "png"))

    @contextmanager
    def _silently(self):
        """Changes of the controls inside the block redraw nothing."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    # ---------------------------------------------------------------- what is shown

    def _open_people(self):
        if not isinstance(self._source, RunFolder):
            same = (self.data_set.value, self.split.value) == (self._source.name, self._source.split)
            return RecordPeople(
                self._source
                if same
                else open_dataset(self.data_set.value, self._source.root, self.split.value)
            )
        folder = self._source.folder.parent
        first = RunFolder(folder / self.run_a.value)
        second = RunFolder(folder / self.run_b.value) if self.run_b.value != NONE else None
        return RunPeople([first, second], self.data_set.value, self.split.value)

    def _people_changed(self):
        if self._quiet:
            return
        before = self.number
        with self._told():
            self.people = self._open_people()
            self._order_people(keep=before)
            self._figure.rescale(self.people.reach)
            self.refresh()

    def _order_people(self, keep=None):
        """Fill the controls that depend on the people, and line these up; `keep` is the person to stay
        with."""
        with self._silently():
            _offer(self.order, self.people.orders)
            for key, control in self.filters.items():
                values = sorted(set(self.people.table[key]) - {""})
                _offer(control, (ALL, *values))
                control.layout.display = None if 1 < len(values) <= MOST_VALUES else "none"
        self._line_up(keep)

    def _line_up(self, keep=None):
        """The people that pass the filters, in order; the message of an empty choice leaves the old one
        standing."""
        ranked = self.people.ranked(self.order.value, self.joint.value)
        fits = np.ones(len(self.people), bool)
        for key, control in self.filters.items():
            if control.value != ALL:
                fits &= (self.people.table[key] == control.value).to_numpy()
        if not fits.any():
            asked = ", ".join(
                f"{key} {control.value}" for key, control in self.filters.items() if control.value != ALL
            )
            raise StudyError(f"nobody fits {asked}; the view stays as it is")
        self.chosen = ranked[fits[ranked]]
        place = int(np.flatnonzero(self.chosen == keep)[0]) if keep is not None and keep in self.chosen else 0
        with self._silently():
            self.play.max = self.position.max = len(self.chosen) - 1
            self.position.value = place
        total = len(self.people)
        self.count.value = (
            f"{len(self.chosen)} of {total} people" if len(self.chosen) < total else f"{total} people"
        )

    def _order_changed(self):
        if self._quiet:
            return
        with self._told():
            self._line_up()
            self.refresh()

    def refresh(self):
        """Draw the person that the slider points at."""
        if self._quiet:
            return
        with self._told():
            self._figure.show(self.people.view(self.number))
            self._tell()

    def _tell(self, more=""):
        self.words.value = (
            f"<div role='status'>{html.escape(self._figure.view.words)} {html.escape(more)}</div>"
        )

    @contextmanager
    def _told(self):
        """What the user can mend becomes a line below the figure."""
        try:
            yield
        except StudyError as error:
            self.words.value = f"<div role='alert'><b>{html.escape(str(error))}</b></div>"

    # ---------------------------------------------------------------- heat maps

    def _joint_clicked(self, half, joint):
        if joint in MPII16.joints:
            with self._silently():
                self.joint.value = joint
            self.show_heatmap(half)

    def show_heatmap(self, half=0):
        """Lay the heat map of the chosen joint over the picture of run A (half 0) or B (half 1). The next
        move takes it away."""
        if self._quiet:
            return
        with self._told():
            maps = self.people.heatmaps(half, self.number)
            self._figure.heat(half, coloured(maps[MPII16.index(self.joint.value)]))
            letter, joint = "AB"[half], self.joint.value.replace("_", " ")
            self._tell(
                f"Over the picture: heat map of {joint}, run {letter}, highest value"
                f" {maps[MPII16.index(self.joint.value)].max():.2f}."
            )

    # ---------------------------------------------------------------- export

    def save_html(self, path):
        """Write the view as one page that turns without kernel and network; returns its path."""
        path = Path(path)
        with atomic(path) as part:
            part.write_text(self._figure.html(), encoding="utf-8")
        return path

    def save_png(self, path):
        """Write the view as a picture, the skeletons seen as they are turned; returns its path."""
        return save_png(self.people.view(self.number), Path(path), self._figure.camera, self._figure.reach)

    def _keep(self, save, kind):
        name = f"viewer-{self.people.name}-{self.people.split}-{self.people.rows[self.number]}.{kind}"
        with self._told():
            path = save(Path(name))
            self._tell(f"Saved as {path.resolve()}.")


def _folder(source):
    """The run folder meant: of a `Study` its last evaluated run."""
    if not isinstance(source, Study):
        return Path(source)
    done = [run for run in source.runs if (source.run_folder(run) / "predictions.h5").exists()]
    if not done:
        raise StudyError(
            f"{source.folder}: no run is evaluated yet; run the study or notebooks/evaluate.ipynb first"
        )
    return source.run_folder(done[-1])


def _evaluated(folder):
    """Names of the runs in a folder that have predictions."""
    return sorted(path.parent.name for path in folder.glob("*/predictions.h5"))


def _sets_at_hand(records):
    """Names of the data sets under the records' data root."""
    there = [name for name in NAMES if any((records.root / folder).is_dir() for folder in info(name).folders)]
    return sorted({records.name, *there})


def _dropdown(words, options, value=None, width="auto"):
    made = widgets.Dropdown(options=options, description=words, layout={"width": width})
    if value is not None:
        made.value = value
    return made


def _offer(control, options):
    """Other options; the value stays where it is still among them."""
    value = control.value
    control.options = options
    control.value = value if value in options else options[0]


def coloured(heatmap):
    """(h, w) → (HEAT_PX, HEAT_PX, 4) uint8: its height as colour and as opacity; nothing where it is 0 or
    below."""
    height = np.clip(heatmap / max(float(heatmap.max()), 1e-6), 0, 1).astype(np.float32)
    height = cv2.resize(height, (HEAT_PX, HEAT_PX), interpolation=cv2.INTER_LINEAR).clip(0, 1)
    pixels = colormaps["magma"](height)
    pixels[..., 3] = 0.85 * np.sqrt(height)
    return (255 * pixels).round().astype(np.uint8)
