"""Which of the seven data sets are present under a data root: one table."""

import shutil
import warnings
from pathlib import Path

from tabulate import tabulate

from hpe_study.datasets import NAMES, info, open_dataset
from hpe_study.datasets.base import IMAGE_ABSENT, MAX_EXAMPLES, SPLITS, MissingSetError
from hpe_study.errors import StudyError

COLUMNS = (
    "set", "state", "train", "test", "left out, and why", "missing (first few)", "where to get it", "licence",
)  # fmt: skip
_SHARES = (0.115, 0.08, 0.07, 0.07, 0.14, 0.21, 0.2, 0.115)  # of the table's width


def check(root: str | Path) -> list[dict]:
    """Look for every data set; `StudyError` where there is no such root.

    Returns:
        One row (keys `COLUMNS`) per data set, or per layout of those that are there in several. `state` is
        "found"; "partly" (images, parts or a split are absent); "missing"; "broken" (not readable).
    """
    if not Path(root).is_dir():
        advice = f"name the data root, which holds one folder per set ({', '.join(NAMES)})"
        raise StudyError(f"{root}: no such folder; {advice}")
    rows = []
    for name in NAMES:
        layouts = info(name).layouts or {"": {}}
        candidates = [_row(name, layout, options, root) for layout, options in layouts.items()]
        rows += [row for row in candidates if row["state"] != "missing"] or candidates[:1]
    return rows


def _row(name, layout, options, root):
    """The row of one data set in one layout."""
    about = info(name)
    row = dict.fromkeys(COLUMNS, "") | {"set": f"{name} ({layout})" if layout else name}
    row["where to get it"] = about.url.replace("https://", "").replace("http://", "")
    row["licence"] = about.licence
    problems, left_out, absent, simulated = [], [], [], False
    for split in SPLITS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is left out stands in the table
                records = open_dataset(name, root, split, **options)
        except StudyError as error:
            problems.append("missing" if isinstance(error, MissingSetError) else "broken")
            absent.append(str(error).split(": not there")[0] if problems[-1] == "missing" else str(error))
            continue
        simulated = simulated or records.simulated
        usual = not records.simulated and options == next(iter(about.layouts.values()), {})
        row[split] = _count(len(records), records.left_out, about.expected.get(split) if usual else None)
        left_out += [f"{split}: {count:,} {reason}" for reason, count in records.left_out.items()]
        absent += [str(path) for path in (*records.missing_parts, *records.examples)]
    if "broken" in problems:
        row["state"] = "broken"
    elif len(problems) == len(SPLITS):
        row["state"] = "missing"
    else:
        row["state"] = "partly" if absent else "found"
    row["state"] += ", simulated" if simulated else ""
    row["left out, and why"] = "; ".join(left_out)
    shown = [text.removeprefix(f"{root}/") for text in dict.fromkeys(absent)]
    more = f" and {len(shown) - MAX_EXAMPLES} more" if len(shown) > MAX_EXAMPLES else ""
    row["missing (first few)"] = ", ".join(shown[:MAX_EXAMPLES]) + more
    return row


def _count(kept, left_out, expected):
    """A split's record count, and the official count if it differs.

    The original's counts what is left out for an absent image, and in some sets for other reasons.
    """
    differs = expected not in (None, kept + left_out.get(IMAGE_ABSENT, 0), kept + sum(left_out.values()))
    return f"{kept:,} (original {expected:,})" if differs else f"{kept:,}"


def as_table(rows: list[dict], width: int | None = None) -> str:
    """The rows as text, wrapped to `width` characters (default: the terminal's)."""
    width = max(width or shutil.get_terminal_size((180, 24)).columns, 120)
    widths = [int(share * (width - 2 * len(COLUMNS))) for share in _SHARES]
    return tabulate([row.values() for row in rows], COLUMNS, maxcolwidths=widths, disable_numparse=True)
