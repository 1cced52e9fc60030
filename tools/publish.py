"""Publish a finished study: its records, tables, figures and executed analysis notebooks, as what a reader of
the repository sees.

python -m tools.publish params/demo.yaml
python -m tools.publish params/fair.yaml      (so, too: real, imagenet, search, today, geometry, clipping)
python -m tools.publish params/audit.yaml

The first writes `figures/reference/` (records with the errors of every test person, the predictions of the
runs that figures show, the labels they are of and the pictures of those shown; tables, figures, the report,
the picture of people) and `params/reference.yaml` (the profile, reading those records), the second `figures/reference/fair/` and
`params/reference_fair.yaml`, with BlazePose's scores where there are any; then the analysis notebooks that
open on them are executed in place. The third copies the audit's files to `figures/reference/audit/`, beside
them a record of how each training was made, and executes its notebook. Checkpoints and all other predictions stay where they are. Of
real people only scores and errors are published, never labels or pictures. A study that is not finished is
refused, so that nothing half-made is ever published.
"""

import base64
import io
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from PIL import Image

from hpe_study.config import AUDIT, CLIPPING
from hpe_study.data.crops import encode_jpeg
from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.evaluation.prediction_file import PredictionFile, Predictions, write_predictions
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.parameter_files import read_profile
from hpe_study.report.bone_ratios import PUBLISHED, bone_ratios
from hpe_study.report.people import draw_people
from hpe_study.report.results import Results
from hpe_study.study import Run, Study
from hpe_study.study.audit import trials
from hpe_study.study.person_errors import PersonErrors
from hpe_study.study.records import made, read_runs
from hpe_study.study.steps import open_store
from hpe_study.utils.files import atomic

NOTEBOOKS = {  # profile → its notebooks that need the records alone
    "demo": (
        "table1",
        "table2",
        "epoch_scaling",
        "timing",
        "training_curves",
        "wireframes",
        "claims",
        "errors",
        "results",
    ),
    "fair": ("table4", "table5"),
    "real": ("table6",),
    "imagenet": ("table6",),
    "search": ("table7",),
    "today": ("table7",),
    "geometry": ("table8",),
    CLIPPING: ("clipping",),
}
KINDS = ("csv", "png")  # notebooks hold tables and pictures; a page or a drawing can be made anew
AUDIT_FILES = {  # of the notebook that trains
    *("audit_crops_lsp", "audit_crops_flic", "audit_pairs", "audit_switches", "audit_stack"),
    *("audit_protocols", "audit_protocols_aligned", "oracle_floors"),
}
SHOWN = (  # by figures and the viewer: the runs whose whole predictions are published, of the first seed
    *(Run(3, "mpii", name, name) for name in ("h36m", "occlusion_person")),
    *(Run(3, None, name, name) for name in ("h36m", "occlusion_person")),
    *(Run(3, name, "h36m", "h36m", epoch_scale=2) for name in ("lsp", "flic")),
)
PORTRAIT = "people"
PICTURED = {"wireframes", "errors"}  # notebooks that show test people, and list them in NAME_shown.csv
UNTESTED = "nbval-ignore-output"  # a drawing's bytes differ from one machine to the next
WIDGET = "application/vnd.jupyter.widget-view+json"
HEADER = """# {name}: the published results of {source} (commit, machine, precision: {records}/runs.csv).
# The analysis notebooks open on it, so that they can be read without running anything. Nothing is trained from here: run {source}.
base: {base}
name: {name}
seeds: {seeds}
records: {records}
"""


def main(profile, home=None):
    """Publish the profile's study into the project folder `home` (default: the study's own). Raises
    StudyError if a part is missing."""
    study = Study(profile)
    home = Path(home or study.home).resolve()
    if study.analyses == [AUDIT]:
        return _audit(study, home)
    if study.profile.name not in NOTEBOOKS:
        raise StudyError(
            f"{study.profile_path}: no notebook opens on its published records; publish one of"
            f" {', '.join((*NOTEBOOKS, AUDIT))}"
        )
    _finished(study)
    _rehearse(study)
    name, notebooks = reference_name(study.profile.name), NOTEBOOKS[study.profile.name]
    records = home / records_of(study.profile.name)
    figures = records.parent
    records.mkdir(parents=True, exist_ok=True)
    for path in (*study.records, *filter(Path.exists, study.blazepose)):
        _copy(path, records / path.name)
    publish_errors(study, records)
    publish_people(study, records)
    if len(ratios := bone_ratios(study) if study.profile.geometry_sweep else ()):
        with atomic(records / PUBLISHED) as part:
            ratios.to_csv(part, index=False)
    if study.profile.name == "demo":
        _portrait(study, figures / f"{PORTRAIT}.png")
    written = reference_text(study.profile_path, Path("params") / study.profile_path.name)
    with atomic(home / "params" / f"{name}.yaml") as part:
        part.write_text(written)
    again, names = Study(home / "params" / f"{name}.yaml").figures, {"newest": name} | published_in(home)
    for notebook in PICTURED & {*notebooks}:  # first, to say whose pictures are wanted
        execute_in_place(home / "notebooks" / f"{notebook}.ipynb", names)
    publish_pictures(study, again, records)
    for notebook in notebooks:
        execute_in_place(home / "notebooks" / f"{notebook}.ipynb", names)
    found = list(again.glob("*.csv"))
    for path in found:
        _copy(path, figures / path.name)
    tidy(figures, {path.stem for path in found})
    return figures


