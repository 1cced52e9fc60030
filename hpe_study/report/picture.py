"""A finished figure: the drawing, the words for those who do not see it, and the caption."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from hpe_study.report import style
from hpe_study.utils.files import atomic


@dataclass
class Picture:
    """A drawing for a notebook.

    Attributes:
        name: Of its file.
        figure: The matplotlib figure.
        alt: What is to be seen.
        caption: How to read it.
    """

    name: str
    figure: plt.Figure
    alt: str
    caption: str

    def save(self, folder: Path) -> "Picture":
        """Write `<name>.png` into a folder; returns the picture."""
        with atomic(Path(folder) / f"{self.name}.png") as part:
            part.write_bytes(self.png())
        return self

    def png(self) -> bytes:
        """The PNG with its words in it; closes the figure, which a notebook would show a second time."""
        stream = io.BytesIO()
        words = {"Description": self.alt, "Software": None}
        with style.theme():
            self.figure.savefig(stream, format="png", dpi=style.RESOLUTION, metadata=words)
        plt.close(self.figure)
        return stream.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/png": base64.b64encode(self.png()).decode(), "text/plain": self.alt}
