"""The scores of a study as one tidy frame, which every table notebook starts from."""

import pandas as pd

from hpe_study.config import PAPER_3D
from hpe_study.report.display import ORIGINS, PUBLISHED, Score
from hpe_study.report.intervals import mean_of_rows
from hpe_study.report.results import BASELINES, HEADLINES, MODEL
from hpe_study.report.style import SETS, set_title
from hpe_study.study import Study
from hpe_study.study.published import published
from hpe_study.study.records import RUN_COLUMNS

CONDITION = [column for column in RUN_COLUMNS if column not in ("run", "seed")]
SET_COLUMNS = ("two_d", "three_d", "target", "test_set")
HIGHER = ("pckh", "pck_crop", "pck150", "auc")  # metrics that are better when higher
FEW = 10  # groups, of a bootstrap
MARKS = dict(zip(BASELINES, "†‡", strict=True))


def pool_seeds(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per condition (a run without its seed), test set, metric and scorer: the mean over seeds.

    Returns:
        The columns of a condition; label; test_set, metric, scorer; value, low, high (95 % interval), seeds,
        n and groups of the test set; images, minutes (learnt from and trained, with all earlier stages),
        memory_mb (peak); images_2d (distinct); origin (of the test people); score (a `Score`, marked where it
        does not beat a baseline).
    """
    headline = runs[runs["protocol"].isin(HEADLINES)].fillna({"budget": "", "backbone": ""})
    headline = headline.rename(columns={"images_line": "images", "peak_memory_mb": "memory_mb"})
    headline["minutes"] = headline["seconds_line"] / 60
    groups = headline.groupby([*CONDITION, "test_set", "metric", "scorer"], dropna=False, sort=False)
    numbers = pd.DataFrame(mean_of_rows(group) for _, group in groups)
    costs = groups[["images", "minutes", "memory_mb", "images_2d", "n", "groups"]].mean().reset_index()
    scores = pd.concat([costs, numbers], axis=1)
    scores["origin"] = groups["test_origin"].first().to_numpy()
    scores["label"] = [lineage_label(row) for row in scores.to_dict("records")]
    scores["marks"] = _marks(scores)
    scores["score"] = [_score(row) for row in scores.itertuples()]
    return as_sets(scores)


def _marks(scores):
    """† and ‡ where a model's MPJPE is not below that of a baseline on the same test set."""
    keys = [*CONDITION, "test_set", "metric"]
    wide = scores.pivot(index=keys, columns="scorer", values="value").reindex(columns=[MODEL, *BASELINES])
    worse = wide[list(BASELINES)].le(wide[MODEL], axis=0)
    marks = worse.apply(lambda row: "".join(MARKS[name] for name in BASELINES if row[name]), axis=1)
    found = scores.merge(marks.rename("marks").reset_index(), on=keys, how="left")["marks"]
    return found.where((scores["scorer"] == MODEL) & (scores["metric"] == "mpjpe"), "").to_numpy()


def _score(row):
    better = None if row.scorer != MODEL else "higher" if row.metric in HIGHER else "lower"
    return Score(row.value, row.low, row.high, row.marks, str(row.test_set), better)


def lineage_label(row: dict) -> str:
    """A condition in a few words: `LSP ×2 → H36M → Occlusion-Person`."""
    scale = f" ×{row['epoch_scale']}" if int(row["epoch_scale"]) != 1 else ""
    first = set_title(row["two_d"]) + scale if isinstance(row["two_d"], str) else "3D only"
    sets = dict.fromkeys(name for name in (row["three_d"], row["target"]) if isinstance(name, str))
    return " → ".join([first, *map(set_title, sets)])


def as_sets(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with data sets and origin as categories: the paper's order, ours before what is published."""
    columns = [name for name in SET_COLUMNS if name in frame]
    named = set(pd.unique(frame[columns].astype(object).to_numpy().ravel()))  # by a profile, some of them
    others = sorted(name for name in named if isinstance(name, str) and name not in SETS)
    sets = {name: pd.Categorical(frame[name], (*SETS, *others)) for name in columns}
    return frame.assign(**sets, origin=pd.Categorical(frame["origin"], ORIGINS))


def with_titles(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its data sets under the names that people know, as words: for pictures."""
    return frame.assign(
        **{name: frame[name].astype(object).map(set_title, "ignore") for name in SET_COLUMNS if name in frame}
    )


def origin_title(study: Study, test_set: str) -> str:
    """A test set's name with the origin of its people: "simulated H36M", "real Pose2Sim"."""
    return f"{'simulated' if study.is_simulated(test_set) else 'real'} {set_title(test_set)}"


def published_scores(name: str, **columns: str) -> pd.DataFrame:
    """One of the paper's tables ("table1", …), one row per condition and 3D test set: value, score, origin.

    `columns` are {name here: name in the file} of what identifies a row.
    """
    tests = {f"test_{key}": key for key in PAPER_3D}
    table = published(name).rename(columns={theirs: ours for ours, theirs in columns.items()} | tests)
    table = table.melt([*columns], [*PAPER_3D], "test_set").dropna(subset="value")
    table["score"] = [
        Score.printed(value, test) for value, test in zip(table["value"], table["test_set"], strict=True)
    ]
    return as_sets(table.assign(origin=PUBLISHED, metric="mpjpe"))


def about(models: pd.DataFrame) -> str:
    """What the intervals of some rows of `pool_seeds` are over, as a note for `show`."""
    if models.empty:
        return "None of these was run."
    sizes = models.groupby("test_set", observed=True)["groups"].max().astype(int)
    groups = ", ".join(f"{set_title(name)} {count}" for name, count in sizes.items())
    seeds = int(models["seeds"].max())
    narrow = f" Fewer than {FEW} groups make an interval too narrow." if (sizes < FEW).any() else ""
    return (
        f"n = {seeds} seed{'s' * (seeds != 1)}; 95 % intervals resample people, their sequences and moments;"
        f" groups: {groups}.{narrow}"
    )