def publish_errors(study, records):
    """The errors of every test person, one file per seed, into the folder `records`."""
    errors = PersonErrors(study.errors_path)
    for path in records.glob("errors*.h5"):
        path.unlink()
    for seed in study.profile.seeds:
        errors.write(records / f"errors-seed{seed}.h5", {run.name for run in study.runs if run.seed == seed})


def publish_people(study, records):
    """The predictions of the runs that figures and the viewer show, in half precision, and their labels.

    study: of the runs; records: the folder to publish into.
    """
    first = [run for run in study.runs if run.seed == study.profile.seeds[0]]
    shown = [run for run in first if replace(run, seed=0) in SHOWN]
    if study.profile.name == CLIPPING:  # its table is of predictions
        shown = [row.run for row in study.rows]
    sets = [name for name in study.profile.three_d if shown and study.is_simulated(name)]  # ours to publish
    labels = {name: Store(study.labels_path(name)) for name in sets}
    for run in shown if labels else ():
        file, target = PredictionFile(study.run_folder(run)), records / run.name
        target.mkdir(exist_ok=True)
        predictions = {name: half(file.of_labels(name, store)) for name, store in labels.items()}
        write_predictions(target / "predictions.h5", file.bones, predictions, labels)
        _copy(study.run_folder(run) / "run.json", target / "run.json")
    for name, store in labels.items():
        (records / "test_sets").mkdir(exist_ok=True)
        _copy(store.path, records / "test_sets" / f"{name}.h5")


def publish_pictures(study, figures, records):
    """The boxes of the simulated test people whom notebooks show, a few kB each.

    study: whose pictures; figures: the folder with the notebooks' lists of people; records: to publish into.
    """
    shutil.rmtree(records / "pictures", ignore_errors=True)
    lists = [pd.read_csv(path) for path in figures.glob("*_shown.csv")]
    shown = pd.concat(lists).drop_duplicates() if lists else pd.DataFrame(columns=["test_set", "person"])
    for name, people in shown.groupby("test_set")["person"]:
        if study.is_simulated(name):  # ours to publish
            store, folder = Store(study.store_path(name, "test")), records / "pictures" / name
            folder.mkdir(parents=True)
            for person in people:
                (folder / f"{person}.jpg").write_bytes(encode_jpeg(store.boxed(person)).tobytes())


def half(predicted):
    """Predictions in half precision: to a thousandth of the box."""
    return Predictions(*(getattr(predicted, name).astype("f2") for name in ("joints", "depth", "score")))


def tidy(figures, made):
    """Leave in a published folder what its analyses make, and little of it: a repository keeps every version
    of what it has ever held.

    Deleted: files that the analyses do not make (any more), and of other kinds. PNGs get few colours.
    """
    for path in figures.iterdir():
        if not path.is_file():
            continue
        if path.stem not in (*made, PORTRAIT) or path.suffix[1:] not in KINDS:
            path.unlink()
        elif path.suffix == ".png":
            small = in_few_colours(path.read_bytes())
            with atomic(path) as part:
                part.write_bytes(small)


def _audit(study, home):
    """The audit's files, and how each of its trainings was made; its notebook, executed on them."""
    files, runs, records = AUDIT_FILES, audit_runs(study), home / records_of(study.profile.name)
    found = [
        path for path in sorted(study.figures.glob("*")) if path.suffix[1:] in KINDS and path.stem in files
    ]
    if lacking := files - {path.stem for path in found}:
        raise StudyError(
            f"{study.figures}: lacks {', '.join(sorted(lacking))}; run make study"
            f" PROFILE={study.profile_path} first"
        )
    records.mkdir(parents=True, exist_ok=True)
    with atomic(records / "runs.csv") as part:
        runs.to_csv(part, index=False)
    for path in found:
        _copy(path, records.parent / path.name)
    tidy(records.parent, files)
    execute_in_place(home / "notebooks" / f"{AUDIT}.ipynb")
    return records.parent


