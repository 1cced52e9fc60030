"""The notebooks in a real browser, hands on every control. Screenshots lie in tests/output.

The viewer's tests share one page and go through it in order, as a person would; each brings the viewer to the
state that it needs (`arrange`), so one failure is one failure.
"""

import json
import shutil

import nbformat
import pytest

from tests.browser.hands import (
    DRAWN,
    MESSAGE,
    OUTPUT,
    PLOT,
    READOUT,
    SAID,
    SIZE,
    arrange,
    choose,
    done,
    execute,
    go_to,
    keep,
    menu,
    opened,
    run_all,
    shows,
    turn,
    until,
)
from tests.report.fabricated import fabricate
from tests.tiny_study import OTHER, PROJECT

pytestmark = pytest.mark.timeout(1200)  # what a starved machine may take; no step waits idly
SLOWEST = 3000  # ms of the fastest of some moves; 300 is the aim on idle cores, tests share theirs
VIEWER = "document.querySelector('.hpe-viewer')"


@pytest.fixture(scope="module")
def page(lab, project):
    """The explore notebook, all of it run but for its last viewer, which would be one more to draw."""
    folder = project / "notebooks"
    notebook = nbformat.read(folder / "explore.ipynb", as_version=4)
    notebook.cells = notebook.cells[:-2]
    nbformat.write(notebook, folder / "explore_two.ipynb")
    page = opened(lab, folder / "explore_two.ipynb")
    try:
        run_all(page, f"{DRAWN}.length === 2")
    finally:
        keep(page, "0_run")
    page.evaluate(f"{VIEWER}.scrollIntoView()")
    yield page
    page.close()


def test_the_notebook_shows_both_viewers(page):
    until(page, shows(0))
    until(page, f"{SAID}.includes('simulated')")
    until(page, f"{DRAWN}.every(plot => plot._fullLayout.width > 900)")  # as wide as the cell
    until(page, f"{DRAWN}.every(plot => plot.querySelectorAll('.gl-container canvas').length > 0)")
    keep(page, "1_opened")
    assert page.locator(".jp-RenderedText[data-mime-type*=stderr]", has_text="Error").count() == 0


def test_moving_the_slider_moves_everything(page):
    arrange(page, 3)
    joints = f"JSON.stringify({PLOT}._fullData.find(trace => trace.name === 'A predicted joints').x)"
    before = page.evaluate(joints)
    times = [go_to(page, number) for number in (4, 5, 6, 7, 8)]
    until(page, f"{joints} !== {json.dumps(before)}")
    keep(page, "2_moved")
    (OUTPUT / "browser_move_ms.json").write_text(json.dumps([round(ms) for ms in times]))
    assert min(times) < SLOWEST


def test_run_b_is_chosen_and_taken_away(page):
    arrange(page, 1)
    until(page, f"{PLOT}._fullLayout.height > 900")
    joints = f"{PLOT}._fullData.find(trace => trace.name === 'B predicted joints').x"
    until(page, f"{joints}.length === 16")
    arrange(page, 2, run_b="none")
    until(page, f"{PLOT}._fullLayout.height < 700")
    keep(page, "3_alone")


def test_turning_one_skeleton_turns_the_other(page):
    arrange(page, 2)
    turn(page)
    keep(page, "4_turned")


def test_a_click_on_a_joint_shows_its_heat_map(page):
    arrange(page, 5)

    def click():
        place = page.evaluate(
            f"""() => {{ const plot = {PLOT};
            const trace = plot._fullData.find(trace => trace.name === 'A predicted joints');
            const area = plot.getBoundingClientRect(), x = plot._fullLayout.xaxis, y = plot._fullLayout.yaxis;
            return [area.x + x._offset + x.l2p(trace.x[9]), area.y + y._offset + y.l2p(trace.y[9])]; }}"""
        )
        page.mouse.move(place[0] - 6, place[1])
        page.mouse.move(*place, steps=3)
        page.wait_for_timeout(500)  # plotly looks for what is below the mouse
        page.mouse.down()
        page.mouse.up()

    done(page, click, f"{SAID}.includes('heat map of')")
    until(page, f"{PLOT}.layout.images[1].visible && {PLOT}.layout.images[3].visible")  # of both runs
    keep(page, "5_heat_map")


