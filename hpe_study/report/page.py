"""The whole study on one page, `report.html`: question, data sheets, tables, figures, claims. It needs no
network and no kernel."""

import base64
import html
import io
from pathlib import Path

from PIL import Image

from hpe_study import datasets
from hpe_study.data.store import Store
from hpe_study.report import claims, figures, oracle, portraits, tables, timing
from hpe_study.report.results import Results
from hpe_study.report.style import titled
from hpe_study.study.published import published
from hpe_study.utils.files import atomic

WEBP_QUALITY = 90
CSS = """
:root { color-scheme: light dark; --line: #8884; --card: #8881; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 100em; margin: 0 auto; padding: 1em 1.5em 4em; }
p, ul, h1, h2, figcaption { max-width: 62em; }
h1 { line-height: 1.2; }
h2 { margin-top: 2.5em; border-bottom: 1px solid var(--line); }
nav a { margin-right: 1em; }
.banner { border-left: 5px solid #E69F00; padding: .4em 1em; background: var(--card); max-width: 60em; }
figure { margin: 1.5em 0; } figure img { max-width: 100%; background: white; border-radius: 4px; }
figcaption, .notes { font-size: .9em; opacity: .9; }
.scroll { overflow-x: auto; } .sheet { border-collapse: collapse; font-size: .9em; }
.sheet td, .sheet th { text-align: left; vertical-align: top; padding: .3em .8em; max-width: 28em; }
.sheet td, .sheet th { border-top: 1px solid var(--line); }
"""
SIMULATED = (
    "<b>Simulated people.</b> These runs learnt from, and were scored on, rendered stand-ins in the layouts"
    " of the real data sets. Their numbers are no benchmark results; published numbers stand in columns of"
    " their own."
)
METHOD = (
    "A network with a heat-map head and a depth head is trained in stages: on 2D labels alone, on 2D and 3D"
    " labels together, and with a loss on bone lengths; or on 3D labels only. Every row of the paper's tables"
    " is one such line of stages, scored on three 3D test sets beside two baselines: one knows nothing of the"
    " image, the other everything of it but the depth."
)
SECTIONS = {
    "question": "The question",
    "data": "Data",
    "tables": "Tables",
    "figures": "Figures",
    "claims": "Claims",
    "made": "How it was made",
}


def write(results: Results):
    """Write `report.html` into the study's figures; returns its path."""
    path = Path(results.study.figures) / "report.html"
    with atomic(path) as part:
        part.write_text(build(results), encoding="utf-8")
    return path


def build(results):
    """The page as text."""
    ledger = claims.ledger(results)
    bodies = {
        "question": _question(results, ledger),
        "data": _data(results),
        "tables": _tables(results),
        "figures": _figures(results),
        "claims": ledger.html() + _figure(figures.claims(ledger)),
        "made": _made(results),
    }
    title = html.escape(titled("2D pre-training for 3D human pose", results.simulated))
    links = "".join(f'<a href="#{key}">{words}</a>' for key, words in SECTIONS.items())
    sections = "".join(
        f'<section id="{key}"><h2>{SECTIONS[key]}</h2>{body}</section>' for key, body in bodies.items()
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport"'
        f' content="width=device-width"><title>{title}</title><style>{CSS}</style>'
    )
    return (
        "<!doctype html>\n<html"
        f' lang="en"><head>{head}</head><body><h1>{title}</h1><nav>{links}</nav>{sections}</body></html>\n'
    )


def _question(results, ledger):
    told = []
    for word, words in claims.VERDICTS.items():
        numbers = [str(entry.number) for entry in ledger.entries if entry.verdict == word]
        told.append(f"{len(numbers)} {words}{' (' + ', '.join(numbers) + ')' if numbers else ''}")
    made = results.runs.drop_duplicates("run")
    planned = len(results.study.runs)
    banner = f'<p class="banner">{SIMULATED}</p>' if results.simulated else ""
    profile = results.study.profile
    return (
        f"<p><b>{html.escape(profile.question)}</b></p>{banner}<p>{METHOD}</p><p>Profile"
        f" <b>{html.escape(profile.name)}</b>: {len(made)} of {planned} trainings, {len(results.seeds)}"
        f" seed(s), {made['seconds'].sum() / 60:.0f} minutes of training. Of the paper's"
        f" {len(ledger.entries)} claims, on these runs: {'; '.join(told)}.</p>"
    )


