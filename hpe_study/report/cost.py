"""What a full reproduction costs: device-hours, hours on some GPUs and disk, for each table of a profile and
for all of them together.

Images are counted by the study's own graph (`study.rows`, `estimate.images_of`); hours are projected: images
over a rate. A rate is *measured* (rows of `benchmarks/`, published run records of the same network) or a
*goal*, and stands in a column of its own, as do the paper's published minutes. `python -m tools.cost` writes
the README's table and `notebooks/cost.ipynb` anew.
"""

import ipywidgets as widgets
from IPython.display import Markdown

from hpe_study import datasets
from hpe_study.datasets.base import SPLITS
from hpe_study.report.disk import GB, checkpoint_bytes, disk, disk_of_set
from hpe_study.report.rates import PASS
from hpe_study.report.schedule import length, longest_chain
from hpe_study.report.style import set_title
from hpe_study.report.table import PUBLISHED, Cell, Column, Table
from hpe_study.report.timing import LAST_RUN, SCHEMES, label
from hpe_study.study import Run, Study
from hpe_study.study.eta import OVERHEAD, counts_of, images_of
from hpe_study.study.published import published, total_minutes
from hpe_study.study.runs import rows
from hpe_study.training.trainer import VALIDATION_SHARE

COUNTED, DISK, NOT_KNOWN = "counted", "disk (GB)", "not known"
BEST_ROW = Run(3, "mpii", "h36m", "h36m")  # Table 1's
SHEET = (
    "Images are counted as in the paper's data sheet; where a reader finds more or fewer people a run takes"
    " as much longer or shorter. FLIC-Full is such a set: 20,928 labels before bad ones and FLIC's test"
    " people are left out; the paper counts 3,000 for training."
)
HOUR, MILLION = 3600.0, 1e6


def whole(profile_path):
    """The `Study` with every data set, whether or not it is at hand here: a full reproduction needs all."""
    study = Study(profile_path)
    study.absent = {}
    return study


def groups(study):
    """{words: runs}, each run once: of every table, and of all together."""
    tables = study.profile.tables
    made = {
        f"Table {table}": [row.run for row in rows(study.profile) if row.table == table] for table in tables
    }
    lines = {
        words: list(dict.fromkeys(member for run in runs for member in run.lineage))
        for words, runs in made.items()
    }
    return lines | {f"Tables {', '.join(map(str, tables))} together": study.runs}


