"""The figures once more, as plotly pages: what a mark is shows under the pointer, a legend's entry hides its
marks."""

import pandas as pd
import plotly.express as px

from hpe_study.config import SETS_3D
from hpe_study.report import style
from hpe_study.report.intervals import mean_of_rows
from hpe_study.report.results import named, rows_of
from hpe_study.study.published import KEYS

SCORES = {key: style.UNITS[key] for key in ("pckh", "mpjpe")}  # of the curves


def curves(results, columns, title):
    """Figure 3's curves as a plotly figure; None where none was run."""
    parts = []
    for words, run in columns.items():
        history = named(results.history, run).assign(pretrained_on=words)
        for key, score in SCORES.items():
            for split, column in (("training", key), ("validation", f"validation_{key}")):
                parts.append(
                    history.assign(score=score, split=split, value=history[column]).dropna(subset="value")
                )
    shown = pd.concat(parts)
    if shown.empty:
        return None
    lines = {
        "x": "epoch",
        "y": "value",
        "line_dash": "split",
        "line_group": "run",
        "hover_name": "run",
        "facet_col_spacing": 0.05,
    }
    figure = px.line(
        shown,
        facet_row="score",
        facet_col="pretrained_on",
        title=title,
        labels={"pretrained_on": "2D set"},
        **lines,
    )
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))
    figure.update_yaxes(title="").update_xaxes(matches=None).update_layout(template="plotly_white")
    # plotly counts from the lowest row; each row has a scale of its own
    upper = f"y{shown['pretrained_on'].nunique() + 1}"
    return figure.update_yaxes(matches=upper, row=2).update_yaxes(matches=None, row=2, col=1)


def all_curves(history, stages, title):
    """Every run's curves, a column a kind of stage. stages: {column's title: (scheme, stage, column of the
    set that colours)}."""
    parts = []
    for words, (scheme, stage, colouring) in stages.items():
        chosen = history[(history["scheme"] == scheme) & (history["stage"] == stage)]
        coloured = chosen.assign(kind=words, set=chosen[colouring].map(style.set_title))
        for key, score in {"loss": "loss", **SCORES}.items():
            for split, column in (("training", key), ("validation", f"validation_{key}")):
                if column in coloured:
                    parts.append(
                        coloured.assign(score=score, split=split, value=coloured[column]).dropna(
                            subset="value"
                        )
                    )
    shown = pd.concat(parts)
    if shown.empty:
        return None
    colours = {style.set_title(name): colour for name, colour in style.SET_COLOURS.items()}
    figure = px.line(
        shown, x="epoch", y="value", facet_row="score", facet_col="kind", color="set", color_discrete_map=colours, line_dash="split",
        line_group="run", hover_name="run", title=title, facet_col_spacing=0.04, height=800,
    )  # fmt: skip
    figure.update_yaxes(title="", showticklabels=True).update_xaxes(
        matches=None, showticklabels=True
    )  # the corner's panel is empty
    for row in range(1, shown["score"].nunique() + 1):  # a scale a row
        first = next(figure.select_yaxes(row=row, col=1)).plotly_name.replace("axis", "")
        figure.update_yaxes(matches=first, row=row).update_yaxes(matches=None, row=row, col=1)
    return _plain(figure)


def scores(runs, rows, title):
    """MPJPE of a table's rows on the 3D test sets with its interval. rows: [(label, `study.Run`)], top to
    bottom."""
    found = []
    for test_set in SETS_3D:
        for words, run in rows:
            estimate = mean_of_rows(rows_of(runs, run, test_set))
            if estimate:
                spread = {"above": estimate.high - estimate.value, "below": estimate.value - estimate.low}
                learnt = {"row": words, "trained last on": style.set_title(run.trained_3d)}
                found.append(
                    {**learnt, "tested on": style.set_title(test_set), "MPJPE (mm)": estimate.value, **spread}
                )
    if not found:
        return None
    colours = {style.set_title(name): colour for name, colour in style.SET_COLOURS.items()}
    figure = px.scatter(
        pd.DataFrame(found), x="MPJPE (mm)", y="row", facet_col="tested on", color="trained last on", color_discrete_map=colours,
        error_x="above", error_x_minus="below", title=title, labels={"row": ""}, height=140 + 34 * len(rows),
    )  # fmt: skip
    figure.update_yaxes(categoryorder="array", categoryarray=[words for words, _ in rows][::-1])
    return _plain(figure.update_xaxes(matches=None))


def contrasts(parts, units, colours, title):
    """The claims' contrasts with their intervals. parts: [(label, `contrasts.Contrast`)]; units: {unit: axis
    title}."""
    if not parts:
        return None
    found = [
        {
            **{"contrast": words, "says": part.says, "unit": units[part.unit], "value": part.value},
            **{"above": part.high - part.value, "below": part.value - part.low},
        }
        for words, part in parts
    ]
    shown = pd.DataFrame(found)
    figure = px.scatter(
        shown, x="value", y="contrast", facet_col="unit", color="says", color_discrete_map=colours, error_x="above",
        error_x_minus="below", title=title, labels={"contrast": ""}, height=160 + 30 * len(shown), facet_col_spacing=0.04,
    )  # fmt: skip
    figure.update_yaxes(categoryorder="array", categoryarray=[words for words, _ in parts][::-1])
    for number, unit in enumerate(shown["unit"].unique(), 1):
        figure.update_xaxes(title=unit, row=1, col=number)
    figure.for_each_annotation(lambda note: note.update(text=""))
    return _plain(figure.update_xaxes(matches=None).add_vline(x=0, line_color="#555555", line_width=1))


def _plain(figure):
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))
    return figure.update_layout(template="plotly_white")


def cost(table, simulated):
    """The schemes' errors against their training times (`timing.cost_and_error`)."""
    names = {key: title for title, key in KEYS.items()}
    shown = table.assign(
        tested_on=table["test_set"].map(names), two_d=table["two_d"].map(names).fillna("none")
    )
    figure = px.scatter(
        shown,
        x="minutes",
        y="mpjpe",
        facet_col="tested_on",
        color="scheme_title",
        symbol="two_d",
        hover_name="label",
        color_discrete_map={style.SCHEME_TITLES[key]: colour for key, colour in style.SCHEME_COLOURS.items()},
        labels={
            "minutes": "training time (minutes)",
            "mpjpe": "MPJPE (mm)",
            "scheme_title": "scheme",
            "two_d": "2D set",
            "tested_on": "tested on",
        },
        title=style.titled("What an error costs", simulated),
    )
    figure.for_each_annotation(lambda note: note.update(text=note.text.replace("tested on=", "tested on ")))
    return figure.update_layout(template="plotly_white")
