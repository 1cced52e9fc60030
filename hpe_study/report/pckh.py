"""What our headline 2D score is in a table: its title, and per test set what it is a fraction of.

The column is PCKh@0.5 wherever a head is labelled. FLIC labels none and is scored by the torso; under the
defect `crop_pck` every set is scored by the crop.
"""

import pandas as pd

from hpe_study.evaluation.protocols import find_protocol
from hpe_study.evaluation.scoring import PROTOCOL, PUBLISHED
from hpe_study.report.results import MODEL
from hpe_study.report.style import SETS, set_title

PCKH_TITLES = {PROTOCOL: "PCKh@0.5 (%)", PUBLISHED["crop_pck"]: "PCK at 5 % of the crop (%)"}  # by protocol
HEAD_SIZES = {  # test set → what its PCKh is a fraction of; see each set's module in `hpe_study.datasets`
    "mpii": "0.6 of the head box's diagonal (0.75·|head top − upper neck| where the labels have no box)",
    "lsp": "0.75·|head top − neck|",
    "flic": "no head is labelled, so 0.4 of |left shoulder − right hip|, which is PCK@0.2 of the torso",
    "h36m": "0.75·|head top − upper neck|",
    "mpi_inf_3dhp": "0.75·|head top − upper neck|",
    "occlusion_person": "no head is labelled: no PCKh",
    "3dpw": "no head top is labelled: no PCKh",
}


def pckh_title(runs: pd.DataFrame) -> str:
    """The title of the column of our headline 2D score, from the protocols of its rows."""
    names = _pckh_protocols(runs) or [PROTOCOL]
    return " or ".join(PCKH_TITLES[name] for name in names)


def pckh_notes(runs: pd.DataFrame) -> list[str]:
    """What the headline 2D score is a fraction of, per test set with such a score; [] without scores."""
    notes = [
        f"“{PCKH_TITLES[name]}” follows protocol “{name}”: {find_protocol(name).title}."
        for name in _pckh_protocols(runs)
        if name != PROTOCOL
    ]
    scored = set(runs.loc[_headline_pckh(runs) & (runs["protocol"] == PROTOCOL), "test_set"])
    sizes = [f"{set_title(name)}: {HEAD_SIZES[name]}" for name in SETS if name in scored & set(HEAD_SIZES)]
    return [*notes, *([f"PCKh@0.5 is within half a head size. {'; '.join(sizes)}."] if sizes else [])]


def _headline_pckh(runs):
    return (runs["metric"] == "pckh") & (runs["scorer"] == MODEL) & runs["protocol"].isin(PCKH_TITLES)


def _pckh_protocols(runs):
    used = set(runs.loc[_headline_pckh(runs), "protocol"])
    return [name for name in PCKH_TITLES if name in used]
