"""A benchmark's rows on disk: merged into what stands there, so that one benchmark can be renewed alone."""

import pandas as pd

from hpe_study.utils.files import atomic


def merge(path, rows, keys):
    """Write `rows` (dicts) into the CSV `path`; rows of it that agree in `keys` are replaced. Returns the
    whole table."""
    table = pd.DataFrame(rows)
    if path.exists():
        old = pd.read_csv(path, dtype={"precision": str})
        table = pd.concat([old, table]) if len(old) else table
        for key in keys:
            if table[key].dtype == object:
                table[key] = table[key].fillna("")
        table = table.drop_duplicates(list(keys), keep="last")
    with atomic(path) as part:
        table.to_csv(part, index=False, float_format="%.5g")
    return pd.read_csv(path, keep_default_na=True, dtype={"precision": str}).fillna(
        {"precision": ""} if "precision" in table else {}
    )
