"""The report: question, answers, tables and pictures of the executed notebooks on one page, without code."""

import html
from pathlib import Path

import pandas as pd
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook

from hpe_study import datasets
from hpe_study.config import ANALYSES
from hpe_study.errors import StudyError
from hpe_study.report.display import GLOSSARY, Score
from hpe_study.report.style import titled
from hpe_study.study import Study
from hpe_study.study.notebooks import read_notebook
from hpe_study.utils.files import atomic
from hpe_study.utils.tables import read_table

TAG = "report"  # of the cells that the page shows
FIRST = ("wireframes",)  # a picture before the tables
MARKS = {"holds": ("✔", "#009E73"), "does not hold": ("✘", "#D55E00"), "can't tell": ("?", "#777777")}
CSS = """
:root { color-scheme: light dark }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 1180px; margin: 0 auto; padding: .5em 1em 3em }
p, ul, li { max-width: 60em } h1 { line-height: 1.2 } h2 { margin-top: 2em; border-bottom: 1px solid #8884 }
img { max-width: 100%; background: white } .banner { border-left: 5px solid #E69F00; padding: .3em 1em }
table { border-collapse: collapse }
.data td, .data th { font-size: .85em; padding: .2em .6em; text-align: left }
.data td, .data th { vertical-align: top; border-top: 1px solid #8884 }
.jp-InputArea, .jp-OutputPrompt, .prompt, .anchor-link { display: none }
.data, .output_html { overflow-x: auto }
.answer { list-style: none; padding: 0 }
@media print { body { font-size: 11px; max-width: none } h2, table, img { break-inside: avoid } }
"""
BANNER = (
    "**Simulated people.** These runs learnt from, and were scored on, rendered stand-ins in the layouts of"
    " the"
    " real data sets. Their numbers are no benchmark results; published numbers are marked as such."
)


def write_report(study: Study) -> Path:
    """Write `report.html` into the study's figures: the cells tagged "report" of its executed notebooks.

    Of a published study these are the notebooks in the repository. `StudyError` where none was executed.
    """
    folder = study.home / "notebooks" if study.profile.records else study.figures
    names = [name for name in (*FIRST, *ANALYSES) if (folder / f"{name}.ipynb").exists()]
    parts = {name: cells for name in dict.fromkeys(names) if (cells := _cells(folder / f"{name}.ipynb"))}
    if not parts:
        raise StudyError(f"{folder}: no executed notebook to report on; run make study")
    title = titled("2D pre-training for 3D human pose", study.simulated)
    head = [
        f"# {title}",
        f"**{html.escape(study.profile.question)}**",
        *([BANNER] if study.simulated else []),
    ]
    cells = [new_markdown_cell("\n\n".join([*head, *_answer(study)]))]
    cells += [cell for part in parts.values() for cell in part]
    exporter = HTMLExporter(template_name="basic", exclude_input=True)
    body, _ = exporter.from_notebook_node(new_notebook(cells=cells))
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport"'
        f' content="width=device-width"><title>{html.escape(title)}</title><style>{CSS}</style></head>'
        f"<body>{body}{_data(study)}</body></html>\n"
    )
    path = study.figures / "report.html"
    with atomic(path) as part:
        part.write_text(page.replace(GLOSSARY, f"../{GLOSSARY}"), encoding="utf-8")
    return path


def _answer(study):
    """The claims, each with its verdict on our runs and the first number behind it; [] without a ledger."""
    records = study.profile.records
    folder = (study.home / records).parent if records else study.figures
    if not (folder / "claims.csv").exists():
        return []
    columns = ["claim", "statement", "ours: Holm verdict"]
    claims = read_table(folder / "claims.csv", "claims", columns, texts=columns[1:]).set_index("claim")
    numbers = _numbers(folder / "contrasts.csv")
    items = []
    for number, claim in claims.iterrows():
        verdict = claim["ours: Holm verdict"]
        mark, colour = MARKS[verdict]
        items.append(
            f'<li><b style="color:{colour}">{mark} {verdict}</b>: {html.escape(claim["statement"])}'
            f" <small>{html.escape(numbers.get(number, ''))}</small></li>"
        )
    return ["## The answer", "\n".join(['<ul class="answer">', *items, "</ul>"])]


def _numbers(path):
    """{claim: its first contrast with a number, in words}."""
    if not path.exists():
        return {}
    columns = ["contrast", *(f"ours: {key}" for key in ("value", "low", "high", "unit"))]
    known = read_table(path, "contrasts", ["claim", *columns], columns[1:4])
    parts = known.dropna(subset="ours: value").drop_duplicates("claim").set_index("claim")[columns]
    return {
        claim: f"{title}: {Score(value, low, high, digits=int(abs(value) < 10))} {unit}"
        for claim, title, value, low, high, unit in parts.itertuples()
    }


def _cells(path):
    """What a notebook contributes: its title, the paper's claim, and the cells that are tagged."""
    notebook = read_notebook(path)
    tagged = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", []) and _shown(cell)]
    if not tagged:
        return []
    title, *paragraphs = notebook.cells[0].source.split("\n\n")
    return [new_markdown_cell("\n\n".join([f"#{title}", *paragraphs[:1]])), *tagged]


def _shown(cell):
    """Whether a cell shows more than plain text."""
    return any(set(output.get("data", {})) - {"text/plain"} for output in cell.get("outputs", []))


def _data(study):
    """Data and limits, last."""
    rows = []
    for name in study.profile.set_names:
        info = datasets.info(study.profile.source(name).reader or name)
        planned = study.profile.source(name).simulate
        people = f"{planned.train:,} + {planned.test:,} simulated" if planned else "real"
        rows.append([info.title, info.kind.upper(), people, info.licence, info.citation, info.url])
    columns = ["data set", "labels", "people, training + test", "terms", "source", "page"]
    table = pd.DataFrame(rows, columns=columns).to_html(index=False, border=0, render_links=True)
    limits = GLOSSARY.replace("glossary", "what_the_numbers_say")
    links = f'<a href="../{limits}">What these numbers cannot say</a>'
    return f'<h2>Data and limits</h2><p>{links}</p><div class="data">{table}</div>'
