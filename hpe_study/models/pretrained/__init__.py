"""The network in the box: a finished run whose weights come with the package (`NOTICE.md` has its terms).

`checkpoint.pt` is a checkpoint of this study in half precision, `run.json` its record: what it learnt from,
how, and its scores. `docs/model_card.md` says what it can and cannot do.
"""

from pathlib import Path

PRETRAINED = Path(__file__).parent  # a run's folder, wherever one is asked for
NAME = "pretrained"  # what it is called on the command line and in notebooks


def run_folder(run: str | Path | None = None) -> Path:
    """The folder of a run: as it is given, or of the network in the box where it is None or "pretrained"."""
    return PRETRAINED if run is None or str(run) == NAME else Path(run)
