"""The viewer as a person uses it, without a browser: every control, and words instead of tracebacks."""

import datetime
import re
from dataclasses import replace

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError
from hpe_study.viewer import Viewer, still
from hpe_study.viewer.controls import coloured
from hpe_study.viewer.photo import BoxPicker
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
    assert viewer._figure.widget.layout.yaxis2.domain[1] < viewer._figure.widget.layout.yaxis.domain[0]
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
    assert viewer.data_set.value == "h36m"


def test_a_refused_run_b_leaves_the_menu_where_it_was(viewer):
    viewer.data_set.value = "mpii"
    viewer.run_b.value = OTHER
    assert "no predictions of mpii" in viewer.status.value
    assert viewer.run_b.value == "none"
    assert viewer.data_set.value == "mpii"


def test_a_filter_a_split_and_a_data_set_go_to_the_first_person(viewer):
    for change in (
        lambda: setattr(viewer.order, "value", BY_ERROR),
        lambda: setattr(viewer.split, "value", "train"),
        lambda: setattr(viewer.data_set, "value", "mpii"),
    ):
        viewer.position.value = viewer.position.max
        change()
        assert viewer.position.value == viewer.play.value == 0


def test_messages_stand_above_the_figure(viewer):
    assert viewer.children.index(viewer.status) < viewer.children.index(viewer._figure.widget)
    assert "right" in viewer.legend.value


def test_arrow_keys_go_to_the_next_and_the_last(viewer):
    viewer.arrows.steps += 2
    assert viewer.position.value == 2
    viewer.arrows.steps -= 3
    assert viewer.position.value == 0  # not below the first


def test_filters_choose_by_where_people_come_from(tiny_study, monkeypatch):
    viewer = Viewer(open_dataset("mpii", tiny_study.raw, "train"))
    control = viewer.filters["sequence"]
    control.value = control.options[1]
    assert (viewer.people.table["sequence"][viewer.chosen] == control.value).all()
    assert f"of {len(viewer.people)} people" in viewer.count.value
    monkeypatch.setattr(viewer.people, "total", 2618)  # of which a part is listed
    control.value = "all"
    assert viewer.count.value == "20 of 2,618 people"


def test_a_filter_without_matches_shows_a_message(viewer):
    viewer.filters["subject"].options = ("all", "nobody")
    viewer.filters["subject"].value = "nobody"
    assert "nobody fits subject nobody" in viewer.status.value
    assert viewer.filters["subject"].value == "all"


def test_a_clicked_joint_shows_its_heat_map_until_the_next_move(viewer):
    viewer._joint_clicked(0, "l_ankle")
    heat = viewer._figure.widget.layout.images[1]
    assert heat.visible
    assert heat.source.startswith("data:image/png")
    assert viewer.joint.value == "l_ankle"
    assert "heat map of l ankle, highest value" in viewer.status.value
    viewer.position.value = 2
    assert not viewer._figure.widget.layout.images[1].visible


def test_a_heat_map_is_shown_for_both_runs(viewer):
    viewer.run_b.value = OTHER
    viewer.show_heatmap()
    assert [image.visible for image in viewer._figure.widget.layout.images] == [True] * 4


def test_the_output_holds_a_still_picture_beside_the_widget(viewer, monkeypatch):
    shown = []
    monkeypatch.setattr(still, "display", lambda output, raw=False: shown.append(output))
    viewer._ipython_display_()
    style, widget, picture = shown
    assert "hpe-viewer-still" in style.data
    assert widget["application/vnd.jupyter.widget-view+json"]["model_id"] == viewer.model_id
    assert picture.data.startswith(b"\xff\xd8")
    assert len(picture.data) < 100_000


# ---------------------------------------------------------------- photos


def upload(viewer, name, content):
    now = datetime.datetime.now(datetime.UTC)
    file = {
        "name": name,
        "type": "image/jpeg",
        "size": len(content),
        "content": content,
        "last_modified": now,
    }
    viewer.upload.value = (file,)


def test_a_photo_of_ones_own(viewer, tiny_study):
    photo = open_dataset("h36m", tiny_study.raw, "test")[0].image
    alone = Viewer(photo)
    assert "trained on real and simulated people" in alone.status.value
    assert "found in" in alone.status.value.lower()
    assert np.isfinite(shown(alone, "A predicted joints").x).all()
    alone.show_heatmap()
    assert alone._figure.widget.layout.images[1].visible
    upload(viewer, "me.jpg", photo.read_bytes())
    assert "me.jpg · predicted by pretrained narrow18" in viewer.status.value
    upload(viewer, "no.jpg", b"no picture")
    assert "no.jpg: truncated or not an image" in viewer.status.value
    viewer.data_set.value = "mpii"  # and back to the run's people
    assert "mpii (simulated people, test)" in viewer.status.value


def test_a_real_person_is_shown_where_no_run_is_given():
    viewer = Viewer()
    assert len(viewer.people) > 3
    assert "trained on real and simulated people" in viewer.status.value
    assert viewer._figure.view.picture is not None


def test_a_dragged_rectangle_is_the_box():
    """A browser's shape, as plotly's widget takes it: it never comes to `figure.layout.shapes`."""
    picker = BoxPicker(np.zeros((60, 90, 3), np.uint8))
    assert picker.box is None
    shape = {"type": "rect", "x0": 49.5, "x1": 9.5, "y0": 4.5, "y1": 24.5}
    picker.figure._layout["shapes"] = [shape]
    assert picker.box == (10, 5, 40, 20)


def test_a_rectangle_that_has_come_is_said():
    picker = BoxPicker(np.zeros((60, 90, 3), np.uint8))
    assert "next cell" in picker.advice.value
    shape = {"type": "rect", "x0": 9.5, "x1": 49.5, "y0": 4.5, "y1": 24.5}
    picker.figure._js2py_relayout = {"relayout_data": {"shapes": [shape]}, "source_view_id": "browser"}
    assert "Box 40 × 20 px at (10, 5)" in picker.advice.value


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
    assert "<title>h36m (simulated people, test) · record 0" in page
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
