"""Thumbnails for notebooks/index.ipynb: out of executed notebooks, of the viewer's own pictures, and of
tables and the report as pages.

python -m tools.thumbnails params/demo.yaml [EXECUTED.ipynb …]
"""

import base64
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from PIL import Image

from hpe_study import photos
from hpe_study.datasets import open_dataset
from hpe_study.photos.drawing import draw
from hpe_study.photos.reader import PADDING
from hpe_study.report import cost
from hpe_study.report.rates import measured_rates
from hpe_study.study import Study
from hpe_study.utils.files import atomic
from hpe_study.viewer import Viewer

SIZE = (280, 170)  # px; opaque white around, so that it reads on a dark page
COLOURS = 200
# notebooks that make no picture: their page, so many px of it
PAGES = {"table4": (900, 546), "table5": (900, 546), "report": (1300, 790), "cost": (1300, 790)}


def main(profile, *notebooks):
    """Write all thumbnails that the profile's runs give; returns their names."""
    study = Study(profile)
    folder = study.home / "notebooks" / "thumbnails"
    found = [*sorted(study.folder.glob("*/*.ipynb")), *study.figures.glob("*.ipynb"), *map(Path, notebooks)]
    pictures = {notebook_of(path): data for path in found if (data := picture_in(path))}
    with tempfile.TemporaryDirectory() as pages:
        paper = cost.full_study(study.home / "params" / "paper.yaml")
        rates = measured_rates(paper.profile.network, paper.home / "benchmarks")
        cost.cost_table(paper, rates, 4).save(Path(pages))
        pictures |= page_pictures(Path(pages)) | page_pictures(study.figures) | viewer_pictures(study)
    for name, data in pictures.items():
        with atomic(folder / f"{name}.png") as part:
            shrunk(data).save(part, format="PNG", optimize=True)
    return sorted(pictures)


def notebook_of(path):
    """The notebook that was executed; a run's folder calls that of its stage just `stage.ipynb`."""
    return path.parent.name.split("-")[0] if path.stem == "stage" else path.stem


def picture_in(path):
    """The last PNG among an executed notebook's outputs, or None."""
    outputs = [
        output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])
    ]
    encoded = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return base64.b64decode(encoded[-1]) if encoded else None


def page_pictures(folder):
    """The tops of the pages in a folder of figures, as a browser shows them; none where no chromium is on
    PATH."""
    browser, pictures = shutil.which("chromium"), {}
    for name, (width, height) in PAGES.items():
        if browser and (folder / f"{name}.html").exists():
            with tempfile.TemporaryDirectory() as own:
                switches = [
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--hide-scrollbars",
                    f"--user-data-dir={own}/profile",
                ]
                options = [
                    f"--window-size={width},{height}",
                    f"--screenshot={own}/page.png",
                    (folder / f"{name}.html").resolve().as_uri(),
                ]
                subprocess.run([browser, *switches, *options], check=True, capture_output=True, timeout=120)
                pictures[name] = (Path(own) / "page.png").read_bytes()
    return pictures


def viewer_pictures(study):
    """What the notebooks with widgets show: the viewer on two runs, and one of them on a picture; nothing of
    a study without runs."""
    runs = [
        study.run_folder(run)
        for run in study.runs
        if run.stage == 3 and (study.run_folder(run) / "predictions.h5").exists()
    ]
    if not runs:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        explore = (
            Viewer(runs[0], runs[-1] if len(runs) > 1 else None)
            .save_png(Path(folder) / "explore.png")
            .read_bytes()
        )
        record = open_dataset(study.profile.three_d[0], study.raw, "test")[0]
        side, reader, image = (
            record.side / PADDING,
            photos.PoseReader(runs[0], "cpu"),
            photos.read_photo(record.image),
        )
        figure = draw(image, reader(image, (*(record.center + 0.5 - side / 2), side, side)), "")
        figure.savefig(Path(folder) / "photo.png", dpi=100)
        plt.close(figure)
        return {"explore": explore, "your_photos": (Path(folder) / "photo.png").read_bytes()}


def shrunk(data):
    """A picture file's bytes as a thumbnail of `SIZE`, in few colours."""
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
    ground = Image.new("RGBA", SIZE, "white")
    ground.alpha_composite(
        picture, tuple((room - used) // 2 for room, used in zip(SIZE, picture.size, strict=True))
    )
    return ground.convert("RGB").quantize(COLOURS)


if __name__ == "__main__":
    print("\n".join(main(*sys.argv[1:])))
