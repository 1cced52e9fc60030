"""Figures are of the records, say "simulated", and carry words for those who do not see them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from hpe_study.report import figures, portraits
from hpe_study.report.results import Results
from hpe_study.skeletons import MPII16
from tests.report.fabricated import DROP, EPOCHS


@pytest.fixture(scope="module")
def pictures(results, ledger):
    made = [
        figures.scores(results, figures.table_rows(1), "table1", "Table 1"),
        figures.figure3(results),
        figures.training_curves(results),
        figures.timing(results),
        figures.claims(ledger),
        portraits.figure1(results),
        portraits.figure2(results),
    ]
    yield {picture.name: picture for picture in made}
    plt.close("all")


def test_every_title_and_every_alt_text_says_simulated(pictures):
    for picture in pictures.values():
        assert "simulated" in picture.figure.get_suptitle()
        assert "simulated" in picture.alt


def test_figure3_draws_the_history_and_its_drops(pictures, results):
    axes = np.array(pictures["figure3"].figure.axes).reshape(2, 3)
    history = results.history[results.history["run"] == "stage2-mpii-h36m-seed0"]
    drawn = axes[1, 2].get_lines()[0]
    np.testing.assert_allclose(drawn.get_xydata(), history[["epoch", "mpjpe"]])
    dashed = axes[1, 2].get_lines()[1]
    np.testing.assert_allclose(dashed.get_ydata(), history["validation_mpjpe"].dropna())
    drops = [line.get_xdata()[0] for line in axes[1, 2].get_lines() if line.get_linestyle() == ":"]
    assert drops == [DROP + 0.5]
    assert [line.get_xdata()[0] for line in axes[1, 1].get_lines() if line.get_linestyle() == ":"] == [
        2 * DROP + 0.5
    ]
    assert axes[0, 1].get_lines()[0].get_xdata().max() == 2 * EPOCHS


def test_figure3_can_be_read_by_hand(pictures, results):
    """The page's lines are the history's: training and validation of each score, a panel a set."""
    page = pictures["figure3"].interactive
    history = results.history[results.history["run"] == "stage2-mpii-h36m-seed0"]
    wanted = history["validation_mpjpe"].dropna().to_list()
    assert any(list(trace.y) == pytest.approx(wanted) for trace in page.data if len(trace.y) == len(wanted))
    assert "simulated" in page.layout.title.text
    assert len({(trace.xaxis, trace.yaxis) for trace in page.data}) == 6
    scales = [page.layout[f"yaxis{number or ''}"].matches for number in ("", 2, 3, 4, 5, 6)]
    assert scales == [
        None,
        "y",
        "y",
        None,
        "y4",
        "y4",
    ]  # one scale a row, since only its first panel carries numbers


def test_every_picture_has_a_page_to_read_by_hand(pictures, results):
    """What the marks of the new pages say are the records' numbers; every title says simulated."""
    pages = {name: picture.interactive for name, picture in pictures.items()}
    assert all("simulated" in page.layout.title.text for page in pages.values())
    runs, history = results.runs, results.history
    row = runs["run"].str.startswith("stage3-mpii-h36m-h36m-seed") & (runs["test_set"] == "h36m")
    wanted = runs[row & (runs["metric"] == "mpjpe") & (runs["scorer"] == "model")][
        "value"
    ].mean()  # over seeds
    assert any(wanted == pytest.approx(value) for trace in pages["table1"].data for value in trace.x)
    loss = history[history["run"] == "stage1-lsp-seed0"]["loss"].to_list()
    assert any(
        list(trace.y) == pytest.approx(loss)
        for trace in pages["training_curves"].data
        if len(trace.y) == len(loss)
    )
    assert len({trace.scene for trace in pages["figure1"].data}) == 6


def test_a_curve_that_was_not_run_says_so(results):
    less = Results(results.study)
    less.history = less.history[less.history["two_d"] != "mpii"]
    picture = figures.figure3(less)
    assert any("not run" in text.get_text() for axis in picture.figure.axes for text in axis.texts)
    assert "MPII: not run" in picture.alt
    plt.close(picture.figure)


def test_figures_1_and_2_without_predictions_say_what_is_lacking(results):
    blind = Results(results.study)
    blind.prediction = lambda name, test_set: None
    for picture in (portraits.figure1(blind), portraits.figure2(blind)):
        assert "not run" in picture.alt
        plt.close(picture.figure)