def passes_of(study, run):
    """(while training, for its scores): images sent forward through the network without learning from
    them."""
    profile, training = study.profile, study.stage(run).training
    validations = -(-training.epochs // profile.validate_every)  # each n-th epoch, and the last
    watched = counts_of(profile, run.trained_3d or run.two_d).test // VALIDATION_SHARE
    scored = sum(counts_of(profile, name).test for name in study.test_sets(run))
    return validations * watched, scored * (2 if profile.network.flip_test else 1)


def training_seconds(study, runs, rate):
    """Of the runs one after the other, training alone."""
    return sum(rate.start + images_of(study, run) / rate.training for run in runs)


def jobs(study, runs, rate):
    """({job: seconds}, {job: job that it waits for}) of training and scoring each run, parents before
    children."""
    seconds, after = {}, {}
    for run in runs:
        watching, scoring = passes_of(study, run)
        train, score = run.name, f"{run.name}, scoring"
        seconds[train] = training_seconds(study, [run], rate) + watching / rate.passes
        seconds[score] = scoring / rate.passes
        after |= {train: run.parent and run.parent.name, score: train}
    return seconds, after


def cost_table(study, known, gpus, name="cost"):
    """A row a table: work, hours at each of the rates `known`, hours on `gpus` GPUs, disk."""
    sizes = {
        what: Column(DISK, "", what, None, 1)
        for what in ("download", "JPEG crops", "raw crops", "checkpoints", "predictions")
    }
    counts = {"runs": 0, "images learnt from (M)": 1, "passes (M)": 1}
    counted = [Column(COUNTED, "", title, None, digits) for title, digits in counts.items()]
    columns = [*counted, *(column for rate in known for column in _hours(rate, gpus)), *sizes.values()]
    table = Table(
        name,
        f"What a full reproduction costs, on {gpus} GPU{'s' * (gpus > 1)}",
        ("",),
        tuple(columns),
        study.simulated,
    )
    for words, runs in groups(study).items():
        images, passes = (
            sum(images_of(study, run) for run in runs),
            sum(sum(passes_of(study, run)) for run in runs),
        )
        cells = dict(zip(counted, map(Cell, (len(runs), images / MILLION, passes / MILLION)), strict=True))
        for rate in known:
            seconds, after = jobs(study, runs, rate)
            values = (
                sum(seconds.values()),
                length(seconds, after, gpus),
                sum(seconds[job] for job in longest_chain(seconds, after)),
            )
            cells |= {
                column: Cell(value / HOUR) for column, value in zip(_hours(rate, gpus), values, strict=False)
            }
        cells |= {sizes[what]: Cell(size / GB, words=NOT_KNOWN) for what, size in disk(study, runs).items()}
        table.add((words,), cells)
    table.notes += assumptions(study, known)
    return table


def _hours(rate, gpus):
    if not rate.on_gpu:
        return [Column(rate.kind, rate.words, "core-hours", None, 0)]
    titles = ("GPU-hours", f"hours on {gpus} GPU{'s' * (gpus > 1)}", "hours of the longest chain")
    return [Column(rate.kind, rate.words, title, None, 2) for title in titles]


def lines_table(study, known):
    """Table 1's best row and the lines whose hours the paper prints: training alone, at each rate, beside the
    published hours."""
    counted, printed = (
        Column(COUNTED, "", "images learnt from (M)", None, 2),
        Column(PUBLISHED, "", "hours", None, 2),
    )
    columns = {rate: Column(rate.kind, rate.words, "hours", None, 2) for rate in known}
    table = Table(
        "cost_lines",
        "Training of single lines",
        ("scheme", "line"),
        (counted, *columns.values(), printed),
        study.simulated,
    )
    hours = {
        run: (SCHEMES[scheme], total_minutes()[target, scheme] / 60)
        for (target, scheme), run in LAST_RUN.items()
    }
    for run, (scheme, value) in ({BEST_ROW: (SCHEMES["2d_pretraining"], float("nan"))} | hours).items():
        images = sum(images_of(study, member) for member in run.lineage)
        cells = {columns[rate]: Cell(training_seconds(study, run.lineage, rate) / HOUR) for rate in known}
        table.add(
            (scheme, label(run)),
            {counted: Cell(images / MILLION), printed: Cell(value, words="not printed")} | cells,
        )
    return table


def epochs_table(study, known):
    """An epoch of every stage whose minutes the paper prints, in seconds at each rate, beside the published
    ones."""
    counted, printed = (
        Column(COUNTED, "", "images an epoch", None, 0),
        Column(PUBLISHED, "", "seconds", None, 0),
    )
    columns = {rate: Column(rate.kind, rate.words, "seconds", None, 1) for rate in known}
    table = Table(
        "cost_epochs",
        "An epoch",
        ("scheme", "stage", "data"),
        (counted, *columns.values(), printed),
        study.simulated,
    )
    for (comparison, scheme), stages in published("timing").groupby(["comparison", "scheme"], sort=False):
        for row, run in zip(stages.to_dict("records"), LAST_RUN[comparison, scheme].lineage, strict=True):
            images = images_of(study, run) / study.stage(run).training.epochs
            cells = {columns[rate]: Cell(images / rate.training) for rate in known}
            cells |= {counted: Cell(images), printed: Cell(60 * row["minutes_per_epoch"])}
            table.add((SCHEMES[scheme], str(run.stage), row["data"]), cells)
    return table


def sets_table(study):
    """A row a data set: its images in the paper and in the original, and its disk."""
    paper = [Column(PUBLISHED, "images", split, None, 0) for split in SPLITS]
    original = [
        Column("as our readers find them", "people in the original", split, None, 0) for split in SPLITS
    ]
    sizes = [Column(DISK, "", title, None, 1) for title in ("download", "JPEG crops", "raw crops")]
    table = Table("cost_sets", "The data sets", ("data set",), (*paper, *original, *sizes), False)
    sheet = published("datasets").set_index("dataset")
    for name in study.profile.set_names:
        expected = (
            {} if study.profile.source(name).options else datasets.info(name).expected
        )  # which is of the set as read by default
        found = [expected.get(split) for split in SPLITS]
        values = [
            *sheet.loc[name, ["train_images", "test_images"]].astype(float),
            *(float(count or "nan") for count in found),
        ]
        values += [size / GB for size in disk_of_set(study, name).values()]
        table.add(
            (set_title(name),),
            {
                column: Cell(value, words=NOT_KNOWN)
                for column, value in zip(table.columns, values, strict=True)
            },
        )
    return table


def assumptions(study, known):
    """What the numbers rest on, a sentence each."""
    runs, weights = len(study.runs), checkpoint_bytes(study.profile.network) / MILLION
    return [f"Hours {rate.kind}, {rate.words}: {rate.source}{_start(rate)}." for rate in known] + [
        "Images are the simulated ones." if study.simulated else SHEET,
        (
            "A pass is an image sent forward without learning; where it was not measured itself it costs"
            f" {PASS:.2f} of an image learnt from. Every run is scored on all its test sets, each image twice"
            f" (mirrored); validation looks at one test image in {VALIDATION_SHARE}."
        ),
        (
            "Rates are of crops that stay on the GPU. A run's crops that take more than half of its memory"
            " (raw ones, see disk) are streamed, at a rate that was not measured."
        ),
        (
            "Hours on several GPUs: one run a GPU; of the jobs that may start (stage 1 → 2 → 3, scores after"
            " training) the one that begins the longest chain goes first. No number of GPUs is faster than"
            " the longest chain, unless several train one run (devices: N)."
        ),
        (
            f"Not counted: downloading, extracting frames, preparing stores, and {OVERHEAD:.0f} s to start"
            f" each of {2 * runs} notebooks."
        ),
        (
            f"A checkpoint takes {weights:.0f} MB; a run in training holds three times that besides (weights,"
            " Adam's two moments). JPEG crops are measured on simulated people, raw crops computed; one of"
            " the two is kept. A download is known where its set's page says it."
        ),
    ]


def _start(rate):
    return f"; {rate.start:.0f} s before each training, to compile it, are counted" if rate.start else ""


def sentence(study, known):
    """Table 1's best row at each rate, and what the paper printed for as many images."""
    images = sum(images_of(study, run) for run in BEST_ROW.lineage)
    told = "; ".join(
        f"{_clock(training_seconds(study, BEST_ROW.lineage, rate))} {rate.kind} ({rate.words})"
        for rate in known
    )
    theirs = _clock(60 * total_minutes()["best_occlusion_person", "2d_pretraining"])
    return Markdown(
        f"{label(BEST_ROW)}, Table 1's best row, learns from {images / MILLION:.2f} million images; training"
        f" alone takes {told}. The paper prints {theirs} for MPII → Occlusion-Person, which are as many"
        " images."
    )


def chain_sentence(study, rate):
    """Which jobs the longest chain of all tables holds, and how many devices make the whole no longer than
    it."""
    seconds, after = jobs(study, study.runs, rate)
    chain = longest_chain(seconds, after)
    total = sum(seconds[job] for job in chain)
    enough = next(
        count for count in range(1, len(seconds) + 1) if length(seconds, after, count) <= total * 1.001
    )
    told = " → ".join(f"{job} ({_clock(seconds[job])})" for job in chain)
    return Markdown(
        f"The longest chain ({rate.words}): {told}; {_clock(total)} in all. More than {enough} devices do not"
        " help."
    )


def _clock(seconds):
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes:02d} min" if hours else f"{minutes} min"


def slider(study, known, gpus, most=64):
    """The cost table, without its notes, below a slider of the number of GPUs, which draws it anew."""
    chosen = widgets.IntSlider(gpus, 1, most, description="GPUs", continuous_update=False)
    shown = widgets.HTML()

    def draw(_=None):
        table = cost_table(study, known, chosen.value, "cost_slider").styled().to_html()
        shown.value = f'<div style="line-height: 1.4; overflow-x: auto">{table}</div>'

    chosen.observe(draw, "value")
    draw()
    return widgets.VBox([chosen, shown])
