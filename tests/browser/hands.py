"""What a person does on a page: open, choose, type, drag, click.

Nothing is taken to have happened: every act waits until the page shows that it has, and is done again where a
busy page lost the keys or the click. Software rendering on two busy cores takes seconds for what takes
milliseconds elsewhere.
"""

import time
from pathlib import Path

import pytest

from tests.tiny_study import OTHER

TooLong = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").TimeoutError
OUTPUT = Path(__file__).resolve().parents[1] / "output"
SIZE = {"width": 1500, "height": 3000}  # px: all viewers in sight, since Lab draws no cell that is not
PATIENCE = 240_000  # ms that one thing may take
AGAIN = 15_000  # ms after which an act is done again
PLOTS = "[...document.querySelectorAll('.js-plotly-plot')]"
# A viewer's plot counts when its traces are drawn: svg points, and both kinds of data in place.
DRAWN = (
    f"{PLOTS}.filter(plot => plot._fullData?.length > 20"
    " && plot.querySelectorAll('.scatterlayer .point').length > 15)"
)
PLOT = f"{DRAWN}[0]"
# What the first viewer says above its figure: of the person, or what is wrong.
MESSAGE = "document.querySelector('.hpe-viewer :is([role=status], [role=alert])')"
SAID = f"({MESSAGE}?.innerText ?? '')"
# anywidget gives a widget's code two seconds to start, which a starved machine may not have.
PATIENT = "const after = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = ms => after(60 * ms);"
READOUT = "document.querySelector('.hpe-viewer .widget-slider .widget-readout')"


def opened(lab, notebook):
    """A page with a notebook, its kernel waiting."""
    page = lab.browser.new_page(viewport=SIZE)
    page.set_default_timeout(PATIENCE)
    page.add_init_script(PATIENT)
    page.goto(lab.url(notebook))
    _ready(page)
    return page


def _ready(page):
    until(page, "window.jupyterapp?.shell?.currentWidget?.context?.isReady")
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext?.session?.kernel"
    until(page, f"{kernel}?.status === 'idle'")
    page.evaluate("window.jupyterapp.shell.collapseLeft()")


def run_all(page, condition):
    """Run all cells until a condition of the page holds.

    Where a widget failed to start, the page is loaded again, as a person would, and takes the widgets from the
    kernel.
    """
    execute(page, "notebook:run-all-cells")
    for _ in range(2):
        try:
            return until(page, condition)
        except TooLong:
            execute(page, "docmanager:save")
            page.reload()
            _ready(page)
    until(page, condition)


def execute(page, command):
    """One of Lab's own commands, to its end."""
    page.evaluate(f"window.jupyterapp.commands.execute({command!r})")


def until(page, condition, patience=PATIENCE):
    """Wait until a condition of the page holds. Asked ten times a second: what renders in software may draw
    too seldom to ask then."""
    page.wait_for_function(condition, polling=100, timeout=patience)


def done(page, act, condition):
    """Act until a condition of the page holds, again where the page lost it."""
    deadline = time.time() + PATIENCE / 1000
    while time.time() < deadline:
        act()
        try:
            return until(page, condition, AGAIN)
        except TooLong:
            continue
    raise AssertionError(f"never came: {condition}; the viewer says: {page.evaluate(SAID)}")


def keep(page, name):
    """A screenshot to look at."""
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / f"browser_{name}.png", timeout=PATIENCE)


# ---------------------------------------------------------------- the first viewer


def arrange(page, number, run_b=OTHER, data_set="h36m", split="test"):
    """Bring the viewer to a state, whatever the step before has left; returns ms of the last move."""
    if page.evaluate(f"{MESSAGE}.getAttribute('role')") == "alert":
        go_to(page, number)
    choose(page, "data set", data_set, f"{SAID}.startsWith('{data_set} (')")
    choose(page, "split", split, f"{SAID}.includes('{split})')")
    second = f"{SAID}.includes('; B, {run_b}')" if run_b != "none" else f"!{SAID}.includes('; B, ')"
    choose(page, "run B", run_b, second)
    return go_to(page, number)


def menu(page, name):
    """A menu of the first viewer."""
    return page.locator(".hpe-viewer").first.get_by_label(name, exact=True)


def choose(page, name, value, condition):
    """Choose from a menu, where it is not chosen, and wait for what follows."""
    if menu(page, name).input_value() != value:
        menu(page, name).select_option(value)
    until(page, condition)


def shows(number):
    """The condition that the viewer shows this record."""
    return rf"/record {number}\b/.test({SAID})"


def go_to(page, number):
    """Type a record's number beside the slider; returns ms until it is drawn."""
    if page.evaluate(f"{READOUT}.innerText") == str(number):  # typed again it would move nothing
        _type_number(page, number - 1 if number else 1)
    _type_number(page, number)
    return page.evaluate("window.took")


def _type_number(page, number):
    readout = page.locator(".hpe-viewer .widget-slider .widget-readout").first

    def act():
        readout.fill(str(number))
        page.evaluate(f"""() => {{ const plot = {PLOT}, start = performance.now(); let drawn = false;
            clearInterval(window.timer); window.took = null;
            plot.once('plotly_afterplot', () => drawn = true);
            window.timer = setInterval(() => {{ if (drawn && {shows(number)}) {{
                window.took = performance.now() - start; clearInterval(window.timer); }} }}, 10); }}""")
        readout.press("Enter")

    done(page, act, "window.took !== null")


def turn(page):
    """Drag the first skeleton sideways; both are then seen from one new place."""
    eye = f"{PLOT}._fullLayout.scene.camera.eye.x"
    before = page.evaluate(eye)

    def act():
        x, y = page.evaluate(
            f"""() => {{ const plot = {PLOT}, area = plot.getBoundingClientRect(),
            size = plot._fullLayout._size, {{x, y}} = plot._fullLayout.scene.domain;
            return [area.x + size.l + size.w * (x[0] + x[1]) / 2,
                    area.y + size.t + size.h * (1 - (y[0] + y[1]) / 2)]; }}"""
        )
        drag(page, (x, y), (x + 70, y + 10))

    done(page, act, f"Math.abs({eye} - {before}) > 0.05")
    until(page, f"Math.abs({PLOT}._fullLayout.scene2.camera.eye.x - {eye}) < 0.001")


def drag(page, start, end):
    """Drag the mouse in steps that a slow page can follow."""
    page.mouse.move(*start)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(*(a + (b - a) * step / 5 for a, b in zip(start, end, strict=True)))
        page.wait_for_timeout(40)
    page.mouse.up()