def audit_runs(study):
    """One row per training of the audit, a data frame: which run, and how it was made (`records.made`), its
    switches under `legacy`."""
    rows = []
    for trial in trials(study.profile):
        path = study.with_legacy(trial.switches).run_folder(trial.run) / "run.json"
        if not path.exists():
            raise StudyError(
                f"{path}: not there, so trainings are missing; run make study PROFILE={study.profile_path}"
                " first"
            )
        rows.append({"run": trial.run.name, **made(read_run_record(path.parent).as_dict())})
    return pd.DataFrame(rows)


def _finished(study):
    missing = [run.name for run in study.runs if not (study.run_folder(run) / "metrics.csv").exists()]
    if missing:
        raise StudyError(
            f"{study.profile_path}: {len(missing)} of {len(study.runs)} runs are missing, such as"
            f" {missing[0]}; run make study first"
        )
    if absent := [path for path in (*study.records, study.errors_path) if not path.exists()]:
        raise StudyError(f"{absent[0]}: not there; run make study first")
    lacking = {run.name for run in study.runs} - set(read_runs(study.folder / "runs.csv")["run"])
    if lacking:
        raise StudyError(
            f"{study.folder / 'runs.csv'}: lacks {len(lacking)} runs of the profile, such as {min(lacking)};"
            " run make study first"
        )


def _rehearse(study):
    """Read all records, and write those of people elsewhere first: what is damaged must not be found halfway."""
    _ = Results(study).floors
    with tempfile.TemporaryDirectory() as folder:
        publish_errors(study, Path(folder))
        publish_people(study, Path(folder))


def in_few_colours(png):
    """A PNG file's bytes with at most 256 colours, a third of the size or less; as they are if it has so
    few."""
    picture, stream = Image.open(io.BytesIO(png)), io.BytesIO()
    if picture.mode == "P":
        return png
    picture.convert("RGB").quantize(256).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _copy(source, target):
    with atomic(target) as part:
        shutil.copyfile(source, part)


def _portrait(study, target):
    """Test people of the study's first row with 2D pre-training."""
    run = next(run for run in study.runs if run.stage == 3 and run.two_d)
    store, file = open_store(study, run.target, "test"), PredictionFile(study.run_folder(run))
    people = np.linspace(0, len(store) - 1, 6).astype(int)
    figure = draw_people(store, people, file.of_labels(run.target, store), file.bones.own)
    with atomic(target) as part:
        figure.savefig(part, format="png", dpi=100)


def reference_name(profile_name):
    """The name that a published profile goes by."""
    return "reference" if profile_name == "demo" else f"reference_{profile_name}"


def records_of(profile_name):
    """Where a published profile's records lie, in the project's folder."""
    return (
        "figures/reference/records" if profile_name == "demo" else f"figures/reference/{profile_name}/records"
    )


def reference_text(profile_path, source):
    """The parameter file of a published profile: the profile under another name, reading published records."""
    profile = read_profile(profile_path)
    return HEADER.format(
        base=Path(source).name, name=reference_name(profile.name), source=source,
        seeds=list(profile.seeds), records=records_of(profile.name),
    )  # fmt: skip


def published_in(home):
    """{profile: the name that it is published by in the project folder `home`}."""
    names = {name: reference_name(name) for name in NOTEBOOKS}
    return {name: other for name, other in names.items() if (home / "params" / f"{other}.yaml").exists()}


def execute_in_place(path, profiles=None):
    """Execute a notebook where it stands; pictures are tagged as not compared, texts and tables are.

    path: of the notebook; profiles: {a profile that its parameters name: what stands for it meanwhile}.
    """
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    parameters = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    sources = [cell.source for cell in parameters]
    for cell in parameters:
        for name, other in (profiles or {}).items():
            cell.source = cell.source.replace(f'"{name}"', f'"{other}"')
    NotebookClient(
        notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    for cell, source in zip(parameters, sources, strict=True):
        cell.source = source
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":  # a widget shows nothing without its kernel
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
        for data in (
            output["data"] for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
        ):
            data["image/png"] = base64.b64encode(in_few_colours(base64.b64decode(data["image/png"]))).decode()
        pictured = any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
        if pictured and UNTESTED not in cell.metadata.get("tags", []):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), UNTESTED]
    with atomic(path) as part:
        nbformat.write(notebook, part)


if __name__ == "__main__":
    try:
        print(f"published in {main(*sys.argv[1:])}")
    except StudyError as error:
        sys.exit(f"error: {error}")
