"""The viewer's controls: which runs, which data, which person; and what a change of each of them redraws."""

import html
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import ipywidgets as widgets
import numpy as np
from matplotlib import colormaps

from hpe_study.datasets import NAMES, info, open_dataset
from hpe_study.datasets.base import SPLITS, Records
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.study import Study
from hpe_study.study.run_folder import RunFolder
from hpe_study.utils.files import atomic
from hpe_study.viewer.figure import ViewFigure
from hpe_study.viewer.picture import save_png
from hpe_study.viewer.records import RecordPeople
from hpe_study.viewer.runs import BY_JOINT, RunPeople
from hpe_study.viewer.view import FILTERS, readable

PLAY_INTERVAL = 400  # ms between two people: longer than a move takes, so that moves do not pile up
MENU_LENGTH = 500  # a longer menu helps nobody (MPII has a sequence per image)
ALL = "all"
NONE = "none"
HEATMAP_PX = 256  # a heat map is drawn so many px wide


class Viewer(widgets.VBox):
    """People of a run, or of a data set, one at a time; see the package's description.

    What goes wrong after the viewer is made is said in the line below the figure.

    Attributes:
        people: The people that can be chosen, as `RunPeople` or `RecordPeople`.
        number: Which of them is shown.
    """

    def __init__(self, source: Records | Study | str | Path, other: str | Path | None = None) -> None:
        """Make the controls and the figure.

        Args:
            source: A run's folder, a `study.Study`, or records (`open_dataset`).
            other: A second run's folder, shown side by side.

        Raises:
            StudyError: A run folder is incomplete, predicts another skeleton, or nothing can be shown.
        """
        self._source = source if hasattr(source, "skeleton") else RunFolder(_run_folder_of(source))
        self._muted = False
        self._make_menus(other)
        self._make_buttons()
        self.people = self._open_people()
        self._fill_menus()
        self._figure = ViewFigure(self.people.view(self.number), self.people.reach, self._joint_clicked)
        super().__init__([*self._rows(), self._figure.widget, self.status])
        self._listen()
        self._describe()

    @property
    def number(self) -> int:
        """Which of the people is shown."""
        return int(self.chosen[self.position.value])

    # ---------------------------------------------------------------- controls

    def _make_menus(self, other):
        of_runs = isinstance(self._source, RunFolder)
        runs = _evaluated_runs(self._source.folder.parent) if of_runs else []
        name = self._source.name if of_runs else NONE
        self.run_a = _dropdown("run A", sorted({name, *runs}), name, "34%")
        self.run_b = _dropdown("run B", [NONE, *runs], _run_folder_of(other).name if other else NONE, "34%")
        sets = self._source.test_sets if of_runs else _sets_at_hand(self._source)
        first = self._source.record.parameters.three_d if of_runs else self._source.name
        self.data_set = _dropdown("data set", sets, first if first in sets else sets[0])
        self.split = _dropdown("split", SPLITS, "test" if of_runs else self._source.split)
        self.order = _dropdown("order", ("",))
        joints = [(readable(joint), joint) for joint in MPII16.joints]
        self.joint = _dropdown("joint", joints, "r_wrist")
        self.filters = {key: _dropdown(key, (ALL,)) for key in FILTERS}

    def _make_buttons(self):
        self.play = widgets.Play(
            value=0, max=0, interval=PLAY_INTERVAL, repeat=False, tooltip="play through the people chosen"
        )
        self.position = widgets.IntSlider(
            0, 0, 0, description="person", continuous_update=False, layout={"width": "45%"}
        )
        widgets.jslink((self.play, "value"), (self.position, "value"))
        self.count = widgets.Label()
        self.html_button = widgets.Button(
            description="save HTML", icon="cube", tooltip="the view as a page that turns without a kernel"
        )
        self.png_button = widgets.Button(
            description="save PNG", icon="image", tooltip="the view as a picture"
        )
        self.status = widgets.HTML()

    def _rows(self):
        wrap = {"flex_flow": "row wrap"}
        runs = [self.run_a, self.run_b] if isinstance(self._source, RunFolder) else []
        rows = (
            [*runs, self.data_set, self.split],
            [self.order, self.joint, *self.filters.values()],
            [self.play, self.position, self.count, self.html_button, self.png_button],
        )
        return [widgets.HBox(row, layout=wrap) for row in rows]

    def _listen(self):
        for control in (self.run_a, self.run_b, self.data_set, self.split):
            control.observe(lambda _: self._people_changed(), "value")
        for control in (self.order, *self.filters.values()):
            control.observe(lambda _: self._order_changed(), "value")
        self.joint.observe(
            lambda _: self._order_changed() if self.order.value == BY_JOINT else self.show_heatmap(), "value"
        )
        self.position.observe(lambda _: self.refresh(), "value")
        self.html_button.on_click(lambda _: self._save(self.save_html, "html"))
        self.png_button.on_click(lambda _: self._save(self.save_png, "png"))

    @contextmanager
    def _mute(self) -> Iterator[None]:
        """Changes of the controls inside the block redraw nothing."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    # ---------------------------------------------------------------- what is shown

    def _open_people(self):
        if isinstance(self._source, RunFolder):
            folder = self._source.folder.parent
            names = [self.run_a.value, *([self.run_b.value] if self.run_b.value != NONE else [])]
            runs = [RunFolder(folder / name) for name in names]
            return RunPeople(runs, self.data_set.value, self.split.value)
        if (self.data_set.value, self.split.value) == (self._source.name, self._source.split):
            return RecordPeople(self._source)
        return RecordPeople(open_dataset(self.data_set.value, self._source.root, self.split.value))

    def _people_changed(self):
        if self._muted:
            return
        before = self.number
        with self._errors_shown():
            self.people = self._open_people()
            self._fill_menus(keep=before)
            self._figure.rescale(self.people.reach)
            self.refresh()

    def _fill_menus(self, keep=None):
        """Fill the menus that depend on the people, and choose the people; `keep` is the one to stay with."""
        with self._mute():
            _set_options(self.order, self.people.orders)
            for key, control in self.filters.items():
                values = sorted(set(self.people.table[key]) - {""})
                _set_options(control, (ALL, *values))
                control.layout.display = None if 1 < len(values) <= MENU_LENGTH else "none"
        self._choose_people(keep)

    def _choose_people(self, keep=None):
        """The people that pass the filters, in order; where there are none, the old choice stays."""
        asked = {key: control.value for key, control in self.filters.items() if control.value != ALL}
        passes = np.ones(len(self.people), bool)
        for key, value in asked.items():
            passes &= (self.people.table[key] == value).to_numpy()
        if not passes.any():
            text = ", ".join(f"{key} {value}" for key, value in asked.items())
            raise StudyError(f"nobody fits {text}; the view stays as it is")
        ranked = self.people.ranked(self.order.value, self.joint.value)
        self.chosen = ranked[passes[ranked]]
        place = int(np.flatnonzero(self.chosen == keep)[0]) if keep is not None and keep in self.chosen else 0
        with self._mute():
            self.play.max = self.position.max = len(self.chosen) - 1
            self.position.value = place
        total = len(self.people)
        fewer = f"{len(self.chosen)} of " if len(self.chosen) < total else ""
        self.count.value = f"{fewer}{total} people"

    def _order_changed(self):
        if self._muted:
            return
        with self._errors_shown():
            self._choose_people()
            self.refresh()

    def refresh(self) -> None:
        """Draw the person that the slider points at."""
        if self._muted:
            return
        with self._errors_shown():
            self._figure.show(self.people.view(self.number))
            self._describe()

    def _describe(self, addition=""):
        text = html.escape(f"{self._figure.view.description} {addition}")
        self.status.value = f"<div role='status'>{text}</div>"

    @contextmanager
    def _errors_shown(self) -> Iterator[None]:
        """What the user can mend becomes a line below the figure."""
        try:
            yield
        except StudyError as error:
            self.status.value = f"<div role='alert'><b>{html.escape(str(error))}</b></div>"

    # ---------------------------------------------------------------- heat maps

    def _joint_clicked(self, side, joint):
        if joint in MPII16.joints:
            with self._mute():
                self.joint.value = joint
            self.show_heatmap(side)

    def show_heatmap(self, side: int = 0) -> None:
        """Lay the heat map of the chosen joint over the picture of run A (side 0) or B (side 1).

        The next move takes it away.
        """
        if self._muted:
            return
        with self._errors_shown():
            heatmap = self.people.heatmaps(side, self.number)[MPII16.index(self.joint.value)]
            self._figure.show_heatmap(side, coloured(heatmap))
            self._describe(
                f"Over the picture: heat map of {readable(self.joint.value)}, run {'AB'[side]}, highest value"
                f" {heatmap.max():.2f}."
            )

    # ---------------------------------------------------------------- export

    def save_html(self, path: str | Path) -> Path:
        """Write the view as one page that turns without kernel and network; returns its path."""
        path = Path(path)
        with atomic(path) as part:
            part.write_text(self._figure.html(), encoding="utf-8")
        return path

    def save_png(self, path: str | Path) -> Path:
        """Write the view as a picture, the skeletons seen as they are turned; returns its path."""
        return save_png(self.people.view(self.number), Path(path), self._figure.camera, self._figure.reach)

    def _save(self, save, kind):
        name = f"viewer-{self.people.name}-{self.people.split}-{self.people.rows[self.number]}.{kind}"
        with self._errors_shown():
            path = save(Path(name))
            self._describe(f"Saved as {path.resolve()}.")


def _run_folder_of(source):
    """The run folder meant: of a `Study` its last evaluated run."""
    if not isinstance(source, Study):
        return Path(source)
    done = [run for run in source.runs if (source.run_folder(run) / "predictions.h5").exists()]
    if not done:
        raise StudyError(
            f"{source.folder}: no run is evaluated yet; run the study or notebooks/evaluate.ipynb first"
        )
    return source.run_folder(done[-1])


def _evaluated_runs(folder):
    """Names of the runs in a folder that have predictions."""
    return sorted(path.parent.name for path in folder.glob("*/predictions.h5"))


def _sets_at_hand(records):
    """Names of the data sets under the records' data root."""
    there = [name for name in NAMES if any((records.root / folder).is_dir() for folder in info(name).folders)]
    return sorted({records.name, *there})


def _dropdown(description, options, value=None, width="auto"):
    menu = widgets.Dropdown(options=options, description=description, layout={"width": width})
    if value is not None:
        menu.value = value
    return menu


def _set_options(control, options):
    """Other options; the value stays where it is still among them."""
    value = control.value
    control.options = options
    control.value = value if value in options else options[0]


def coloured(heatmap: np.ndarray) -> np.ndarray:
    """A heat map (h, w) as (HEATMAP_PX, HEATMAP_PX, 4) uint8 RGBA: its height as colour and as opacity."""
    height = np.clip(heatmap / max(float(heatmap.max()), 1e-6), 0, 1).astype(np.float32)
    height = cv2.resize(height, (HEATMAP_PX, HEATMAP_PX), interpolation=cv2.INTER_LINEAR).clip(0, 1)
    pixels = colormaps["magma"](height)
    pixels[..., 3] = 0.85 * np.sqrt(height)
    return (255 * pixels).round().astype(np.uint8)
