"""What a full reproduction costs: images, hours and disk for each table of a profile and for all together.

Images are counted from the parameter file and the data sets' sizes. Hours are projected: images over a
measured rate. `python -m tools.cost` writes the table of `docs/cost.md` and `notebooks/cost.ipynb` anew.
"""

from collections.abc import Sequence
from pathlib import Path

from IPython.display import Markdown

from hpe_study.report.disk import GB, disk_bytes
from hpe_study.report.rates import Rate
from hpe_study.report.table import PUBLISHED, Cell, Column, Table
from hpe_study.report.timing import LAST_RUN, SCHEMES, label
from hpe_study.study import Run, Study
from hpe_study.study.eta import OVERHEAD, counts_of, images_of
from hpe_study.study.published import total_minutes
from hpe_study.study.runs import rows
from hpe_study.training.trainer import VALIDATION_SHARE

COUNTED, MEASURED, DISK = "counted", "at the rate measured", "disk (GB)"
BEST_RUN = Run(3, "mpii", "h36m", "h36m")  # Table 1's best row
HOUR, MILLION = 3600.0, 1e6
DATA_SHEET = (
    "Images are counted as in the paper's data sheet. Where a reader finds more or fewer people, a run takes"
    " as much longer or shorter; of FLIC-Full, say, the paper counts 3,000 training images, of 20,928 labels."
)


def full_study(profile_path: str | Path) -> Study:
    """The study with every data set, whether or not it is on this machine."""
    study = Study(profile_path)
    study.absent = {}
    return study


def table_runs(study: Study) -> dict[str, list[Run]]:
    """{title: runs} of every table, and of all tables together; each list holds a run once."""
    tables, runs = study.profile.tables, {}
    for table in tables:
        last = [row.run for row in rows(study.profile) if row.table == table]
        runs[f"Table {table}"] = list(dict.fromkeys(member for run in last for member in run.lineage))
    return runs | {f"Tables {', '.join(map(str, tables))} together": study.runs}


