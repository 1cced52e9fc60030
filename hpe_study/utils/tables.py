"""Tables of numbers as csv files: read, and checked, in one place."""

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hpe_study.errors import StudyError, brief
from hpe_study.utils.files import atomic, require_regular_file

MOST_COLUMNS, LONGEST_LINE = 1000, 1 << 16  # pandas takes hours for a million columns
ADVICE = "run the study's command again to have it made"


def save_table(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Write a table with its index as a csv file; returns the table, to be shown."""
    with atomic(path) as part:
        table.to_csv(part, float_format="%.6g")
    return table


def read_table(
    path: Path, content: str, columns: Sequence[str], numbers: Sequence[str] = (), texts: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a csv file; `StudyError` names it and the columns where it is damaged or another table.

    It must have the `columns`; `numbers` are those that hold finite numbers, or nothing, and `texts` those
    that hold a text in every row. Messages call it `content`.
    """
    try:
        _check_first_line(require_regular_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # without an index: else rows with more values than columns give every column those of the next
            table = pd.read_csv(path, index_col=False)
    except pd.errors.ParserWarning as error:
        fault = "a row has more values than there are columns"
        raise StudyError(f"{path}: not readable ({fault}); {ADVICE}") from error
    except (OSError, ValueError, OverflowError, csv.Error) as error:
        raise StudyError(f"{path}: not readable ({brief(error)}); {ADVICE}") from error
    if lacking := [column for column in columns if column not in table]:
        raise StudyError(f"{path}: not a table of {content}; it lacks the columns {', '.join(lacking)}")
    fault = f"{path}: not a table of {content}; column {{}} holds what is no {{}}; {ADVICE}"
    for column in (column for column in numbers if column in table):
        values = table[column]
        if not pd.api.types.is_numeric_dtype(values) or np.isinf(values.to_numpy(float)).any():
            raise StudyError(fault.format(column, "finite number"))
    for column in (column for column in texts if column in table):
        if table[column].isna().any() or not pd.api.types.is_string_dtype(table[column]):
            raise StudyError(fault.format(column, "text"))
    return table


def _check_first_line(path):
    """Refuse a table whose first line is empty or names more columns than a table has."""
    with open(path, encoding="utf-8-sig", newline="") as stream:
        first = stream.readline(LONGEST_LINE)
        if len(first) == LONGEST_LINE or not first.strip():
            raise ValueError("its first line is no list of columns")
        stream.seek(0)
        width = len(next(csv.reader(stream)))  # names may have line breaks
    if width > MOST_COLUMNS:
        raise ValueError(f"it has {width:,} columns")
