"""Thumbnails for notebooks/index.ipynb, out of executed notebooks and of the viewer's own pictures.

python -m hpe_study.report.thumbnails params/demo.yaml [EXECUTED.ipynb …]
"""

import base64
import io
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from PIL import Image

from hpe_study import photos
from hpe_study.files import atomic
from hpe_study.photos.results import draw
from hpe_study.study import Study
from hpe_study.viewer import Viewer

SIZE = (280, 170)  # px; opaque white around, so that it reads on a dark page
COLOURS = 200


def main(profile, *notebooks):
    """Write all thumbnails that the profile's runs give; returns their names."""
    study = Study(profile)
    folder = study.home / "notebooks" / "thumbnails"
    found = [*sorted(study.folder.glob("*/*.ipynb")), *study.figures.glob("*.ipynb"), *map(Path, notebooks)]
    pictures = {notebook_of(path): data for path in found if (data := picture_in(path))} | viewer_pictures(study)
    for name, data in pictures.items():
        with atomic(folder / f"{name}.png") as part:
            shrunk(data).save(part, format="PNG", optimize=True)
    return sorted(pictures)


def notebook_of(path):
    """The notebook that was executed; a run's folder calls that of its stage just `stage.ipynb`."""
    return path.parent.name.split("-")[0] if path.stem == "stage" else path.stem


def picture_in(path):
    """The last PNG among an executed notebook's outputs, or None."""
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    encoded = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return base64.b64decode(encoded[-1]) if encoded else None


def viewer_pictures(study):
    """What the notebooks with widgets show: the viewer on the study's last run, and that run on one picture."""
    with tempfile.TemporaryDirectory() as folder:
        viewer = Viewer(study)
        explore = viewer.save_png(Path(folder) / "explore.png").read_bytes()
        reader, image = photos.PoseReader(study.folder / viewer.run_a.value, "cpu"), photos.read_photo(photos.example(study))
        figure = draw(image, [reader(image, photos.boxes.whole(image), 1.0)], "")
        figure.savefig(Path(folder) / "photo.png", dpi=100)
        plt.close(figure)
        return {"explore": explore, "your_photos": (Path(folder) / "photo.png").read_bytes()}


def shrunk(data):
    """A picture file's bytes as a thumbnail of `SIZE`, in few colours."""
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
    ground = Image.new("RGBA", SIZE, "white")
    ground.alpha_composite(picture, tuple((room - used) // 2 for room, used in zip(SIZE, picture.size, strict=True)))
    return ground.convert("RGB").quantize(COLOURS)


if __name__ == "__main__":
    print("\n".join(main(*sys.argv[1:])))