def _data(results):
    printed = {row["dataset"]: row for row in published("datasets").to_dict("records")}
    lines = []
    for name in (*results.study.profile.two_d, *results.study.profile.three_d):
        info = datasets.info(name)
        counts = "<br>".join(f"{split}: {_count(results.study, name, split)}" for split in ("train", "test"))
        row = printed.get(name, {})
        theirs = f"train: {row.get('train_images', 0):,.0f}<br>test: {row.get('test_images', 0):,.0f}"
        original = "<br>".join(f"{split}: {count or 'not said'}" for split, count in info.expected.items())
        cells = (
            f"<b>{html.escape(info.title)}</b><br>{info.kind.upper()}, {row.get('joints', '?')} joints",
            counts,
            theirs,
            original,
            html.escape(info.licence),
            f"{html.escape(info.citation)}<br>{_links(info.url)}",
            "<br>".join(html.escape(quirk) for quirk in info.quirks),
        )
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    titles = (
        "data set",
        "people here",
        "images in the paper",
        "people in the original",
        "terms",
        "source",
        "what to know",
    )
    head = "".join(f"<th>{title}</th>" for title in titles)
    return (
        '<div class="scroll"><table'
        f' class="sheet"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def _links(urls):
    """Addresses, several joined by " and ", as links."""
    return " and ".join(f'<a href="{html.escape(url)}">{html.escape(url)}</a>' for url in urls.split(" and "))


def _count(study, name, split):
    """How many people a split has here, and whether they are simulated."""
    path = study.store_path(name, split)
    if not path.exists():
        path = study.labels_path(name) if split == "test" else path
    if not path.exists():
        planned = study.profile.source(name).simulate
        return f"{getattr(planned, split):,} simulated" if planned else "not at hand"
    store = Store(path)
    return f"{len(store):,}{' simulated' if store.simulated else ''}"


def _tables(results):
    made = [
        tables.table1(results.runs, results.absent),
        oracle.floor_table(results.floors, results.study.profile.legacy),
    ]
    made += [table(results.runs, results.absent) for table in (tables.table2, tables.table3)]
    made += [table(results.runs) for table in (tables.table4, tables.table5, timing.timing_table)]
    return "".join(
        f"<p><b>{table.heading}: not run in this profile.</b></p>" if table.empty else table.html()
        for table in made
    )


def _figures(results):
    rows = [
        figures.scores(results, figures.table_rows(number), f"table{number}", f"Table {number} as a picture")
        for number in (1, 2, 3)
    ]
    pictures = [portraits.figure1(results), portraits.figure2(results), figures.figure3(results), *rows]
    return "".join(
        _figure(picture) for picture in (*pictures, figures.timing(results), figures.training_curves(results))
    )


def _figure(picture):
    image = base64.b64encode(_webp(picture.png())).decode()
    alt = html.escape(picture.alt, quote=True)
    return (
        f'<figure><img src="data:image/webp;base64,{image}"'
        f' alt="{alt}"><figcaption>{html.escape(picture.caption)}</figcaption></figure>'
    )


def _webp(png):
    """A PNG's picture as WebP, which makes the page a third as large; the PNG itself lies beside the page."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(stream, "WEBP", quality=WEBP_QUALITY, method=6)
    return stream.getvalue()


def _made(results):
    made = results.runs.drop_duplicates("run")
    facts = {
        "code": made["code"].unique(),
        "devices": made["device"].unique(),
        "precision": made["precision"].unique(),
        "seeds": results.seeds,
        "weights that lines start from": (
            made.loc[~made["weights_from"].astype(str).str.contains("/"), "weights_from"].unique()
        ),
        "defects of the published code turned on": made["legacy"].dropna().unique(),
        "images per second": [
            f"{made['images_per_second'].min():.0f} to {made['images_per_second'].max():.0f}"
        ],
    }
    lines = "".join(
        f"<tr><th>{key}</th><td>{html.escape(', '.join(map(str, values)) or 'none')}</td></tr>"
        for key, values in facts.items()
    )
    words = (
        "Every number above is a function of runs.csv, history.csv, floors.csv and the runs' predictions;"
        " nothing is typed in."
    )
    return f'<p>{words}</p><table class="sheet">{lines}</table>'