def test_numbers_of_marks_that_lie_together_are_written_once():
    minutes, errors = np.array([1.0, 1.01, 2.0, 2.0, 2.0]), np.array([100.0, 99.0, 60.0, 59.0, 40.0])
    assert figures.together(minutes, errors, [0, 1, 2, 3, 4]) == [[0, 1], [2, 3], [4]]
    assert figures.together(minutes, errors, [0, 2, 4]) == [[0], [2], [4]]


def test_a_row_of_dots_says_where_it_was_tested_and_how_many_seeds(pictures):
    axes = pictures["table1"].figure.axes
    assert [axis.get_title() for axis in axes] == [
        f"tested on {name}" for name in ("H36M", "MPI-INF-3DHP", "Occlusion-Person")
    ]
    assert "n = 2 seeds" in " ".join(
        text.get_text() for text in pictures["table1"].figure.legends[0].get_texts()
    )


def test_joints_that_a_test_set_never_labels_are_not_drawn(results):
    """A model that learnt from such a set alone has never seen them; where they come out means nothing."""
    labels = results.labels("occlusion_person")
    unlabelled = [i for i in range(16) if np.isnan(labels["joints2d"][:, i]).all()]
    assert unlabelled == []  # stick people have all; so hide a head
    joints, poses = np.zeros((16, 2)), np.zeros((16, 3))
    lacking = {"joints2d": np.where(np.arange(16)[None, :, None] >= 8, 1.0, 2.0) * np.ones((3, 16, 2))}
    lacking["joints2d"][:, MPII16.indices("upper_neck head_top")] = np.nan
    drawn = [portraits.known_joints(lacking, array) for array in (joints, poses)]
    for array in drawn:
        assert {MPII16.joints[i] for i in np.flatnonzero(np.isnan(array).any(1))} == {
            "upper_neck",
            "head_top",
        }
    assert np.isfinite(joints).all()


def test_limbs_that_cross_have_no_clearance():
    poses = np.full((2, 16, 3), np.nan)
    arms = MPII16.indices("r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist")
    apart = np.array(
        [[-200, 0, 0], [-200, 300, 0], [-200, 600, 0], [200, 0, 0], [200, 300, 0], [200, 600, 0]], float
    )
    crossed = apart.copy()
    crossed[2], crossed[5] = [200, 600, 0], [-200, 600, 0]
    poses[0, arms], poses[1, arms] = apart, crossed
    np.testing.assert_allclose(portraits.clearance(poses), [400.0, 0.0], atol=1e-9)


def test_overlays_put_joints_where_the_labels_are(results):
    """The skeleton over the crop lies on the drawn sticks: the pixel under each joint is lighter than the
    ground."""
    store = results.pictures("h36m")
    figure, axis = plt.subplots()
    person = 3
    true = (store["joints2d"][person] - store["center"][person]) / store["side"][person] + 0.5
    portraits._overlay(axis, results, "h36m", person, true)
    image = axis.images[0].get_array()
    ground = image[0, 0].astype(float)
    ends = np.unique(np.concatenate([line.get_xydata() for line in axis.get_lines()]).round(3), axis=0)
    seen = image[ends[:, 1].astype(int), ends[:, 0].astype(int)].astype(float)
    assert (np.abs(seen - ground).max(1) > 20).mean() > 0.9
    plt.close(figure)


def test_saved_pictures_carry_their_alt_text(pictures, tmp_path):
    picture = pictures["figure2"].save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "figure2-interactive.html",
        "figure2.png",
        "figure2.svg",
        "plotly.min.js",
    ]
    assert Image.open(tmp_path / "figure2.png").text["Description"] == picture.alt
    assert "simulated" in (tmp_path / "figure2.svg").read_text()
    page = (tmp_path / "figure2-interactive.html").read_text()
    assert "<script src=" not in page  # needs no network
    assert "predicted" in page


def test_the_same_records_give_the_same_file(results, tmp_path):
    for folder in ("a", "b"):
        figures.figure3(results).save(tmp_path / folder)
    assert (tmp_path / "a" / "figure3.svg").read_bytes() == (tmp_path / "b" / "figure3.svg").read_bytes()
