"""How everything looks, once: theme, colours, names, and the files that a figure becomes.

Colours are Okabe & Ito's, which people with the common colour blindnesses tell apart; each data set and each
scheme keeps its own in every figure, and a marker beside it, so that nothing hangs on colour alone. The
ground is opaque white: the same picture reads on a light and on a dark page.
"""

import contextlib
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from plotly.offline import get_plotlyjs

from hpe_study.config import PAPER_2D, PAPER_3D, READERS
from hpe_study.study.published import TITLES
from hpe_study.utils.files import atomic

SETS = tuple(dict.fromkeys((*PAPER_2D, *PAPER_3D, "3dpw", *READERS)))  # added sets last
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#555555")
SET_COLOURS = dict(zip(SETS, (*_COLOURS, *["#000000"] * len(SETS)), strict=False))  # black: added sets
SET_MARKERS = dict(zip(SETS, (*"os^DvPX", *["*"] * len(SETS)), strict=False))
SCHEME_COLOURS = {"2d": "#009E73", "fusion": "#0072B2", "3d": "#D55E00"}
SCHEME_TITLES = {"2d": "2D alone", "fusion": "2D pre-training, then 2D + 3D", "3d": "3D only"}
EXTRA_TITLES = {"3dpw": "3DPW", "h36m_full": "H36M, S9 and S11"}  # sets that the paper has no column for
PAIR_COLOURS = ("#444444", "#A6589A")  # A and B, where two runs stand side by side
UNITS = {"mpjpe": "MPJPE (mm)", "pckh": "PCKh (%)", "pck_crop": "crop PCK (%)", "loss": "loss"}
RESOLUTION = 150  # dots per inch of a PNG
ALT = "Description"  # where a PNG keeps its words


def set_title(name: str) -> str:
    """A data set's name for people; of the audit's "h36m as read", too."""
    base, space, rest = str(name).partition(" ")
    return EXTRA_TITLES.get(base, TITLES.get(base, base)) + space + rest


SET_COLOURS |= {set_title(name): colour for name, colour in SET_COLOURS.items()}


SETTINGS = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.titlesize": "medium",
    "axes.titleweight": "bold",
    "grid.color": "#e5e5e5",
    "svg.hashsalt": "hpe_study",  # the same figure gives the same file
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
}


def set_up_notebook() -> None:
    """The study's look for all pictures of a notebook, and one decimal in its data frames."""
    sns.set_theme(
        "notebook",
        "whitegrid",
        font_scale=0.85,
        rc=SETTINGS | {"figure.dpi": 72, "figure.constrained_layout.use": False},
    )
    pd.set_option("display.precision", 1)


@contextlib.contextmanager
def theme():
    """Draw with the study's look inside the block; nothing is left behind."""
    with (
        sns.axes_style("whitegrid"),
        sns.plotting_context("notebook", font_scale=0.85),
        plt.rc_context(SETTINGS),
    ):
        yield


def titled(words, simulated):
    """A title that says so where the people are simulated."""
    return f"{words} (simulated people)" if simulated else words


def headline(figure, words, simulated, width=100):
    """The figure's title, wrapped; says "simulated" where that is so."""
    figure.suptitle(textwrap.fill(titled(words, simulated), width), fontweight="bold")


def save_figure(figure, folder, name, alt):
    """Write a matplotlib figure as PNG and SVG, each carrying its words for those who do not see it; returns
    both paths."""
    folder = Path(folder)
    paths = []
    for kind, metadata in (
        ("png", {ALT: alt, "Software": None}),
        ("svg", {"Description": alt, "Date": None, "Creator": None}),
    ):
        path = folder / f"{name}.{kind}"
        with atomic(path) as part:
            figure.savefig(part, format=kind, dpi=RESOLUTION, metadata=metadata)
        paths.append(path)
    return paths


def save_interactive(figure, folder, name):
    """Write a plotly figure as `<name>-interactive.html` (`<name>.html` is a table's); returns its path.

    It needs no network: one copy of plotly's script for all of them lies beside it.
    """
    path = Path(folder) / f"{name}-interactive.html"
    with atomic(path) as part:
        part.write_text(
            figure.to_html(include_plotlyjs="directory", full_html=True, div_id=name), encoding="utf-8"
        )
    with atomic(path.with_name("plotly.min.js")) as part:
        part.write_text(get_plotlyjs(), encoding="utf-8")
    return path