def test_play_goes_through_the_people(page):
    arrange(page, 0)
    buttons = page.locator(".hpe-viewer .widget-play button")
    buttons.first.click()
    until(page, rf"/record ([3-9]|1\d)\b/.test({SAID})")
    keep(page, "6_played")
    buttons.nth(1).click()  # stop: back to the first
    until(page, shows(0))


def test_arrow_keys_move(page):
    arrange(page, 0)
    done(page, page.locator(".hpe-viewer [role=status]").first.click, f"document.activeElement === {VIEWER}")
    for key, number in (("Right", 1), ("Right", 2), ("Left", 1), ("Left", 0)):
        page.keyboard.press(f"Arrow{key}")
        until(page, shows(number))


def test_a_change_of_the_people_goes_to_the_first(page):
    """Slider and Play are linked in the browser, where each used to move the other to the end."""
    for before, split in ((11, "train"), (19, "test")):
        arrange(page, before, split={"train": "test", "test": "train"}[split])
        choose(page, "split", split, f"{SAID}.includes('{split})') && {shows(0)}")
    until(page, f"{READOUT}.innerText === '0'")
    page.wait_for_timeout(1000)
    assert page.evaluate(f"{READOUT}.innerText === '0' && {shows(0)}")


def test_a_refused_choice_goes_back(page):
    arrange(page, 2)
    menu(page, "data set").select_option("mpii")  # of which run B has no predictions
    until(page, f"{SAID}.includes('no predictions of mpii')")
    assert page.evaluate(f"{MESSAGE}.getAttribute('role')") == "alert"
    for name, value in (("data set", "h36m"), ("run B", OTHER)):
        menu(page, name).locator(f"option[value='{value}']:checked").wait_for(state="attached")
    until(page, f"{MESSAGE}.getBoundingClientRect().bottom <= {PLOT}.getBoundingClientRect().top")


def test_the_saved_page_turns_without_kernel_and_network(page, chromium, project):
    arrange(page, 4)
    saved = project / "notebooks" / "viewer-h36m-test-4.html"
    page.get_by_role("button", name="save HTML").first.click()
    until(page, f"{SAID}.includes('Saved as') && {SAID}.includes('{saved.name}')")
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
    theme = "window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab %s'})"
    page.evaluate(theme % "Dark")
    try:
        until(page, "document.body.dataset.jpThemeLight === 'false'")
        keep(page, "8_dark")
        assert page.evaluate(f"{PLOT}._fullLayout.paper_bgcolor") == "rgba(0, 0, 0, 0)"
    finally:
        page.evaluate(theme % "Light")


def test_nothing_is_cut_in_a_narrow_window(page):
    arrange(page, 1)
    page.set_viewport_size(SIZE | {"width": 700})
    try:
        until(page, f"{PLOT}._fullLayout.width <= {VIEWER}.clientWidth")
        until(page, f"{VIEWER}.closest('.jp-OutputArea-output').scrollWidth <= {VIEWER}.clientWidth + 1")
        keep(page, "9_narrow")
        inside = "(part, whole) => part.left >= whole.left - 1 && part.right <= whole.right + 1"
        cut = f"""(() => {{ const inside = {inside}, at = node => node.getBoundingClientRect();
            const parts = [...{VIEWER}.querySelectorAll('button, select, .widget-slider, [role=status]')]
                .filter(node => node.offsetParent);
            const words = [...{PLOT}.querySelectorAll('text')].filter(node => node.textContent);
            return [...parts.filter(node => !inside(at(node), at({VIEWER}))),
                    ...words.filter(node => !inside(at(node), at({PLOT})))]; }})()"""
        until(page, f"{cut}.length === 0")
    finally:
        page.set_viewport_size(SIZE)


