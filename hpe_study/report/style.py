"""How everything looks, once: theme, colours and names.

Colours are Okabe & Ito's, which people with the common colour blindnesses tell apart. The ground is opaque
white: the same picture reads on a light and on a dark page.
"""

import contextlib
import re
from collections.abc import Iterator

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from hpe_study.config import PAPER_2D, PAPER_3D, READERS
from hpe_study.study.published import TITLES

SETS = tuple(dict.fromkeys((*PAPER_2D, *PAPER_3D, "3dpw", *READERS)))  # added sets last
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#555555")
SET_COLOURS = dict(zip(SETS, (*_COLOURS, *["#000000"] * len(SETS)), strict=False))  # black: added sets
SCHEME_COLOURS = {"2d": "#009E73", "fusion": "#0072B2", "3d": "#D55E00"}
SCHEME_TITLES = {"2d": "2D alone", "fusion": "2D pre-training, then 2D + 3D", "3d": "3D only"}
EXTRA_TITLES = {  # sets that the paper has no column for
    "3dpw": "3DPW", "h36m_full": "H36M, S9 and S11", "lsp_extended": "LSP-Extended", "lsp_simulated": "LSP",
    "lsp_pseudo3d": "LSP, SPIN's fits", "pose2sim": "Pose2Sim",
}  # fmt: skip
PAIR_COLOURS = ("#444444", "#A6589A")  # A and B, where two runs stand side by side
UNITS = {"mpjpe": "MPJPE (mm)", "pckh": "PCKh (%)", "pck_crop": "crop PCK (%)", "loss": "loss"}
RESOLUTION = 150  # dots per inch of a PNG


def set_title(name: str) -> str:
    """A data set's name for people; of the audit's "h36m as read", too."""
    base, space, rest = str(name).partition(" ")
    return EXTRA_TITLES.get(base, TITLES.get(base, base)) + space + rest


def run_title(name: str) -> str:
    """A run in words, without its seed: "LSP ×2 → H36M, stage 3" is `stage3-lsp-x2-h36m-h36m-seed0`."""
    stage, first, *rest = re.split(r"(?<!\de)-", name.rpartition("-seed")[0])
    at = len(rest) - int(stage.removeprefix("stage")) + 1  # the 3D sets stand last: stage 3 has two
    first = "3D only" if first == "only3d" else set_title(first)
    scale = [part.replace("x", " ×") for part in rest[:at] if re.fullmatch(r"x\d+", part)]
    line = " → ".join(dict.fromkeys(["".join([first, *scale]), *map(set_title, rest[at:])]))
    others = [part.replace("_", " ") for part in rest[:at] if not re.fullmatch(r"x\d+", part)]
    return ", ".join([line, stage.replace("stage", "stage "), *others])


SET_COLOURS |= {set_title(name): colour for name, colour in SET_COLOURS.items()}


SETTINGS = {  # with the salt, the same figure gives the same file
    "figure.facecolor": "white", "savefig.facecolor": "white", "axes.titlesize": "medium",
    "axes.titleweight": "bold", "grid.color": "#e5e5e5", "svg.hashsalt": "hpe_study",
    "figure.constrained_layout.use": True, "legend.frameon": False,
}  # fmt: skip


def set_up_notebook() -> None:
    """The study's look for all pictures of a notebook; data frames with one decimal and nothing cut."""
    settings = SETTINGS | {"figure.dpi": 72, "figure.constrained_layout.use": False}
    sns.set_theme("notebook", "whitegrid", font_scale=0.85, rc=settings)
    pd.set_option("display.precision", 1, "display.max_colwidth", None)


@contextlib.contextmanager
def theme() -> Iterator[None]:
    """Draw with the study's look inside the block; nothing is left behind."""
    context = sns.plotting_context("notebook", font_scale=0.85)
    with sns.axes_style("whitegrid"), context, plt.rc_context(SETTINGS):
        yield


def titled(text: str, simulated: bool) -> str:
    """A title that says so where the people are simulated."""
    return f"{text} (simulated people)" if simulated else text
