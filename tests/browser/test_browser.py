"""The viewer in a real browser: JupyterLab on localhost, Debian's chromium, hands on every control.
Screenshots lie in tests/output.

One page goes through all of it in order, as a person would; each test is a step that needs those before it.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

from tests.tiny_study import OTHER

PROJECT = Path(__file__).resolve().parents[2]
OUTPUT = PROJECT / "tests" / "output"
TOKEN = "a-token-for-the-tests"
SWITCHES = [
    *(
        "--no-sandbox",
        "--disable-gpu",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--disable-quic",
    ),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SIZE = {
    "width": 1500,
    "height": 3000,
}  # px: so tall that two viewers are in sight, since Lab draws no cell that is not
PATIENCE = 150_000  # ms: what renders in software on busy cores is slow
PLOTS = "[...document.querySelectorAll('.js-plotly-plot')]"
# a plot counts when its traces are drawn: svg points, and both kinds of data in place
DRAWN = (
    f"{PLOTS}.filter(plot => plot._fullData?.length > 20 && plot.querySelectorAll('.scatterlayer"
    " .point').length > 15)"
)
PLOT = f"({DRAWN})[0]"
SAID = "document.querySelector('[role=status]')?.innerText"


@pytest.fixture(scope="module")
def chromium():
    """A chromium of this machine under Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (found := shutil.which(name))
        ),
        None,
    )
    if path is None:
        pytest.skip("no chromium on PATH (Debian, Ubuntu: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(chromium, tiny_study, tmp_path_factory):
    """The address of a JupyterLab on the tiny study's folder."""
    own = tmp_path_factory.mktemp("jupyter")
    settings = own / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text(
        json.dumps({"windowingMode": "none"})
    )  # all cells stay in the page
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
    ]
    options = [
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={tiny_study.home}",
        "--LabApp.expose_app_in_browser=True",
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "OMP_NUM_THREADS": "1",
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        "IPYTHONDIR": str(own / "ipython"),
    }
    with open(own / "log", "w") as log:
        process = subprocess.Popen(
            command + options, env=environment, cwd=tiny_study.home, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until(
            lambda: _answers(f"{address}/api/status?token={TOKEN}"),
            60,
            lambda: (own / "log").read_text()[-2000:],
        )
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _answers(address):
    try:
        return urllib.request.urlopen(address, timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


def _wait_until(condition, seconds, message=lambda: ""):
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline, message()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def page(chromium, lab, tiny_study):
    """The explore notebook, all of it run but for its last viewer, which would be one more to draw."""
    path = tiny_study.home / "notebooks" / "explore.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = notebook.cells[:-2]
    nbformat.write(notebook, path)
    page = chromium.new_page(viewport=SIZE)
    page.set_default_timeout(PATIENCE)
    opened(page, f"{lab}/lab/tree/notebooks/explore.ipynb?token={TOKEN}")
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    try:
        until(page, f"{DRAWN}.length === 2")
    finally:
        keep(page, "0_run")
    page.evaluate(f"{PLOT}?.closest('.widget-vbox').scrollIntoView()")
    return page


def opened(page, address):
    """Open a notebook and wait for its kernel."""
    page.goto(address)
    until(page, "window.jupyterapp?.shell?.currentWidget?.context?.isReady")
    until(page, "window.jupyterapp.shell.currentWidget.sessionContext?.session?.kernel?.status === 'idle'")


def until(page, condition):
    """Wait until a condition of the page holds. Asked ten times a second: what renders in software may draw
    too seldom to ask then."""
    page.wait_for_function(condition, polling=100)


def keep(page, name):
    """A screenshot to look at."""
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / f"browser_{name}.png")


def status(page):
    return page.locator("[role=status], [role=alert]").first.inner_text()


def go_to(page, number):
    """Type another record's number beside the slider; returns ms until it is drawn. Typed again where a drawing
    still under way took the keys."""
    readout = page.locator(".widget-slider .widget-readout").first
    for _ in range(5):
        readout.click()
        page.keyboard.press("Control+A")
        page.keyboard.type(str(number))
        page.evaluate(f"""() => {{ const plot = {PLOT}, start = performance.now(); let drawn = false;
            window.took = null;
            plot.once('plotly_afterplot', () => drawn = true);
            const timer = setInterval(() => {{ if (drawn && {shows(number)}) {{
                window.took = performance.now() - start; clearInterval(timer); }} }}, 10); }}""")
        page.keyboard.press("Enter")
        deadline = time.time() + PATIENCE / 5000
        while time.time() < deadline:
            if (took := page.evaluate("window.took")) is not None:
                return took
            page.wait_for_timeout(20)
    raise AssertionError(f"record {number} was not shown; the page says: {status(page)}")


def shows(number):
    """The condition that the first status names this record."""
    return rf"/record {number}\b/.test({SAID})"


def test_the_notebook_shows_both_viewers(page):
    keep(page, "1_opened")
    assert "record 0" in status(page)
    assert "simulated" in status(page)
    assert page.locator(".jp-RenderedText[data-mime-type*=stderr]", has_text="Error").count() == 0
    until(page, f"{DRAWN}.every(plot => plot._fullLayout.width > 900)")  # as wide as the cell
    assert page.evaluate(f"{DRAWN}.every(plot => plot.querySelectorAll('.gl-container canvas').length > 0)")


def test_moving_the_slider_moves_everything(page):
    go_to(page, 3)
    times = [go_to(page, number) for number in (4, 5, 6, 7, 8)]
    keep(page, "2_moved")
    (OUTPUT / "browser_move_ms.json").write_text(json.dumps([round(ms) for ms in times]))
    assert min(times) < 1000  # 300 is the aim on two idle cores; tests share theirs


def test_run_b_is_chosen(page):
    names = page.evaluate(
        f"{PLOT}._fullData.filter(trace => trace.name === 'B predicted joints')[0].x.length"
    )
    assert names == 16
    select = page.locator(".widget-dropdown", has_text="run B").locator("select").first
    select.select_option("none")
    until(page, f"{PLOT}._fullLayout.height < 700")
    go_to(page, 2)  # the figure goes on being drawn, the joints over the picture
    keep(page, "3_alone")
    select.select_option(OTHER)
    until(page, f"{PLOT}._fullLayout.height > 900")
    page.locator("[role=status]", has_text=OTHER).first.wait_for()


def test_turning_one_skeleton_turns_the_other(page):
    turn(page)
    keep(page, "4_turned")


def turn(page):
    """Drag the first skeleton sideways; both scenes are then seen from one new place. Dragged again where the
    page was too busy."""
    start = page.evaluate(
        f"""() => {{ const plot = {PLOT}, area = plot.getBoundingClientRect(), size = plot._fullLayout._size,
        {{x, y}} = plot._fullLayout.scene.domain;
        return [area.x + size.l + size.w * (x[0] + x[1]) / 2,
                area.y + size.t + size.h * (1 - (y[0] + y[1]) / 2)]; }}"""
    )
    eye = f"{PLOT}._fullLayout.scene.camera.eye.x"
    before = page.evaluate(eye)
    for _ in range(5):
        page.mouse.move(*start)
        page.mouse.down()
        for step in range(1, 6):
            page.mouse.move(start[0] + 14 * step, start[1] + 2 * step)
            page.wait_for_timeout(40)
        page.mouse.up()
        page.wait_for_timeout(300)
        if abs(page.evaluate(eye) - before) > 0.05:
            break
    until(page, f"Math.abs({eye} - {before}) > 0.05")
    until(page, f"Math.abs({PLOT}._fullLayout.scene2.camera.eye.x - {eye}) < 0.001")


def test_a_click_on_a_joint_shows_its_heat_map(page):
    place = page.evaluate(
        f"""() => {{ const plot = {PLOT};
        const trace = plot._fullData.find(trace => trace.name === 'A predicted joints');
        const area = plot.getBoundingClientRect(), x = plot._fullLayout.xaxis, y = plot._fullLayout.yaxis;
        return [area.x + x._offset + x.l2p(trace.x[9]), area.y + y._offset + y.l2p(trace.y[9])]; }}"""
    )
    shown = f"{PLOT}.layout.images[1].visible || {PLOT}.layout.images[3].visible"
    for _ in range(5):  # again where a drawing still under way took the click
        page.mouse.move(place[0] - 6, place[1])
        page.mouse.move(*place, steps=3)
        page.wait_for_selector(".hoverlayer .hovertext")
        page.mouse.down()
        page.mouse.up()
        page.wait_for_timeout(2000)
        if page.evaluate(shown):
            break
    until(page, shown)
    page.locator("[role=status]", has_text="heat map of").first.wait_for()
    keep(page, "5_heat_map")


def test_play_goes_through_the_people(page):
    go_to(page, 0)
    page.locator(".widget-play button").first.click()
    until(page, rf"/record ([3-9]|1\d)\b/.test({SAID})")
    keep(page, "6_played")
    page.locator(".widget-play button").nth(1).click()  # stop: back to the first
    until(page, shows(0))


def test_arrow_keys_move(page):
    page.locator("[role=status]").first.click()
    page.keyboard.press("ArrowRight")
    until(page, f"{SAID}.includes('record 1,')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    until(page, f"{SAID}.includes('record 0,')")


def test_a_change_of_the_people_goes_to_the_first(page):
    """Slider and Play are linked in the browser, where each used to move the other to the end."""
    go_to(page, 11)
    select = page.locator(".widget-dropdown", has_text="split").locator("select").first
    select.select_option("train")
    until(page, f"{SAID}.includes('train') && {SAID}.includes('record 0,')")
    go_to(page, 19)
    select.select_option("test")
    until(page, f"{SAID}.includes('test') && {SAID}.includes('record 0,')")
    page.wait_for_timeout(1000)
    assert page.locator(".widget-slider .widget-readout").first.inner_text() == "0"


def test_a_refused_choice_goes_back(page):
    run_b = page.locator(".widget-dropdown", has_text="run B").locator("select").first
    data_set = page.locator(".widget-dropdown", has_text="data set").locator("select").first
    data_set.select_option("mpii")  # of which run B has no predictions
    page.locator("[role=alert]", has_text="no predictions of mpii").first.wait_for()
    assert data_set.input_value() == "h36m"
    assert run_b.input_value() == OTHER
    above = "document.querySelector('[role=alert]').getBoundingClientRect().bottom"
    assert page.evaluate(f"{above} <= {PLOT}.getBoundingClientRect().top")
    go_to(page, 2)


def test_the_saved_page_turns_without_kernel_and_network(page, chromium, tiny_study):
    go_to(page, 4)
    page.get_by_role("button", name="save HTML").first.click()
    until(
        page,
        "[...document.querySelectorAll('[role=status]')].some(words => words.innerText.includes('Saved as'))",
    )
    saved = tiny_study.home / "notebooks" / "viewer-h36m-test-4.html"
    assert re.search(re.escape(saved.name), status(page))
    context = chromium.new_context(viewport={"width": 1200, "height": 700}, offline=True)
    alone = context.new_page()
    asked = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(saved.as_uri())
    until(alone, f"{DRAWN}.length === 1 && {PLOT}.querySelectorAll('.gl-container canvas').length > 0")
    turn(alone)
    assert "h36m (simulated people, test)" in alone.title()
    assert alone.evaluate(f"{PLOT}._fullData.find(trace => trace.name === 'A bars').x[0]") == "r ankle"
    keep(alone, "7_saved_page")
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    context.close()


def test_it_reads_on_a_dark_page(page):
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    until(page, "document.body.dataset.jpThemeLight === 'false'")
    keep(page, "8_dark")
    assert page.evaluate(f"{PLOT}._fullLayout.paper_bgcolor") == "rgba(0, 0, 0, 0)"


@pytest.mark.skip(
    reason="not seen to pass yet: the drag reaches the page, the second prediction was not waited out"
)
def test_a_dragged_rectangle_is_used(chromium, lab):
    page = chromium.new_page(viewport=SIZE)
    page.set_default_timeout(PATIENCE)
    opened(page, f"{lab}/lab/tree/notebooks/your_photos.ipynb?token={TOKEN}")
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.locator("[role=status]", has_text="Found in").wait_for()
    area = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.move(area["x"] + 0.3 * area["width"], area["y"] + 0.2 * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + 0.6 * area["width"], area["y"] + 0.8 * area["height"], steps=5)
    page.mouse.up()
    page.wait_for_timeout(1000)
    page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 6")
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-below')")
    page.locator("[role=status]", has_text="Box given").wait_for()
    keep(page, "11_your_photos")
    page.close()


def test_a_restarted_kernel_is_said(page):
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    before = "getComputedStyle(document.querySelector('.hpe-viewer'), '::before').content"
    until(page, f"{before}.includes('has stopped')")
    keep(page, "12_restarted")
