"""From a photo to joints: what the test set's prediction says, a photo of the same person says too; and the
command that does it."""

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from hpe_study.cli import main
from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError
from hpe_study.photos import PoseReader, boxes, predict, read_photo
from hpe_study.photos.boxes import BoxPicker, Detector, inside, parse, whole
from hpe_study.photos.reader import PADDING
from hpe_study.photos.tables import UNITS
from hpe_study.skeletons import MPII16
from hpe_study.study.run_folder import PredictedPeople, RunFolder
from tests.tiny_study import RUN


@pytest.fixture(scope="module")
def run(tiny_study):
    return tiny_study.folder / RUN


@pytest.fixture(scope="module")
def reader(run):
    return PoseReader(run, "cpu")


@pytest.fixture(scope="module")
def records(tiny_study):
    return open_dataset("h36m", tiny_study.raw, "test")


def box_of(record):
    """The hand-drawn box whose square is the record's."""
    side = record.side / PADDING
    return (*(record.center + 0.5 - side / 2), side, side)


def test_a_photo_gives_what_the_test_set_gave(reader, records, tiny_study):
    people = PredictedPeople([RunFolder(tiny_study.folder / RUN)], "h36m")
    predicted = [reader(read_photo(record.image), box_of(record)) for record in records]
    joints = np.stack([(person.joints - person.center) / person.side + 0.5 for person in predicted])
    same = (np.abs(joints - people.joints_2d[0]) < 0.03).all(-1)
    assert same.mean() > 0.9  # the rest: of two equal peaks the other one won
    sure = same.all(1)
    np.testing.assert_allclose(
        np.stack([person.pose for person in predicted])[sure], people.joints_3d[0][sure], atol=40
    )


def test_a_larger_copy_of_a_photo_gives_the_same_pose(reader, records):
    image, box = read_photo(records[0].image), np.array(box_of(records[0]))
    large = cv2.resize(image, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    one, other = reader(image, box), reader(large, 6 * box)
    near = np.abs((other.joints + 0.5) / 6 - 0.5 - one.joints).max(-1) < 0.05 * one.side
    assert near.mean() > 0.7


def test_boxes_of_any_shape_and_place(reader):
    image = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)
    for box in [whole(image), (-20, -20, 50, 40), (80, 50, 200, 300), (10, 10, 1, 1)]:
        person = reader(image, box)
        assert np.isfinite(person.joints).all()
        assert np.isfinite(person.pose).all()


def test_a_box_as_text():
    assert parse("1,2,30,40.5") == (1, 2, 30, 40.5)
    for text in ("1,2,3", "a,b,c,d", "1,2,0,5", "1,2,3,-4", "", "nan,0,10,10", "0,0,inf,10"):
        with pytest.raises(StudyError, match="x,y,width,height"):
            parse(text)
    with pytest.raises(StudyError, match=r"outside the picture of 8×6 px"):
        inside((9, 0, 4, 4), np.zeros((6, 8, 3)))


def test_a_dragged_rectangle_is_the_box():
    picker = BoxPicker(np.zeros((60, 90, 3), np.uint8))
    assert picker.box == (0, 0, 90, 60)
    picker.figure.layout.shapes = [{"type": "rect", "x0": 49.5, "x1": 9.5, "y0": 4.5, "y1": 24.5}]
    assert picker.box == (10, 5, 40, 20)


def test_the_detectors_people_surest_first():
    detections = {
        "labels": torch.tensor([1, 3, 1]),
        "scores": torch.tensor([0.9, 0.99, 0.2]),
        "boxes": torch.tensor([[1.0, 2, 11, 22]] * 3),
    }
    model = torch.nn.Module()
    model.forward = lambda images: [detections]
    assert Detector(model)(np.zeros((30, 30, 3), np.uint8)) == [(1, 2, 10, 20)]


@pytest.fixture
def no_detector(monkeypatch):
    monkeypatch.setattr(boxes.Detector, "load", classmethod(lambda cls: None))


def test_everything_a_folder_holds(run, records, tmp_path, no_detector, capsys):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    shutil.copy(records[0].image, folder / "a.jpg")
    (folder / "b.jpg").write_text("no picture")
    cv2.imwrite(str(folder / "c.png"), np.zeros((10, 10, 3), np.uint8))
    writer = cv2.VideoWriter(str(folder / "d.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (96, 96))
    for number in range(3):
        writer.write(cv2.resize(cv2.imread(str(records[number].image)), (96, 96)))
    writer.release()
    assert main(["predict", str(folder), "--run", str(run), "--out", str(out), "--every", "2"]) == 0
    output = capsys.readouterr()
    assert "b.jpg: truncated or not an image" in output.err
    assert "c.png: is 10×10 px" in output.err
    assert "Traceback" not in output.err
    table = pd.read_csv(out / "joints.csv")
    assert len(table) == 3 * 16  # one photo, two frames of the video
    assert list(table.columns) == ["file", "frame", "person", "joint", *UNITS, "remark"]
    assert sorted(table["frame"].dropna().unique()) == [0, 2]
    about = json.loads((out / "joints.json").read_text())
    assert about["trained_on_simulated_people"] is True
    assert about["units"]["x_mm"].startswith("mm")
    assert set(about["people"][0]["joints"]) == set(MPII16.joints)
    assert len(about["skipped"]) == 2
    assert cv2.imread(str(out / "a.jpg.png")).std() > 10
    assert cv2.VideoCapture(str(out / "d.avi.webm")).read()[0]


def test_two_files_of_one_name_are_both_drawn(run, records, tmp_path, no_detector):
    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths.append(shutil.copy(records[0].image, tmp_path / name / "a.jpg"))
    results = predict(paths, run, tmp_path / "out", box="whole", device="cpu", progress=False)
    assert [path.name for path in results.pictures] == ["a.jpg.png", "a.jpg-2.png"]


def test_a_folder_that_cannot_be_written_is_one_line_before_any_work(
    run, records, tmp_path, no_detector, capsys
):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below", "/proc/nowhere"):
        assert main(["predict", str(records[0].image), "--run", str(run), "--out", str(out)]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"error: {out}: cannot be written to (")
        assert error.count("\n") == 1


def test_what_cannot_be_done_is_one_line(run, tmp_path, no_detector, capsys):
    (tmp_path / "a.jpg").write_text("no picture")
    for arguments, message in (
        ([str(tmp_path / "a.jpg"), "--run", str(run)], "none of 1 files could be used"),
        ([str(tmp_path / "b.jpg"), "--run", str(run)], "no such file or folder"),
        ([str(tmp_path / "a.jpg"), "--run", str(tmp_path)], "has not finished training"),
        ([str(tmp_path / "a.jpg"), "--run", str(run), "--box", "1,2"], "x,y,width,height"),
        ([str(tmp_path / "a.jpg"), "--run", str(run), "--every", "0"], "must be 1 or more"),
    ):
        assert main(["predict", *arguments, "--out", str(tmp_path / "out")]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
