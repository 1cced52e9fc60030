"""The viewer as a person uses it, without a browser: every control, and words instead of tracebacks."""

import re
from dataclasses import replace

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError
from hpe_study.viewer import Viewer
from hpe_study.viewer.controls import coloured
from hpe_study.viewer.picture import save_png
from hpe_study.viewer.runs import BY_ERROR
from tests.tiny_study import OTHER, RUN


@pytest.fixture
def viewer(tiny_study):
    return Viewer(tiny_study.folder / RUN)


def shown(viewer, name):
    return next(trace for trace in viewer._figure.widget.data if trace.name == name)


def test_it_opens_on_a_folder_a_study_and_records(viewer, tiny_study):
    assert viewer.data_set.value == "h36m"
    assert viewer.run_b.options == ("none", RUN, OTHER)
    assert Viewer(tiny_study).run_a.value == OTHER
    assert Viewer(open_dataset("mpii", tiny_study.raw, "train")).data_set.options == ("h36m", "mpii")


def test_the_slider_goes_through_the_people(viewer):
    viewer.position.value = 4
    np.testing.assert_allclose(shown(viewer, "A true joints").y, viewer.people.true_2d[4][:, 1])
    assert "record 4" in viewer.status.value
    assert viewer.play.max == viewer.position.max == len(viewer.people) - 1


def test_order_and_the_worst_first(viewer):
    viewer.order.value = BY_ERROR
    assert viewer.number == np.nanmean(viewer.people.errors[0], 1).argmax()


def test_run_b_beside_run_a_and_away_again(viewer):
    viewer.position.value = 3
    viewer.run_b.value = OTHER
    assert viewer.number == 3  # the same person, now twice
    assert len(shown(viewer, "B predicted joints").x) == 16
    assert viewer._figure.widget.layout.xaxis2.domain[1] > 0.5
    viewer.run_b.value = "none"
    assert len(shown(viewer, "B predicted joints").x) == 0


def test_data_set_and_split(viewer):
    viewer.data_set.value = "mpii"
    assert viewer.people.unit == "error (% of head size)"
    viewer.split.value = "train"
    assert len(viewer.people) == 20


def test_an_impossible_choice_shows_a_message_and_keeps_the_view(viewer):
    viewer.run_b.value = OTHER  # has learnt from h36m alone
    before = viewer.people
    viewer.data_set.value = "mpii"
    assert "no predictions of mpii" in viewer.status.value
    assert "Traceback" not in viewer.status.value
    assert viewer.people is before


def test_filters_choose_by_where_people_come_from(tiny_study):
    viewer = Viewer(open_dataset("mpii", tiny_study.raw, "train"))
    control = viewer.filters["sequence"]
    control.value = control.options[1]
    assert (viewer.people.table["sequence"][viewer.chosen] == control.value).all()
    assert f"of {len(viewer.people)} people" in viewer.count.value


def test_a_filter_without_matches_shows_a_message(viewer):
    viewer.filters["subject"].options = ("all", "nobody")
    viewer.filters["subject"].value = "nobody"
    assert "nobody fits subject nobody" in viewer.status.value


def test_a_clicked_joint_shows_its_heat_map_until_the_next_move(viewer):
    viewer._joint_clicked(0, "l_ankle")
    heat = viewer._figure.widget.layout.images[1]
    assert heat.visible
    assert heat.source.startswith("data:image/png")
    assert viewer.joint.value == "l_ankle"
    assert "heat map of l ankle, run A" in viewer.status.value
    viewer.position.value = 2
    assert not viewer._figure.widget.layout.images[1].visible


def test_records_have_text_instead_of_heat_maps(tiny_study):
    viewer = Viewer(open_dataset("h36m", tiny_study.raw, "test"))
    viewer._joint_clicked(0, "l_ankle")
    assert "belong to runs" in viewer.status.value
    viewer.split.value = "train"
    assert len(viewer.people) == 20
    viewer.data_set.value = "mpii"
    assert "mpii (simulated people, train)" in viewer.status.value


def test_views_are_kept_as_page_and_picture(viewer, tmp_path):
    viewer.show_heatmap()
    page = viewer.save_html(tmp_path / "view.html").read_text()
    assert page.count("Plotly.newPlot") >= 1
    assert re.search(r"data:image.{1,6}png;base64", page)  # the heat map goes along
    picture = cv2.imread(str(viewer.save_png(tmp_path / "view.png")))
    assert min(picture.shape[:2]) > 400
    assert picture.std() > 20


def test_a_folder_that_cannot_be_written_shows_a_message(viewer, tmp_path, monkeypatch):
    monkeypatch.chdir("/proc")
    for button in (viewer.html_button, viewer.png_button):
        button.click()
        assert "cannot be written to" in viewer.status.value


def test_a_long_title_stays_on_the_picture(viewer, tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    long = replace(
        viewer._figure.view,
        title="occlusion_person (simulated people, test) · record 0, " + "sequence a01_sa01_s11, " * 9,
    )
    save_png(long, tmp_path / "a.png", viewer._figure.camera, viewer._figure.reach)
    monkeypatch.undo()
    kept[0].canvas.draw()
    place = kept[0]._suptitle.get_window_extent()
    plt.close(kept[0])
    assert 0 <= place.x0 < place.x1 <= kept[0].bbox.width


def test_a_folder_without_a_run_is_a_message(tmp_path):
    with pytest.raises(StudyError, match="no such run folder"):
        Viewer(tmp_path / "nothing")


def test_a_heat_map_is_clear_where_it_is_flat():
    heat = np.zeros((16, 16), np.float32)
    heat[3, 12] = 1
    pixels = coloured(heat)
    assert pixels.shape[2] == 4
    assert pixels[56, 200, 3] > 150
    assert pixels[200, 56, 3] == 0
