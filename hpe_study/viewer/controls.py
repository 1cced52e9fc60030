"""The viewer's controls: which runs, data and person; and what a change of each of them redraws."""

import html
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import ipywidgets as widgets
import numpy as np
from matplotlib import colormaps

from hpe_study.datasets import open_dataset
from hpe_study.datasets.base import SPLITS, Records
from hpe_study.errors import StudyError
from hpe_study.report.cell_width import CellWidth
from hpe_study.skeletons import MPII16
from hpe_study.study.run_folder import RunFolder
from hpe_study.utils.files import atomic
from hpe_study.viewer.figure import ViewFigure
from hpe_study.viewer.keys import ArrowKeys
from hpe_study.viewer.layout import legend
from hpe_study.viewer.photo import PhotoPeople
from hpe_study.viewer.picture import save_png
from hpe_study.viewer.records import RecordPeople
from hpe_study.viewer.runs import BY_JOINT, RunPeople
from hpe_study.viewer.sources import Source, opened, run_folder_of, sets_at_hand, uploaded_photo
from hpe_study.viewer.still import CLASS, STYLE, display_with_still
from hpe_study.viewer.view import FILTERS, readable

PLAY_INTERVAL = 400  # ms between two people: longer than a move takes, so that moves do not pile up
MENU_LENGTH = 500  # a longer menu helps nobody (MPII has a sequence per image)
ALL, NONE = "all", "none"
HEATMAP_PX = 256  # a heat map is drawn so many px wide