def test_on_reopening_still_pictures_stand_in_for_the_viewers(page, lab, project):
    arrange(page, 0)
    execute(page, "docmanager:save")
    until(page, "!window.jupyterapp.shell.currentWidget.context.model.dirty")
    folder = project / "notebooks"
    shutil.copy(folder / "explore_two.ipynb", folder / "reopened.ipynb")
    again = opened(lab, folder / "reopened.ipynb")  # with a kernel that knows no viewer
    pictures = "[...document.querySelectorAll('.jp-RenderedImage img')]"
    until(
        again,
        f"{pictures}.filter(image => image.naturalWidth > 300 && image.offsetHeight > 100).length === 2",
    )
    lost = "[...document.querySelectorAll('.jp-OutputArea-output.jupyter-widgets')]"
    until(again, f"{lost}.length === 2 && {lost}.every(node => node.textContent.includes('not found'))")
    keep(again, "10_reopened")
    assert again.evaluate(f"{lost}.every(node => node.offsetParent === null)")
    again.close()


# ---------------------------------------------------------------- the results explorer


def test_table_and_plot_follow_a_choice(lab, made_once, tmp_path):
    made = made_once("fabricated", lambda folder: fabricate(folder, seeds=(0, 1)))
    home = shutil.copytree(made, tmp_path / "home")
    (home / "notebooks").mkdir(exist_ok=True)
    notebook = nbformat.read(PROJECT / "notebooks" / "results.ipynb", as_version=4)
    notebook.cells = notebook.cells[:5]
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    parameters.source = 'profile = "../params/fabricated.yaml"'
    nbformat.write(notebook, home / "notebooks" / "results.ipynb")
    page = opened(lab, home / "notebooks" / "results.ipynb")
    explorer = page.locator(".hpe-explorer")
    rows = "[...document.querySelectorAll('.hpe-explorer tbody tr')]"
    plot = "document.querySelector('.hpe-explorer .js-plotly-plot')"
    title = f"{plot}._fullLayout.xaxis.title.text"
    run_all(page, f"{rows}.length > 3 && {plot}?._fullData?.length && {title}.includes('MPJPE')")
    until(page, f"{plot}._fullLayout.width > 900")  # as wide as the cell
    page.evaluate(f"() => {{ window.draws = 0; {plot}.on('plotly_afterplot', () => window.draws++); }}")
    times = []
    for metric, label in (("pckh", "PCKh"), ("mpjpe", "MPJPE")) * 2:
        page.evaluate(f"""() => {{ const start = performance.now(); window.took = null;
            window.timer = setInterval(() => {{ const first = {rows}[0].innerText, plot = {plot};
                if ({title}.includes('{label}') && first.includes(plot._fullData[0].y[0])
                    && first.includes(plot._fullData[0].x[0].toFixed(1))) {{
                    window.took = performance.now() - start; clearInterval(window.timer); }} }}, 10); }}""")
        explorer.get_by_label("metric", exact=True).select_option(metric)
        until(page, "window.took !== null")
        times.append(page.evaluate("window.took"))
    keep(page, "13_explorer")
    (OUTPUT / "browser_explore_ms.json").write_text(json.dumps([round(ms) for ms in times]))
    assert min(times) < SLOWEST
    page.wait_for_timeout(1000)
    assert page.evaluate("window.draws") < 2 * len(times)  # once each, and twice where the width is measured
    page.close()


# ---------------------------------------------------------------- last, since the viewer's kernel goes


def test_a_restarted_kernel_is_said(page):
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    before = f"getComputedStyle({VIEWER}, '::before').content"
    until(page, f"{before}.includes('has stopped')")
    keep(page, "14_restarted")
