"""A table: labelled rows, columns that are ours or published and never both, cells with their interval, and
the three files it becomes.

Every number of ours stands with its 95 % interval and the number of seeds. † marks a model that does not beat
the best constant pose, ‡ one that does not beat the true 2D joints with the training set's mean depth. Best
of a column: bold. What was not run says so.
"""

import html
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown

from hpe_study.report.style import titled
from hpe_study.utils.files import atomic

OURS, PUBLISHED = "ours", "published"
NOT_RUN = "not run"
ABSENT = "data absent"
NOTHING = "–"
MARKS = {"best constant pose": "†", "true 2D + mean depth": "‡"}
MINUS = "−"
LATEX = {
    MINUS: "$-$",
    **{
        "†": r"$^\dagger$",
        "‡": r"$^\ddagger$",
        "×": r"$\times$",
        "·": r"$\cdot$",
        "→": r"$\to$",
        "…": r"\dots",
    },
    **{"–": "--", "%": r"\%", "_": r"\_", "&": r"\&", "¼": r"$\frac14$", "½": r"$\frac12$"},
}
PAGE = (
    ":root{color-scheme:light dark} body{font:15px/1.5 system-ui,sans-serif;margin:2em"
    " auto;max-width:110em;padding:0 1em}"
)
WRAPPED = "white-space: normal; text-align: left; min-width: 7em"
STYLE = [
    {
        "selector": "",
        "props": "border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.82em",
    },
    {
        "selector": "caption",
        "props": "caption-side: top; text-align: left; font-weight: bold; padding: 0.4em 0",
    },
    {
        "selector": "th, td",
        "props": "text-align: right; padding: 0.12em 0.4em; vertical-align: top; white-space: nowrap",
    },
    {"selector": "tbody tr", "props": "border-top: 1px solid #8883"},
    {
        "selector": "th.row_heading",
        "props": (
            "text-align: left; font-weight: normal; white-space: normal; min-width: 7em; max-width: 14em"
        ),
    },
    {"selector": "th.index_name", "props": "text-align: left; vertical-align: bottom"},
    {
        "selector": "th.col_heading",
        "props": "white-space: normal; border-bottom: 1px solid #8886; vertical-align: bottom",
    },
    {"selector": "th.col_heading.level0, th.col_heading.level1", "props": "text-align: center"},
    {"selector": "small", "props": "opacity: 0.75; font-weight: normal"},
]


text_only = partial(html.escape, quote=False)  # names and texts from files, between tags


@dataclass(frozen=True)
class Column:
    """source: `OURS`, `PUBLISHED` or other words; group: the heading above; better: "lower", "higher" or None
    where there is no best;
    text: its cells are words."""

    source: str
    group: str
    title: str
    better: str | None = "lower"
    digits: int = 1
    text: bool = field(default=False, repr=False)

    @property
    def name(self):
        """Its name in the CSV."""
        return f"{self.source}: {', '.join(part for part in (self.group, self.title) if part)}"


@dataclass(frozen=True)
class Cell:
    """A number with what is known of it. `words` stand in its place where there is none; `note` is a mark
    that points to a note below."""

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan
    seeds: int = 0
    marks: str = ""
    words: str = NOTHING
    competes: bool = True  # for the best of its column; baselines do not

    @property
    def has_value(self):
        return bool(np.isfinite(self.value))


