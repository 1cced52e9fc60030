"""`python -m tools.deviations`: write docs/deviations.md, where the study is not the paper's.

From the parameter files as they resolve, the printed values (`published_numbers/settings.csv`) and the audit's
published measurements.
"""

from pathlib import Path

import pandas as pd
import yaml

from hpe_study.config import Profile
from hpe_study.parameter_files import read_profile
from hpe_study.published_defects import NAMES
from hpe_study.study.published import data_sheet, published
from hpe_study.utils.files import atomic

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "deviations.md"
MEASURED = PROJECT / "figures" / "reference" / "audit" / "audit_switches.csv"
SMALL = ("gpu", "demo")  # profiles on simulated people, beside `paper`
NOT_MEASURED = "not measured"
HEAD = """# Where the study is not the paper's

Written by `python -m tools.deviations` from the parameter files, the printed values and the audit; a test keeps it so.
Differences are of three kinds: settings, numbers of people, and what no setting says. An effect is the change of our number
when the published behaviour is turned on, on simulated people with a small network (`notebooks/audit.ipynb`), with its 95 %
interval.
"""
PAPER = """
## `params/paper.yaml`: the study as printed

{count} printed settings are compared. {differing}
"""
SETTINGS = """
## Settings of the small profiles

`gpu` has the paper's network and a tenth of its epochs, `demo` (`make study`) a network for two cores. `first` and `audit` are
based on `demo`. Tables 4 to 8 (`fair` and what is based on it) have one λ_reg, 0.1, in every row: their arms differ in nothing
but what they name.
"""
OTHERS = """
What the paper does not print, but `paper.yaml` has as the published code does: alike stages share a row. Short trainings of a
narrow network need weight decay, a warm-up, a higher rate and averaged weights; stages are short in proportion. All other
settings of network, augmentation and stages are those of `paper.yaml`.
"""
PEOPLE = """
## People

Printed: the paper's data sheet. The others are simulated; in `demo` H36M < Occlusion-Person < MPI-INF-3DHP as in print, but
closer to one another; in `gpu` they are equally large.
"""
PRACTICE = """
## What no setting says

The published code's behaviours with a name can be turned on one by one (`legacy:` in a parameter file).
"""


def page() -> str:
    """The page's text."""
    printed = published("settings")
    settings = printed.dropna(subset="key")
    profiles = {name: read_profile(PROJECT / "params" / f"{name}.yaml") for name in ("paper", *SMALL)}
    rows = [row for row in settings.itertuples() if not _is_as_printed(profiles["paper"], row)]
    differing = (
        "All are as printed."
        if not rows
        else "Those that differ:\n\n" + _settings(rows, profiles, ("paper",))
    )
    parts = [
        HEAD,
        PAPER.format(count=len(settings), differing=differing),
        SETTINGS,
        _settings(settings.itertuples(), profiles, SMALL),
        OTHERS,
        _unlisted(set(settings["key"]), profiles),
        PEOPLE,
        _people(profiles),
        PRACTICE,
        _practice(printed[printed["key"].isna()]),
    ]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _is_as_printed(profile, row):
    value = _value(profile, row.key)
    return value == ("–" if pd.isna(row.printed) else _text(_parsed(row.printed)))


def _settings(rows, profiles, names):
    """Rows where one of the profiles differs; a value that is as printed stands as such."""
    table = []
    for row in rows:
        same = [_is_as_printed(profiles[name], row) for name in names]
        if not all(same):
            values = [
                "as printed" if equal else _value(profiles[name], row.key)
                for name, equal in zip(names, same, strict=True)
            ]
            printed = "–" if pd.isna(row.printed) else _text(_parsed(row.printed))
            table.append([row.what, printed, *values, "" if pd.isna(row.why) else row.why, _effect(row)])
    return _markdown(["setting", "printed", *names, "why", "effect"], table)


def _unlisted(listed, profiles):
    """The settings without a printed value in which a small profile is not as `paper`."""
    values = pd.DataFrame(
        {name: pd.json_normalize(one.model_dump()).iloc[0] for name, one in profiles.items()}
    )
    values = values[values.index.str.match(r"(network|augmentation|stage\w*)\.") & ~values.index.isin(listed)]
    values = values.map(_text)
    values = values.mask(
        values == "nan", values["paper"], axis=0
    )  # no schedule of its own for large sets: listed
    values = values[(values[[*SMALL]].ne(values["paper"], axis=0)).any(axis=1)]
    values[["part", "setting"]] = values.index.to_series().str.split(".", expand=True)
    rows = values.groupby(["setting", "paper", *SMALL], sort=False)["part"].agg(", ".join).reset_index()
    return _markdown(["setting", "paper", *SMALL, "of"], rows.to_numpy())


def _people(profiles):
    sheet = data_sheet()
    rows = [
        [
            name,
            f"{sheet[name].train:,} + {sheet[name].test:,}",
            *(_counts(profiles[profile], name) for profile in SMALL),
        ]
        for name in profiles["paper"].set_names
    ]
    return _markdown(["set", "printed, training + test", *SMALL], rows)


def _counts(profile, name):
    stand_in = profile.source(name).simulate
    return f"{stand_in.train:,} + {stand_in.test:,}"


def _practice(rows):
    table = [
        [
            row.what,
            row.printed,
            row.here,
            row.why,
            "" if pd.isna(row.switch) else f"`{row.switch}`",
            _effect(row),
        ]
        for row in rows.itertuples()
    ]
    return _markdown(["what", "published", "here", "why", "switch", "effect"], table)


def _effect(row):
    """What the audit measured of a row's switch, each number with its change and interval, or where it stands."""
    if pd.isna(row.switch):
        return NOT_MEASURED if pd.isna(row.measured_in) else row.measured_in
    table = pd.read_csv(MEASURED).rename(columns=lambda name: name.removeprefix("ours: "))
    found = [
        f"{one['number']} {_change(one)} {one['unit']}"
        for _, one in table[table["switch"] == row.switch].iterrows()
    ]
    return "; ".join(found) or NOT_MEASURED


def _change(row):
    numbers = [f"{row[key]:+.1f}".replace("-", "−") for key in ("change", "low", "high")]
    return numbers[0] if pd.isna(row["low"]) else f"{numbers[0]} [{numbers[1]}, {numbers[2]}]"


def _value(profile: Profile, key: str) -> str:
    value = profile
    for part in key.split("."):
        value = getattr(value, part, None)
    return _text(value)


def _parsed(text):
    """A printed value: `[90 120]` is a list."""
    return yaml.safe_load(text.replace(" ", ", ") if text.startswith("[") else text)


def _text(value):
    if value is None:
        return "–"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _markdown(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


if __name__ == "__main__":
    assert set(published("settings")["switch"].dropna()) == set(NAMES)
    with atomic(PAGE) as part:
        part.write_text(page(), encoding="utf-8")
