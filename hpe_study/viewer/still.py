"""A still picture beside a widget: shown where the widget is not alive."""

import io
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from IPython.display import HTML, Image, display
from PIL import Image as Pillow

CLASS = "hpe-viewer"
LONGEST, QUALITY = 760, 65  # px, and JPEG quality of a still picture: some 30 kB
# The still picture is hidden while the widget lives, and the widget's line "model not found" when it does not
# (on reopening): an output that holds nothing but text, for plotly cannot draw into what is hidden. After a
# restart of the kernel a line says what to do.
STYLE = f"""<style>
.jp-OutputArea:has(.{CLASS}) .jp-RenderedImage {{ display: none }}
.jp-OutputArea:has(.{CLASS}-still) .jp-OutputArea-output.jupyter-widgets:not(:has(*)) {{ display: none }}
.{CLASS}:focus {{ outline: none }}
.{CLASS}.jupyter-widgets-disconnected::before, .{CLASS}:has(.jupyter-widgets-disconnected)::before {{
  content: "The kernel of this view has stopped. Run its cell again."; font-weight: bold; color: #D55E00 }}
</style>"""


def display_with_still(widget: widgets.DOMWidget, picture: Path | np.ndarray, text: str) -> None:
    """Display a widget, and a still picture that takes its place where it is not alive.

    The picture is a file, or (H, W, 3) uint8 RGB; `text` says what it shows.
    """
    widget.add_class(CLASS)
    still = Pillow.fromarray(picture) if isinstance(picture, np.ndarray) else Pillow.open(picture)
    still.thumbnail((LONGEST, LONGEST))
    stream = io.BytesIO()
    still.convert("RGB").save(stream, "JPEG", quality=QUALITY, optimize=True)
    display(HTML(f"<span class='{CLASS}-still'></span>{STYLE}"))
    display(widget._repr_mimebundle_(), raw=True)
    display(Image(stream.getvalue(), alt=text))
