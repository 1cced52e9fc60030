"""How a table looks, once: numbers with their intervals, the best of a test set in bold, three files."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from IPython.display import HTML

from hpe_study.report.style import SETS, UNITS, set_title, titled
from hpe_study.study import Study
from hpe_study.utils.files import atomic

PUBLISHED = "published"
ORIGINS = ("simulated", "real", "pseudo-labelled", PUBLISHED)  # of a row; never mixed in one
GLOSSARY = "../docs/glossary.md"  # from the notebooks
MISSING = "–"
CSS = """<style>
.scores table {border-collapse: collapse; font-size: 12.5px; line-height: 1.35; max-width: 1180px}
.scores table {font-variant-numeric: tabular-nums}
.scores caption {caption-side: top; text-align: left; font-weight: 600; padding: .4em 0; color: inherit}
.scores th, .scores td {text-align: right; padding: .15em .6em; vertical-align: top}
.scores thead th {text-align: right !important; vertical-align: bottom; max-width: 9em; font-weight: 600}
.scores tbody th, .scores th.index_name {text-align: left !important; font-weight: normal; max-width: 16em}
.scores tbody tr {border-top: 1px solid #8883; background: none !important}
.scores .interval {opacity: .75; font-size: .88em; white-space: nowrap}
.scores .published {font-style: italic; opacity: .8}
.scores p {font-size: 12px; max-width: 75em; margin: .4em 0}
@media (max-width: 700px) {.scores {overflow-x: auto} .scores th, .scores td {padding: .15em .3em}}
</style>"""
HEADINGS = {  # what a column or an index is called above its cells
    "two_d": "2D set", "three_d": "3D set", "target": "3D set of stage 3", "epoch_scale": "epochs ×",
    "origin": "numbers", "learnt_from": "people learnt from", "test_set": "test set", "label": "learnt from",
}  # fmt: skip
HEAD = '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n'
LATEX = {"†": r"$^\dagger$", "‡": r"$^\ddagger$", "×": r"$\times$", "→": r"$\to$", "−": "$-$", "–": "--"}


def _number(value, digits):
    """With a minus sign, which zero never has."""
    return f"{round(value, digits) + 0.0:,.{digits}f}".replace("-", "−")


def plain(table: pd.DataFrame, digits: int = 1) -> pd.DataFrame:
    """A table whose floats are texts with minus signs, to be shown as it stands."""
    return table.map(lambda cell: _number(cell, digits) if isinstance(cell, float) else cell, "ignore")


@dataclass(frozen=True)
class Score:
    """One number of a table."""

    value: float
    low: float = np.nan  # its 95 % interval begins here; NaN where none is known
    high: float = np.nan  # where the interval ends
    marks: str = ""  # what stands behind it, such as "†"
    test_set: str = ""  # the best is looked for among scores on one test set
    # "lower" or "higher"; None: not in the competition (a baseline, a misprint)
    better: Literal["lower", "higher"] | None = None
    digits: int = 0  # after the decimal point
    published: bool = False  # whether the paper prints it

    @classmethod
    def printed(cls, value: float, test_set: str = "", better: str | None = "lower") -> "Score":
        """A number as the paper prints it."""
        return cls(value, test_set=test_set, better=better, digits=1, published=True)

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return MISSING
        numbers = (self.value, self.low, self.high)
        value, low, high = (_number(number, self.digits) for number in numbers)
        return f"{value}{self.marks}" + (f" [{low}, {high}]" if np.isfinite(self.low) else "")

    def _repr_html_(self) -> str:
        number, bracket, interval = str(self).partition(" [")
        small = f' <span class="interval">[{interval}</span>' if bracket else ""
        return f'<span class="published">{number}</span>' if self.published else number + small


def show(table: pd.DataFrame, name: str, title: str, study: Study, notes: Sequence[str] = ()) -> HTML:
    """A table to look at; saved as `<name>.csv`, and of a user's own study as HTML and LaTeX, in its figures.

    Cells are `Score`s, numbers or words; data sets go by their keys. The title stands above, with
    "(simulated people)" where they are and the rows do not say so; the notes stand below.
    """
    if table.empty:
        return HTML(f"<p><b>{html.escape(title)}</b>: not run.</p>")
    title, data = _with_origin(title, table, study), tidy(table)
    headings = HEADINGS | UNITS
    table = table.rename(index=set_title, columns=lambda name: headings.get(name) or set_title(name))
    table = table.rename_axis(index=lambda name: HEADINGS.get(name, name), columns=lambda name: None)
    styler = table.style.set_uuid(name).set_caption(html.escape(title)).apply(_bold, axis=0)
    below = " ".join([*map(html.escape, notes), f'<a href="{GLOSSARY}">What the words mean</a>'])
    page = f'{CSS}<div class="scores">{styler.format(_html).to_html()}<p>{below}</p></div>'
    texts = {"csv": data.to_csv(index=False)}
    if not study.profile.records:
        latex = styler.format(str, escape="latex").format_index(str, escape="latex")
        latex = latex.to_latex(hrules=True, convert_css=True)
        texts |= {"html": HEAD + page, "tex": "".join(LATEX.get(letter, letter) for letter in latex)}
    for kind, text in texts.items():
        with atomic(study.figures / f"{name}.{kind}") as part:
            part.write_text(text, encoding="utf-8")
    return HTML(page)


def _with_origin(title, table, study):
    """The title; says that people are simulated, and which are not, where the rows do not."""
    names = [*table.index.names, *table.columns.names]
    levels = [axis.get_level_values(level) for axis in table.axes for level in range(axis.nlevels)]
    sets = {name for level in levels for name in level if isinstance(name, str)} & {*SETS}
    real = ", ".join(set_title(name) for name in SETS if name in sets and not study.is_simulated(name))
    if {"origin", "people"} & {*names} or not all(map(study.is_simulated, study.profile.set_names)):
        return title
    return f"{title} (simulated people; {real}: real)" if real else titled(title, True)


def _html(cell):
    if isinstance(cell, Score):
        return cell._repr_html_()
    if isinstance(cell, int | float | np.integer):
        digits = 0 if abs(cell) >= 10 or not isinstance(cell, float) else 1 if abs(cell) >= 1 else 2
        return MISSING if np.isnan(cell) else _number(cell, digits)
    return html.escape(re.sub(r"^-(?=\d)", "−", str(cell)), quote=False)


def _bold(column):
    """The best of each test set, of ours and of the paper's numbers apart."""
    scores = [(place, cell) for place, cell in enumerate(column) if isinstance(cell, Score) and cell.better]
    best = {}
    for _, cell in scores:
        choose = min if cell.better == "lower" else max
        group = cell.test_set, cell.published
        best[group] = choose(cell.value, best.get(group, cell.value))
    bold = {place for place, cell in scores if cell.value == best[cell.test_set, cell.published]}
    return ["font-weight: bold" if place in bold else "" for place in range(len(column))]


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """The table as data: one row per cell, its value beside the interval's ends and the marks."""
    levels = [name or f"heading {place}" for place, name in enumerate(table.columns.names)]
    long = table.rename_axis(columns=levels).melt(ignore_index=False, value_name="cell").reset_index()
    known = ["value", "low", "high", "marks"]
    cells = [
        {key: getattr(cell, key) for key in known} if isinstance(cell, Score) else {"value": cell}
        for cell in long.pop("cell")
    ]
    return pd.concat([long, pd.DataFrame(cells, columns=known)], axis=1)
