"""Predictions for photos and videos, drawn and written: a picture (or video) a file, and all joints as csv
and json with units."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from tqdm import tqdm

from hpe_study.boxes import Boxes
from hpe_study.errors import StudyError
from hpe_study.photos import boxes, files
from hpe_study.photos.reader import PoseReader
from hpe_study.report.people import STYLES, wireframes
from hpe_study.report.style import theme
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.palette import colour_of
from hpe_study.utils.files import atomic, writable, write_json
from hpe_study.utils.pictures import thumbnail
from hpe_study.utils.progress import progress_bar
from hpe_study.viewer.figure import ViewFigure
from hpe_study.viewer.view import Panel, Pose, View

DRAWN = 900  # px: the longer side of a picture in a drawing
PEOPLE_DRAWN = 3  # wireframes in a drawing
VIDEO_SIZE = (9.6, 4.8)  # inches at 100 dots each
UNITS = {
    "x_px": "px of the upright picture, 0-based, integer = pixel centre, x right",
    "y_px": "px, y down",
    "x_mm": "mm from the pelvis, x right, camera frame",
    "y_mm": "mm from the pelvis, y down",
    "z_mm": "mm from the pelvis, z away from the camera",
    "score": "height of the heat map, about 1 where the network is sure",
}


@dataclass
class Results:
    """What `predict` gives back."""

    table: pd.DataFrame  # a row a joint: file, frame, person, joint, and the columns of `UNITS`
    pictures: list  # paths of what was drawn
    skipped: dict = field(default_factory=dict)  # file → why


def predict(paths, run, out, box="detector", every=1, device="auto", progress=True):
    """Predict everybody in photos, folders of photos and videos; writes drawings, `joints.csv` and
    `joints.json` into the folder `out`.

    run: a finished run's folder. box: "detector" (the whole picture where its weights cannot be had, or
    nobody is found), "whole", or (x, y, width, height) in px. every: of a video's frames. A file that cannot
    be used is named, skipped, and listed in `joints.json`. Raises `StudyError` where no file can be used, or
    `out` cannot be written. Returns `Results`.
    """
    out, reader = Path(out), PoseReader(run, device)
    found = files.find(paths)
    writable(out)
    boxer = _Boxer(box)
    results, rows = Results(pd.DataFrame(), []), []
    for path in progress_bar(found, desc="predict", unit="file", disable=not progress):
        try:
            work = _film if files.is_video(path) else _photo
            rows += work(
                path, _free(out / path.name, results.pictures), reader, boxer, every, results.pictures
            )
        except StudyError as error:
            results.skipped[str(path)] = str(error).removeprefix(f"{path}: ")
            tqdm.write(f"skipped: {error}", file=sys.stderr)
    if not rows:
        raise StudyError(
            f"none of {len(found)} files could be used;"
            f" {'; '.join(f'{path}: {why}' for path, why in results.skipped.items())}"
        )
    results.table = pd.DataFrame(rows)
    _write(out, results, reader)
    return results


class _Boxer:
    """The boxes of a picture, as asked for: a list of (box, padding)."""

    def __init__(self, asked):
        self.asked = asked
        self.detector = boxes.Detector.load() if asked == "detector" else None

    def __call__(self, image):
        if isinstance(self.asked, tuple):
            return [(boxes.inside(self.asked, image), 1.25)]
        found = self.detector(image) if self.detector else []
        return [(box, 1.25) for box in found] or [(boxes.whole(image), 1.0)]


def _free(path, taken):
    """The path of a drawing (PNG, or WebM of a video); numbered where one of that name was drawn already."""
    ending = ".webm" if files.is_video(path) else ".png"
    names = (
        path.with_name(f"{path.name}{number}{ending}")
        for number in ("", *(f"-{i}" for i in range(2, len(taken) + 3)))
    )
    return next(name for name in names if name not in taken)


# ---------------------------------------------------------------- one file


def _photo(path, drawing, reader, boxer, every, drawn):
    image = files.read_photo(path)
    people = [reader(image, box, padding) for box, padding in boxer(image)]
    with theme():
        figure = draw(image, people, f"{path.name}: {_by(reader)}")
        with atomic(drawing) as part:
            figure.savefig(part, dpi=100)
        plt.close(figure)
    drawn.append(drawing)
    return rows_of(path, None, people)


def _film(path, drawing, reader, boxer, every, drawn):
    video, rows, writer = files.Video(path, every), [], None
    with atomic(drawing) as part, theme():
        for number, image in progress_bar(video, desc=path.name, unit="frame", leave=False):
            people = [reader(image, box, padding) for box, padding in boxer(image)]
            pixels = _frame(image, people, f"{path.name}, frame {number}: {_by(reader)}")
            if writer is None:
                writer = cv2.VideoWriter(
                    str(part), cv2.VideoWriter_fourcc(*"VP80"), video.fps / every, pixels.shape[1::-1]
                )
            writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
            rows += rows_of(path, number, people)
        writer.release()
    drawn.append(drawing)
    return rows


def _by(reader):
    return f"predicted by {reader.name}{', trained on simulated people' if reader.simulated else ''}"


def rows_of(path, frame, people):
    """A dict a joint: file, frame (None of a photo), person, joint, and the columns of `UNITS`."""
    return [
        {"file": str(path), "frame": frame, "person": number, "joint": joint}
        | {"x_px": x, "y_px": y, "x_mm": pose[0], "y_mm": pose[1], "z_mm": pose[2], "score": score}
        for number, person in enumerate(people)
        for joint, (x, y), pose, score in zip(
            MPII16.joints, person.joints, person.pose, person.score, strict=True
        )
    ]


# ---------------------------------------------------------------- drawings


def draw(image, people, title, size=None):
    """A matplotlib figure: the picture with everybody's joints, and the skeletons of the first few from the
    front and from the side."""
    deep = [person for person in people if np.isfinite(person.pose).any()][:PEOPLE_DRAWN]
    figure = plt.figure(figsize=size or (4.8 + 4.8 * bool(deep), 4.8), layout="constrained")
    places = figure.add_gridspec(max(len(deep), 1), 4 if deep else 2)
    axis = figure.add_subplot(places[:, :2])
    height, width = image.shape[:2]
    axis.imshow(thumbnail(image, DRAWN), extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    for person in people:
        x, y, w, h = person.box
        axis.add_patch(plt.Rectangle((x - 0.5, y - 0.5), w, h, fill=False, edgecolor="#888888", linewidth=1))
        for parent, child in MPII16.bone_indices:
            axis.plot(
                *person.joints[[parent, child]].T,
                color=colour_of(MPII16.joints[child]),
                **STYLES["predicted"],
            )
        axis.plot(*person.joints.T, "k.", markersize=3)
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])
    for row, person in enumerate(deep):
        for column, turn in enumerate((0, 90)):
            wireframes(
                figure.add_subplot(places[row, 2 + column], projection="3d"), {"predicted": person.pose}, turn
            )
    figure.suptitle(title, fontsize=9)
    return figure


def _frame(image, people, title):
    figure = draw(image, people, title, VIDEO_SIZE)
    figure.set_dpi(100)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    plt.close(figure)
    return pixels


def scene(image, person, title="your photo"):
    """The person in the viewer's figure (a widget): the picture, the skeleton to turn, and how sure the
    network is of each joint."""
    return ViewFigure(view_of(image, person, title), 1000.0).widget


def view_of(image, person, title):
    """The person as a `View` of the viewer."""
    box = Boxes(person.center, np.float64(person.side))
    corner = box.to_fraction(np.array([[-0.5, -0.5]]))[0]
    extent = (*corner, image.shape[1] / person.side, image.shape[0] / person.side)
    flat = box.to_fraction(person.joints)
    pose = Pose(MPII16, flat, person.pose, np.zeros(16, bool))
    return View(
        title,
        title,
        thumbnail(image, DRAWN),
        extent,
        (Panel("predicted", ("",), pose, bars=person.score),),
        "score (heat map)",
    )


# ---------------------------------------------------------------- tables


def table(person):
    """One person's joints as a data frame with units in its column names."""
    return pd.DataFrame(rows_of("", None, [person])).set_index("joint")[list(UNITS)].round(2)


def _write(out, results, reader):
    with atomic(out / "joints.csv") as part:
        results.table.to_csv(part, index=False, float_format="%.3f")
    people = results.table.groupby(["file", "frame", "person"], dropna=False, sort=False)
    listed = [
        {"file": file, "frame": None if pd.isna(frame) else int(frame), "person": int(person)}
        | {"joints": {row["joint"]: {key: row[key] for key in UNITS} for row in joints.to_dict("records")}}
        for (file, frame, person), joints in people
    ]
    about = {
        "run": reader.name,
        "trained_on_simulated_people": bool(reader.simulated),
        "skeleton": MPII16.name,
        "units": UNITS,
    }
    write_json(out / "joints.json", {**about, "people": listed, "skipped": results.skipped})