def forward_passes(study: Study, run: Run) -> tuple[int, int]:
    """Images sent forward without learning from them: in validation while training, and in scoring."""
    profile, training = study.profile, study.stage(run).training
    validations = -(-training.epochs // profile.validate_every)  # every n-th epoch, and the last
    validated = counts_of(profile, run.trained_3d or run.two_d).test // VALIDATION_SHARE
    names = [name for name in study.test_sets(run) if name in profile.set_names]
    scored = sum(counts_of(profile, name).test for name in names)
    return validations * validated, scored * (2 if profile.network.flip_test else 1)


def training_seconds(study: Study, runs: Sequence[Run], rate: Rate) -> float:
    """Seconds to train the runs one after the other, without validation and scoring."""
    return sum(rate.startup + images_of(study, run) / rate.training for run in runs)


def job_seconds(study: Study, trained: Sequence[Run], scored: Sequence[Run], rate: Rate) -> float:
    """Seconds to train and validate some runs and to score some, one after the other."""
    validation = sum(forward_passes(study, run)[0] for run in trained)
    scoring = sum(forward_passes(study, run)[1] for run in scored)
    return training_seconds(study, trained, rate) + (validation + scoring) / rate.forward


def longest_chain(study: Study, runs: Sequence[Run], rate: Rate) -> tuple[float, Run]:
    """Seconds of the longest chain of jobs that wait for one another, and the run whose scores end it."""
    seconds = {run: job_seconds(study, run.lineage, [run], rate) for run in runs}
    last = max(seconds, key=seconds.get)
    return seconds[last], last


def cost_table(study: Study, rates: Sequence[Rate], gpus: int) -> Table:
    """One row per table and one of all: images, hours at each rate, disk.

    On several GPUs the hours are a lower bound: max(total / gpus, longest chain).
    """
    lines = {title: _cells(study, runs, rates, gpus) for title, runs in table_runs(study).items()}
    columns = tuple(next(iter(lines.values())))
    table = Table("cost", "What a full reproduction costs", ("",), columns, study.simulated)
    for title, cells in lines.items():
        table.add((title,), cells)
    table.notes += assumptions(study, rates)
    return table


def _cells(study, runs, rates, gpus):
    """{column: cell} of some runs together."""
    images = sum(images_of(study, run) for run in runs)
    passes = sum(sum(forward_passes(study, run)) for run in runs)
    cells = {
        Column(COUNTED, "", "runs", None, 0): Cell(len(runs)),
        Column(COUNTED, "", "images learnt from (M)", None, 1): Cell(images / MILLION),
        Column(COUNTED, "", "passes (M)", None, 1): Cell(passes / MILLION),
    }
    for rate in rates:
        total = job_seconds(study, runs, runs, rate) / HOUR
        chain = longest_chain(study, runs, rate)[0] / HOUR
        several = f"hours on {gpus} GPU{'s' * (gpus > 1)}"
        on_gpus = {"GPU-hours": total, several: max(total / gpus, chain), "hours of the longest chain": chain}
        hours, digits = (on_gpus, 2) if rate.is_gpu else ({"core-hours": total}, 0)
        cells |= {Column(MEASURED, rate.label, title, None, digits): Cell(x) for title, x in hours.items()}
    for title, size in disk_bytes(study, runs).items():
        cells[Column(DISK, "", title, None, 1)] = Cell(size / GB, words="not known")
    return cells


def published_lines_table(study: Study, rates: Sequence[Rate]) -> Table:
    """Hours of training alone beside the paper's, for the four lines whose minutes it prints."""
    counted = Column(COUNTED, "", "images learnt from (M)", None, 2)
    printed = Column(PUBLISHED, "", "hours", None, 2)
    columns = {rate: Column(MEASURED, rate.label, "hours", None, 2) for rate in rates}
    every = (counted, *columns.values(), printed)
    table = Table("cost_lines", "Training of single lines", ("scheme", "line"), every, study.simulated)
    for (best, scheme), run in LAST_RUN.items():
        images = sum(images_of(study, member) for member in run.lineage)
        cells = {columns[rate]: Cell(training_seconds(study, run.lineage, rate) / HOUR) for rate in rates}
        cells |= {counted: Cell(images / MILLION), printed: Cell(total_minutes()[best, scheme] / 60)}
        table.add((SCHEMES[scheme], label(run)), cells)
    return table


def assumptions(study: Study, rates: Sequence[Rate]) -> list[str]:
    """What the numbers rest on."""
    return [f"Hours {MEASURED}, {rate.label}: {rate.source}." for rate in rates] + [
        "Images are the simulated ones." if study.simulated else DATA_SHEET,
        "A pass is an image sent forward without learning. Every run is scored on all its test sets, each"
        f" image twice (mirrored); validation looks at one test image in {VALIDATION_SHARE}.",
        "Rates are of crops that stay on the GPU; larger sets are streamed, which was not measured.",
        "Not counted: downloading, extracting frames, preparing stores, and"
        f" {OVERHEAD:.0f} s to start each of {len(study.runs)} notebooks.",
        "A run in training holds three times its checkpoint besides (weights, Adam's two moments). JPEG crops"
        " are measured on simulated people, raw crops computed; one of the two is kept.",
    ]


def summary(study: Study, rates: Sequence[Rate]) -> Markdown:
    """Table 1's best row at each rate, the paper's time for as many images, and the longest chain."""
    images = sum(images_of(study, run) for run in BEST_RUN.lineage)
    seconds = {rate: training_seconds(study, BEST_RUN.lineage, rate) for rate in rates}
    times = "; ".join(f"{_clock(seconds[rate])} {MEASURED} ({rate.label})" for rate in rates)
    printed = _clock(60 * total_minutes()["best_occlusion_person", "2d_pretraining"])
    longest, last = longest_chain(study, study.runs, rates[-1])
    chain = " → ".join(run.name for run in last.lineage)
    return Markdown(
        f"{label(BEST_RUN)}, Table 1's best row, learns from {images / MILLION:.2f} million images; training"
        f" alone takes {times}. The paper prints {printed} for MPII → Occlusion-Person, which are as many"
        f" images. The longest chain ({rates[-1].label}): {chain} and its scores;"
        f" {_clock(longest)} in all. Hours on several GPUs, one per run, are a lower bound: the larger of the"
        " GPU-hours over the number of GPUs and the longest chain."
    )


def _clock(seconds):
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes:02d} min" if hours else f"{minutes} min"