@dataclass
class Table:
    """`rows`: labels, one tuple a row as long as `labels`; `cells`: {(row, column): Cell}, absent ones are
    empty."""

    name: str
    title: str
    labels: tuple
    columns: tuple
    simulated: bool
    rows: list = field(default_factory=list)
    cells: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    def __repr__(self):
        return f"{titled(self.title, self.simulated)}: {len(self.rows)} rows"

    def add(self, labels, cells):
        """One more row: its labels and {column: Cell}."""
        self.rows.append(tuple(labels))
        self.cells |= {(len(self.rows) - 1, column): cell for column, cell in cells.items()}

    def cell(self, row, column):
        """The cell, or an empty one."""
        return self.cells.get((row, column), Cell())

    def best(self, column):
        """Row numbers of the column's best model: several where rows share a run."""
        cells = {row: self.cell(row, column) for row in range(len(self.rows))}
        running = {row: cell.value for row, cell in cells.items() if cell.has_value and cell.competes}
        if not running or not column.better:
            return set()
        best = (min if column.better == "lower" else max)(running.values())
        return {row for row, value in running.items() if value == best}

    # ---------------------------------------------------------------- as data

    def tidy(self):
        """The table as numbers: a column of values each, beside it for ours the interval's ends, the seeds,
        and the marks."""
        lines = []
        for row, labels in enumerate(self.rows):
            line = dict(zip(self.labels, labels, strict=True))
            for column in self.columns:
                cell = self.cell(row, column)
                line[column.name] = cell.words if column.text else cell.value
                if not column.text and column.source == OURS:
                    known = {
                        "low": cell.low,
                        "high": cell.high,
                        "seeds": cell.seeds,
                        "marks": self._marks(row, column),
                    }
                    line |= {f"{column.name} [{key}]": value for key, value in known.items()}
            lines.append(line)
        return pd.DataFrame(lines)

    def _marks(self, row, column):
        cell = self.cell(row, column)
        return cell.marks if cell.has_value else cell.words.replace(NOTHING, "")

    # ---------------------------------------------------------------- for people

    @property
    def empty(self):
        """Whether no cell has a number."""
        return not any(cell.has_value for cell in self.cells.values())

    @property
    def heading(self):
        """The title; says "simulated" where our numbers are."""
        return titled(self.title, self.simulated)

    def _shown(self, breaking, small, clean):
        """(texts, CSS) frames. breaking, small: how a line ends and how the interval is written small; clean: what
        is done to names and texts, which come from files."""
        names = [(self._source_title(column.source), column.group, column.title) for column in self.columns]
        columns = pd.MultiIndex.from_tuples([tuple(map(clean, name)) for name in names])
        rows = [tuple(clean(str(part)) for part in row) for row in self.rows]
        index = pd.MultiIndex.from_tuples(rows, names=self.labels)
        texts = [
            [self._text(row, column, breaking, small, clean) for column in self.columns]
            for row in range(len(self.rows))
        ]
        best = [self.best(column) for column in self.columns]
        css = [["font-weight: bold" if row in rows else "" for rows in best] for row in range(len(self.rows))]
        return pd.DataFrame(texts, index, columns), np.array(css, object)

    def _source_title(self, source):
        if source == OURS:
            return "ours (simulated)" if self.simulated else "ours"
        return "published (real data)" if source == PUBLISHED else source

    def _text(self, row, column, breaking, small, clean):
        cell = self.cell(row, column)
        if not cell.has_value:
            return clean(str(cell.words))
        text = f"{cell.value:.{column.digits}f}{cell.marks}"
        if np.isfinite(cell.low):
            between = "–" if cell.low >= 0 else " to "  # a dash before a minus cannot be read
            text += breaking + small.format(
                f"{cell.low:.{column.digits}f}{between}{cell.high:.{column.digits}f}"
            )
        return text.replace("-", MINUS)

    def styled(self, breaking="<br>", small="<small>{}</small>", clean=text_only):
        """The table as pandas' Styler."""
        texts, css = self._shown(breaking, small, clean)
        styler = (
            texts.style.apply(lambda _: css, axis=None)
            .set_caption(clean(self.heading))
            .set_table_styles([*STYLE, *self._edges()])
        )
        styler.set_uuid(self.name)
        styler.cell_ids = False
        return styler

    def _edges(self):
        """A line where a group of columns begins, a stronger one where ours end and the published ones begin;
        words are wrapped."""
        starts = [
            i for i, column in enumerate(self.columns) if i == 0 or column.group != self.columns[i - 1].group
        ]
        edges = [
            i for i, column in enumerate(self.columns) if i and column.source != self.columns[i - 1].source
        ]
        lines = [{"selector": f"tbody td.col{i}", "props": "border-left: 1px solid #8886"} for i in starts]
        lines += [{"selector": f"tbody td.col{i}", "props": "border-left: 3px double #888"} for i in edges]
        # a rule of one cell would be weaker than that of all cells
        return lines + [
            {"selector": f"tbody td.col{i},th.col_heading.level2.col{i}", "props": WRAPPED}
            for i, column in enumerate(self.columns)
            if column.text
        ]

    def html(self):
        """The table and its notes as a piece of HTML."""
        notes = "".join(f"<li>{text_only(note)}</li>" for note in self.notes)
        return (
            f'<div class="table" style="overflow-x: auto">{self.styled().to_html()}<ul'
            f' class="notes">{notes}</ul></div>'
        )

    def _repr_html_(self):
        return self.html()

    def sentence(self):
        """One sentence that reads the table: the best model of each of our last group of error columns."""
        ours = [column for column in self.columns if column.source == OURS and "MPJPE" in column.group]
        told = []
        for column in ours:
            for row in sorted(self.best(column))[:1]:
                cell = self.cell(row, column)
                words = " → ".join(part for part in self.rows[row] if part)
                told.append(
                    f"on {column.title} {words} ({cell.value:.0f} mm, 95 % interval {cell.low:.0f} to"
                    f" {cell.high:.0f})"
                )
        best = "; ".join(told) or "no row of this table was run"
        return Markdown(f"Lowest MPJPE{' on simulated people' if self.simulated else ''}: {best}.")

    def markdown(self):
        """The table for a README, a line a column; without its notes."""
        lines = [["", *(" ".join(row) for row in self.rows)], ["---", *["---:"] * len(self.rows)]]
        for column in self.columns:
            cells = [self.cell(row, column) for row in range(len(self.rows))]
            lines.append(
                [
                    column.name,
                    *(f"{cell.value:,.{column.digits}f}" if cell.has_value else cell.words for cell in cells),
                ]
            )
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def latex(self):
        """The table for a paper (packages booktabs, multirow); the notes follow as comments."""
        styler = self.styled(" ", "{{\\scriptsize {}}}", str).hide(names=True, axis=0)
        for axis in (0, 1):
            styler.format_index(_latex_text, axis=axis)
        styler.format(_latex_text).set_caption(_latex_text(self.heading)).set_table_styles([])
        places = {
            "label": f"tab:{self.name}",
            "position": "t",
            "multicol_align": "c",
            "environment": "table*",
        }
        text = styler.to_latex(hrules=True, convert_css=True, **places)
        return text + "".join(f"% {note}\n" for note in self.notes)

    def save(self, folder):
        """Write `<name>.csv`, `.html` and `.tex` into a folder; returns the table, to be shown."""
        write_texts(folder, self.name, self.heading, self.tidy(), self.html(), self.latex())
        return self


def write_texts(folder, name, heading, data, body, latex):
    """A table's three files, each whole or not there: `<name>.csv` of its numbers, `.html`, a page of its
    own, and `.tex`."""
    head = f'<meta charset="utf-8"><title>{text_only(heading)}</title><style>{PAGE}</style>'
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'
    for kind, text in (("csv", data.to_csv(index=False)), ("html", page), ("tex", latex)):
        with atomic(Path(folder) / f"{name}.{kind}") as part:
            part.write_text(text, encoding="utf-8")


def _latex_text(text):
    text = str(text)
    if "\\scriptsize" in text:  # our own markup round numbers
        return "".join(LATEX[letter] if letter in "†‡–−" else letter for letter in text)
    return "".join(LATEX.get(letter, letter) for letter in text)
