"""The notebook of one's own photos in a real browser: a rectangle is dragged, a photo is uploaded."""

import cv2
import pytest

from hpe_study.viewer import examples
from tests.browser.hands import DRAWN, PLOTS, done, drag, execute, keep, opened, run_all, until

pytestmark = pytest.mark.timeout(1200)  # what a starved machine may take; no step waits idly


@pytest.fixture(scope="module")
def photos(lab, project):
    """The notebook of one's own photos, run; a real man, found by the network in the box."""
    page = opened(lab, project / "notebooks" / "your_photos.ipynb")
    run_all(page, f"{PLOTS}.length === 2 && {DRAWN}.length === 1")
    page.locator("[role=status]", has_text="found in").wait_for()
    yield page
    page.close()


def test_a_dragged_rectangle_is_used(photos):
    def act():
        area = photos.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
        corners = [
            (area["x"] + x * area["width"], area["y"] + y * area["height"])
            for x, y in ((0.3, 0.2), (0.6, 0.8))
        ]
        drag(photos, *corners)

    done(photos, act, "document.querySelector('.hpe-picker').innerText.includes('Box ')")
    photos.evaluate(
        """() => { const content = window.jupyterapp.shell.currentWidget.content;
        content.activeCellIndex = content.widgets.findIndex(
            cell => cell.model.sharedModel.source.startsWith('people = ')); }"""
    )
    execute(photos, "notebook:run-all-below")
    photos.locator("[role=status]", has_text="box given").wait_for()
    until(photos, f"{DRAWN}.length === 1")
    keep(photos, "11_rectangle")


def test_a_photo_is_uploaded(photos, tmp_path):
    name, image = examples()[1]
    path = tmp_path / "mine.png"
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    with photos.expect_file_chooser() as chooser:
        photos.get_by_role("button", name="your photo").first.click()
    chooser.value.set_files(path)
    photos.locator("[role=status]", has_text="mine.png").wait_for()
    photos.locator(".widget-label", has_text="1 person").wait_for()
    keep(photos, "12_uploaded")