class Viewer(widgets.VBox):
    """People of a run, of a data set, or of photos, one at a time; see the package's description.

    What goes wrong after the viewer is made is said in the line above the figure; the menus then stay where
    they were.

    Attributes:
        people: The people that can be chosen, as `RunPeople`, `RecordPeople` or `PhotoPeople`.
        number: Which of them is shown.
    """

    def __init__(self, source: Source = None, other: str | Path | None = None) -> None:
        """Make the controls and the figure.

        Args:
            source: A run's folder, a `study.Study`, records (`open_dataset`), a photo, or `PhotoPeople`; by
                default photos of a real person, predicted by the network in the box.
            other: A second run's folder, shown side by side.

        Raises:
            StudyError: A run folder is incomplete, predicts another skeleton, or nothing can be shown.
        """
        self._source, self._photos, self._muted = opened(source), [], False
        self._make_menus(other)
        self._make_buttons()
        self.people = self._open_people()
        self._fill_menus()
        self._figure = ViewFigure(self.people.view(self.number), self.people.reach, self._joint_clicked)
        self.arrows = ArrowKeys()
        helpers = (self.arrows, CellWidth(self._figure.widget), widgets.HTML(STYLE))
        super().__init__([*self._rows(), self.status, self.legend, self._figure.widget, *helpers])
        self.add_class(CLASS)
        self._listen()
        self._accept()
        self._describe()

    @property
    def number(self) -> int:
        """Which of the people is shown."""
        return int(self.chosen[self.position.value])

    def _ipython_display_(self) -> None:
        """Show the widget, and a still picture for when the widget's kernel is gone."""
        with tempfile.TemporaryDirectory() as folder:
            still = self.save_png(Path(folder) / "still.png")
            display_with_still(self, still, self._figure.view.description)

    # ---------------------------------------------------------------- controls

    def _make_menus(self, other):
        source, of_runs = self._source, isinstance(self._source, RunFolder)
        found = source.folder.parent.glob("*/predictions.h5") if of_runs else ()
        runs, name = sorted(path.parent.name for path in found), source.name if of_runs else NONE
        self.run_a = _dropdown("run A", sorted({name, *runs}), name, "34%")
        self.run_b = _dropdown("run B", [NONE, *runs], run_folder_of(other).name if other else NONE, "34%")
        sets, first, split = [NONE], NONE, SPLITS[0]
        if of_runs:
            sets, first, split = source.test_sets, source.record.parameters.three_d, "test"
        elif isinstance(source, Records):
            sets, first, split = sets_at_hand(source), source.name, source.split
        self.data_set = _dropdown("data set", sets, first if first in sets else sets[0])
        self.split = _dropdown("split", SPLITS, split)
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
        self.upload = widgets.FileUpload(
            accept="image/*", description="your photo", tooltip="predicted by the network in the box"
        )
        self.html_button = widgets.Button(
            description="save HTML", icon="cube", tooltip="the view as a page that turns without a kernel"
        )
        self.png_button = widgets.Button(
            description="save PNG", icon="image", tooltip="the view as a picture"
        )
        self.status, self.legend = widgets.HTML(), widgets.HTML()

    def _rows(self):
        runs = [self.run_a, self.run_b] if isinstance(self._source, RunFolder) else []
        data = [] if isinstance(self._source, PhotoPeople) else [self.data_set, self.split]
        rows = (
            [*runs, *data],
            [self.order, self.joint, *self.filters.values()],
            [self.play, self.position, self.count, self.upload, self.html_button, self.png_button],
        )
        return [widgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows if row]

    @property
    def _menus(self):
        return (self.run_a, self.run_b, self.data_set, self.split, self.order, *self.filters.values())

    def _listen(self):
        for control in (self.run_a, self.run_b):
            control.observe(lambda _: self._people_changed(keep=self.number), "value")
        for control in (self.data_set, self.split):
            control.observe(lambda _: self._people_changed(), "value")
        for control in (self.order, *self.filters.values()):
            control.observe(lambda _: self._order_changed(), "value")
        self.joint.observe(
            lambda _: self._order_changed() if self.order.value == BY_JOINT else self.show_heatmap(), "value"
        )
        self.position.observe(lambda _: self.refresh(), "value")
        self.arrows.observe(lambda change: self._step(change.new - change.old), "steps")
        self.upload.observe(lambda _: self._photo_uploaded(), "value")
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

    def _accept(self):
        """Remember where the menus stand: what they show is what they say."""
        self._accepted = [menu.value for menu in self._menus]

    def _step(self, count):
        self.position.value = int(np.clip(self.position.value + count, 0, self.position.max))

    # ---------------------------------------------------------------- what is shown

    def _open_people(self):
        if isinstance(self._source, PhotoPeople):
            return self._source
        if isinstance(self._source, RunFolder):
            folder = self._source.folder.parent
            names = [self.run_a.value, *([self.run_b.value] if self.run_b.value != NONE else [])]
            runs = [RunFolder(folder / name) for name in names]
            return RunPeople(runs, self.data_set.value, self.split.value)
        if (self.data_set.value, self.split.value) == (self._source.name, self._source.split):
            return RecordPeople(self._source)
        return RecordPeople(open_dataset(self.data_set.value, self._source.root, self.split.value))

    def _people_changed(self, keep=None):
        """Show other people; `keep` is the number of the one to stay with."""
        if self._muted:
            return
        with self._errors_shown():
            self._show_people(self._open_people(), keep)

    def _photo_uploaded(self):
        if self._muted or not self.upload.value:
            return
        with self._errors_shown():
            for file in self.upload.value:
                self._photos.append((file["name"], uploaded_photo(file)))
            reader = self._source.reader if isinstance(self._source, PhotoPeople) else None
            self._show_people(PhotoPeople(self._photos, reader), keep=len(self._photos) - 1)
        with self._mute():
            self.upload.value = ()

    def _show_people(self, people, keep=None):
        self.people = people
        self._fill_menus(keep)
        self._figure.rescale(people.reach)
        self.refresh()
        self._accept()

    def _fill_menus(self, keep=None):
        """Fill the menus that depend on the people, and choose the people; `keep` is the one to stay with."""
        with self._mute():
            _set_options(self.order, self.people.orders)
            for key, control in self.filters.items():
                values = sorted(set(self.people.table[key]) - {""})
                control.options, control.value = (ALL, *values), ALL
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
            # To the first before the end comes nearer: the browser's slider and Play, which are linked, would
            # otherwise move each other to the end.
            self.play.value = self.position.value = 0
            self.play.max = self.position.max = len(self.chosen) - 1
            self.play.value = self.position.value = place
        total = self.people.total
        part = f"{len(self.chosen):,} of " if len(self.chosen) < total else ""
        self.count.value = f"{part}{total:,} {'person' if total == 1 else 'people'}"

    def _order_changed(self):
        if self._muted:
            return
        with self._errors_shown():
            self._choose_people()
            self.refresh()
            self._accept()

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
        self.legend.value = legend(self._figure.view)

    @contextmanager
    def _errors_shown(self) -> Iterator[None]:
        """What the user can mend becomes a line above the figure; the menus go back to what is shown."""
        try:
            yield
        except StudyError as error:
            with self._mute():
                for menu, value in zip(self._menus, self._accepted, strict=True):
                    menu.value = value if value in _values(menu) else menu.value
            self.status.value = f"<div role='alert'><b>{html.escape(str(error))}</b></div>"

    # ---------------------------------------------------------------- heat maps

    def _joint_clicked(self, side, joint):
        if joint in MPII16.joints:
            with self._mute():
                self.joint.value = joint
            self.show_heatmap()

    def show_heatmap(self) -> None:
        """Lay the chosen joint's heat map over the picture, of each run over its own, until the next move."""
        if self._muted:
            return
        with self._errors_shown():
            joint, highest = MPII16.index(self.joint.value), []
            for side in range(len(self._figure.view.panels)):
                heatmap = self.people.heatmaps(side, self.number)[joint]
                self._figure.show_heatmap(side, coloured(heatmap))
                highest.append(f"{heatmap.max():.2f}")
            self._describe(
                f"Over the picture: heat map of {readable(self.joint.value)}, highest value"
                f" {' (A) and '.join(highest)}{' (B)' * (len(highest) > 1)}."
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
        return save_png(self._figure.view, Path(path), self._figure.camera, self._figure.reach)

    def _save(self, save, kind):
        name = f"viewer-{self.people.name}-{self.people.split}-{self.people.rows[self.number]}.{kind}"
        with self._errors_shown():
            path = save(Path(name))
            self._describe(f"Saved as {path.resolve()}.")


def _dropdown(description, options, value=None, width="auto"):
    menu = widgets.Dropdown(options=options, description=description, layout={"width": width})
    if value is not None:
        menu.value = value
    return menu


def _values(menu):
    return [option[1] if isinstance(option, tuple) else option for option in menu.options]


def _set_options(control, options):
    """Other options; the value stays where it is still among them."""
    kept = control.value if control.value in options else options[0]
    control.options, control.value = options, kept


def coloured(heatmap: np.ndarray) -> np.ndarray:
    """A heat map (h, w) as (HEATMAP_PX, HEATMAP_PX, 4) uint8 RGBA: its height as colour and as opacity."""
    height = np.clip(heatmap / max(float(heatmap.max()), 1e-6), 0, 1).astype(np.float32)
    height = cv2.resize(height, (HEATMAP_PX, HEATMAP_PX), interpolation=cv2.INTER_LINEAR).clip(0, 1)
    pixels = colormaps["plasma"](height)
    pixels[..., 3] = np.clip(2 * height, 0, 0.9)
    return (255 * pixels).round().astype(np.uint8)
