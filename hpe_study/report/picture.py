"""A finished figure: the drawing, the words for those who do not see it, the caption, and the files it
becomes."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
from IPython.display import Markdown

from hpe_study.report import style


@dataclass
class Picture:
    """`alt` says what is to be seen, `caption` how to read it; `interactive` is a plotly figure or None."""

    name: str
    figure: Any
    alt: str
    caption: str
    interactive: Any = None

    def save(self, folder):
        """Write `<name>.png` and `.svg`, and `<name>-interactive.html` where there is something to turn by
        hand; returns the picture."""
        with style.theme():
            style.save_figure(self.figure, folder, self.name, self.alt)
        if self.interactive is not None:
            style.save_interactive(self.interactive, folder, self.name)
        plt.close(
            self.figure
        )  # a notebook shows what a cell returns, and would show an open figure a second time
        return self

    def sentence(self):
        """What is to be seen, for under the picture."""
        return Markdown(self.alt)

    def png(self):
        """The PNG's bytes."""
        stream = io.BytesIO()
        with style.theme():
            self.figure.savefig(
                stream, format="png", dpi=style.RESOLUTION, metadata={style.ALT: self.alt, "Software": None}
            )
        plt.close(self.figure)
        return stream.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/png": base64.b64encode(self.png()).decode(), "text/plain": self.alt}
