"""`python -m benchmarks [twin | growth | rendering | clarity | gpu] [--only NAME] [--quick] [--full] [--out FOLDER]`

Without a word all that the machine can.
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import torch

from benchmarks import clarity, gpu, growth, plots, rendering
from benchmarks.comparison import BENCHMARKS
from benchmarks.material import FULL, QUICK, Material
from benchmarks.table import merge
from hpe_study.errors import StudyError

HERE = Path(__file__).parent


def main(argv=None):
    """Measure what the words ask for; tables and plots are renewed."""
    arguments = _parser().parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        if arguments.what in ("all", "twin"):
            compare(Path(folder), arguments)
        if arguments.what in ("all", "growth") and not arguments.only:
            rows = growth.measured(
                folder, "quick" if arguments.quick else "full" if arguments.full else "moderate"
            )
            table = merge(arguments.out / "growth.csv", rows, ("quantity", "size"))
            plots.growth(table, arguments.out / "growth.png")
        if arguments.what in ("all", "rendering") and not arguments.only:
            rows = rendering.measured(Path(folder), "quick" if arguments.quick else "full")
            merge(arguments.out / "rendering.csv", rows, rendering.KEYS)
        if arguments.what in ("all", "clarity") and not arguments.only:
            rows = clarity.measured(Path(folder), "quick" if arguments.quick else "full")
            if rows:
                merge(arguments.out / "clarity.csv", rows, clarity.KEYS)
        if arguments.what == "gpu" or (
            arguments.what == "all" and torch.cuda.is_available() and not arguments.only
        ):
            for row in gpu.measured(Path(folder), "quick" if arguments.quick else "full", arguments.only):
                merge(arguments.out / "gpu.csv", [row], gpu.KEYS)


def compare(folder, arguments):
    """The rows of `results.csv`, each written as soon as it is measured."""
    material = Material(folder, QUICK if arguments.quick else FULL)
    for name in arguments.only or BENCHMARKS:
        rows = BENCHMARKS[name](material, folder / name)
        table = merge(arguments.out / "results.csv", rows, ("benchmark", "precision"))
        for row in rows:
            aim = (
                ""
                if row["target"] is None
                else f"  target {row['target']:g}: {'met' if row['met'] else 'NOT met'}"
            )
            what = f"{row['benchmark']} {row['precision']}".strip()
            peak = (
                f"  {row['share_of_peak']:.0f} % of the peak, at which it were {row['ratio_at_peak']:.3g} ×"
                if row["share_of_peak"]
                else ""
            )
            print(
                f"{what:44} {row['ours']:9.4g} against {row['twin']:9.4g} {row['unit']:9} {row['ratio']:6.2f}"
                f" ×{aim}{peak}",
                flush=True,
            )
    plots.ratios(table, arguments.out / "results.png")


def _parser():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what", nargs="?", default="all", choices=("all", "twin", "growth", "rendering", "clarity", "gpu")
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=(*BENCHMARKS, *gpu.PARTS),
        help="these rows of the comparison, or these parts of gpu, alone",
    )
    parser.add_argument("--quick", action="store_true", help="a few pairs of small work: does it run?")
    parser.add_argument("--full", action="store_true", help="growth up to 100,000 images and 4,500 trainings")
    parser.add_argument(
        "--out", type=Path, default=HERE, help="folder of the tables and plots (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    try:
        main()
    except StudyError as error:
        raise SystemExit(f"error: {error}") from error
