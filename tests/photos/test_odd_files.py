"""People's own pictures: whatever a file is called and however it was saved, it is used, or a line says why not.

One odd file never costs the others' results, and neither does the end of the process.
"""

import json
import os
import re
import shutil
import signal

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, features

from hpe_study.errors import StudyError
from hpe_study.photos import results
from hpe_study.photos.files import find, printable, read_photo
from hpe_study.photos.results import Batch, CannotWriteError, JointsFile
from hpe_study.training.fit import fit
from hpe_study.training.job import RunData
from hpe_study.utils.videos import Video
from tests.stick_people import stick_store
from tests.training.stick_runs import ON_CPU, stage

FRAMES, BROKEN = 8, 3  # of the film; the one that cannot be decoded


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has learnt 2D joints from a few stick people, in a moment."""
    folder = tmp_path_factory.mktemp("run")
    store = stick_store(folder, 8, three_d=False, name="flat")
    data = RunData(store, None, store, None)
    fit(stage(1, "flat", None, drop_after=()), data, folder / "run", runtime=ON_CPU)
    return folder / "run"


def predicted(paths, run, out):
    """What `predict` gives for whole pictures."""
    return Batch(run, out, ["whole"], "cpu").predict(paths, progress=False)


def photos(folder, names):
    """A folder of grey photos."""
    folder.mkdir()
    for name in names:
        Image.new("RGB", (64, 96), "grey").save(folder / name, "JPEG")
    return folder


# ---------------------------------------------------------------- names


def test_a_photo_is_drawn_whatever_its_name(run, tmp_path):
    names = ["Ba$$in.jpg", "from $5 to $7.jpg", "plain.jpg", r"x_$\frac$^2.jpg"]
    found = predicted([photos(tmp_path / "photos", names)], run, tmp_path / "out")
    assert sorted(path.name for path in found.pictures) == sorted(f"{name}.png" for name in names)
    assert len(pd.read_csv(tmp_path / "out" / "joints.csv")) == 16 * len(names)


def test_names_of_any_bytes_and_any_length(run, tmp_path, capfd):
    names = ["two\nlines.jpg", os.fsdecode(b"caf\xe9.jpg"), "人 \u202e.jpg", f"{'long' * 60}.jpg", "<b>.jpg"]
    found = predicted([photos(tmp_path / "photos", names)], run, tmp_path / "out")
    assert found.skipped == found.remarks == {}
    assert len(found.pictures) == len(names)
    assert all(path.exists() and path.name.isprintable() for path in found.pictures)
    table = pd.read_csv(tmp_path / "out" / "joints.csv")
    assert table["file"].nunique() == len(names)
    assert table["file"].map(str.isprintable).all()
    assert {person["file"] for person in _joints_json(tmp_path)["people"]} == set(table["file"])
    assert "Glyph" not in capfd.readouterr().err


def test_a_name_on_one_line():
    assert printable("a b é.jpg") == "a b é.jpg"
    assert printable("a\nb\x1b\udce9") == r"a\nb\x1b\udce9"


def test_odd_names_are_printed_on_one_line(run, tmp_path, capsys):
    good, bad = photos(tmp_path / "photos", ["a.jpg"]), tmp_path / "two\nlines.jpg"
    bad.write_text("no picture")
    assert predicted([good, bad], run, tmp_path / "out").skipped.keys() == {printable(bad)}
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("skipped: ") and r"two\nlines.jpg: truncated" in line]


# ---------------------------------------------------------------- photos


def test_every_odd_file_is_named_and_the_others_are_written(run, tmp_path):
    folder = photos(tmp_path / "photos", ["a.jpg", "z.jpg"])
    os.mkfifo(folder / "b.jpg")
    (folder / "c.png").symlink_to("/dev/zero")
    (folder / "d.tif").mkdir()
    (folder / "e.jpg").write_bytes((folder / "a.jpg").read_bytes()[:400])
    (folder / "f.mp4").touch()
    (folder / "g.png").symlink_to(folder / "nowhere.png")
    Image.new("1", (20_000, 10_000)).save(folder / "h.png", compress_level=1)
    gone = tmp_path / "gone.jpg"
    found = predicted([folder, gone], run, tmp_path / "out")
    assert [path.name for path in found.pictures] == ["a.jpg.png", "z.jpg.png"]
    names = {
        *(str(folder / name) for name in ["b.jpg", "c.png", "d.tif", "e.jpg", "f.mp4", "g.png", "h.png"]),
        str(gone),
    }
    assert found.skipped.keys() == names
    assert _joints_json(tmp_path)["skipped"] == found.skipped


def test_a_damaged_exif_costs_nothing(run, tmp_path):
    folder = photos(tmp_path / "photos", ["a.jpg"])
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0\x09\xff\xff\xff\xff\0\0"
    Image.new("RGB", (64, 96), "grey").save(folder / "b.jpg", exif=exif)
    assert read_photo(folder / "b.jpg").shape == (96, 64, 3)
    assert predicted([folder], run, tmp_path / "out").skipped == {}


def test_an_error_of_our_own_costs_one_photo(run, tmp_path, monkeypatch):
    def broken(path):
        if path.name == "b.jpg":
            raise IndexError("list index\nout of range")
        return read_photo(path)

    monkeypatch.setattr(results, "read_photo", broken)
    folder = photos(tmp_path / "photos", ["a.jpg", "b.jpg", "c.jpg"])
    found = predicted([folder], run, tmp_path / "out")
    assert found.skipped == {str(folder / "b.jpg"): "IndexError: list index"}
    assert len(found.pictures) == 2


def test_a_tiff_of_fractions_is_refused(tmp_path):
    path = tmp_path / "scan.tif"
    Image.fromarray(np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))).save(path)
    with pytest.raises(StudyError, match="scan.tif: has pixels of kind F"):
        read_photo(path)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits"])
def test_a_damaged_tiff_is_refused_and_not_black(tmp_path, compression):
    path = tmp_path / "scan.tif"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path, compression=compression)
    data = bytearray(path.read_bytes())
    data[200:-400] = bytes(len(data) - 600)
    path.write_bytes(data)
    with pytest.raises(StudyError, match="scan.tif: truncated or not an image"):
        read_photo(path)


def test_a_folder_gives_every_kind_of_photo_that_is_read_by_name(tmp_path):
    kinds = {"a.jpg": "JPEG", "b.jfif": "JPEG", "c.jpe": "JPEG", "d.MPO": "MPO"}
    if features.check("avif"):
        kinds["e.avif"] = "AVIF"
    for name, kind in kinds.items():
        Image.new("RGB", (64, 96), "grey").save(tmp_path / name, kind)
        assert read_photo(tmp_path / name).shape == (96, 64, 3)
    assert sorted(path.name for path in find([tmp_path])) == sorted(kinds)


@pytest.mark.parametrize(("name", "read"), [("photo.jpg", read_photo), ("video.mp4", Video)])
def test_a_fifo_is_refused_at_once(refused, tmp_path, name, read):
    os.mkfifo(tmp_path / name)
    refused(read, tmp_path / name, names=tmp_path / name, seconds=1.5)


def test_a_network_that_gives_no_finite_joints_draws_nobody(run, tmp_path):
    broken = shutil.copytree(run, tmp_path / "broken")
    checkpoint = torch.load(broken / "checkpoint.pt", weights_only=True)
    for name, value in checkpoint["model"].items():
        if name.endswith("running_var"):
            checkpoint["model"][name] = -1 - value
    torch.save(checkpoint, broken / "checkpoint.pt")
    with pytest.raises(StudyError, match="person 0 is not finite"):
        predicted([photos(tmp_path / "photos", ["a.jpg"])], broken, tmp_path / "out")


# ---------------------------------------------------------------- results


def test_what_is_predicted_survives_a_kill(apart, run, tmp_path, monkeypatch):
    def killed(path):
        if path.name == "c.jpg":
            os.kill(os.getpid(), signal.SIGKILL)
        return read_photo(path)

    monkeypatch.setattr(results, "read_photo", killed)
    folder, out = photos(tmp_path / "photos", ["a.jpg", "b.jpg", "c.jpg"]), tmp_path / "out"
    assert apart(predicted, [folder], run, out, seconds=60, memory=8 << 30).kind == "signal 9"
    assert len(pd.read_csv(out / "joints.csv")) == 2 * 16
    assert {path.name for path in out.glob("[!.]*.png")} == {"a.jpg.png", "b.jpg.png"}


def test_what_is_predicted_stays_when_the_user_stops(run, tmp_path, monkeypatch):
    def stopped(path):
        if path.name == "b.jpg":
            raise KeyboardInterrupt
        return read_photo(path)

    monkeypatch.setattr(results, "read_photo", stopped)
    with pytest.raises(KeyboardInterrupt):
        predicted([photos(tmp_path / "photos", ["a.jpg", "b.jpg"])], run, tmp_path / "out")
    assert len(_joints_json(tmp_path)["people"]) == 1


def test_a_full_disk_ends_the_batch_in_one_line(tmp_path):
    joints = JointsFile(tmp_path / "joints.csv")
    joints.path = "/dev/full"
    with pytest.raises(CannotWriteError, match="/dev/full: cannot be written to .No space left"):
        joints.add([{"file": "a.jpg"}])
    joints.close()  # what is still to be written cannot be


def test_joints_are_written_into_no_pipe(refused, tmp_path):
    os.mkfifo(tmp_path / "joints.csv")
    refused(JointsFile, tmp_path / "joints.csv", names=tmp_path / "joints.csv", seconds=2)


def _joints_json(folder):
    return json.loads((folder / "out" / "joints.json").read_text(encoding="utf-8"))


# ---------------------------------------------------------------- videos


def film(path, broken=()):
    """A film of `FRAMES` frames, the bytes of some of them gone."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 96))
    for number in range(FRAMES):
        writer.write(np.full((96, 64, 3), 20 * number, np.uint8))
    writer.release()
    data = bytearray(path.read_bytes())
    at = data.index(b"movi")
    for number in range(FRAMES):
        at = data.index(b"00dc", at) + 4
        if number in broken:
            size = int.from_bytes(data[at : at + 4], "little")
            data[at + 4 : at + 4 + size] = bytes(size)
    path.write_bytes(data)
    return path


def test_a_video_goes_on_after_a_broken_frame_and_says_how_many_were_lost(run, tmp_path, capsys):
    path = film(tmp_path / "walk.avi", [BROKEN])
    found = predicted([path], run, tmp_path / "out")
    assert found.table["frame"].nunique() == FRAMES - 1
    assert BROKEN not in set(found.table["frame"])
    output = capsys.readouterr()
    lines = [line for line in re.split(r"[\r\n]", output.err) if "frame/s" not in line]  # but for the bar's
    assert any(re.search(r"walk\.avi: 1 of 8 frames could not be decoded", line) for line in lines)
    assert _joints_json(tmp_path)["remarks"] == found.remarks
    assert list(found.remarks) == [str(path)]


def test_frames_keep_their_numbers_beside_broken_ones(tmp_path):
    video = Video(film(tmp_path / "a.avi", [0, 2]))
    frames = list(video)
    assert [number for number, _ in frames] == [1, 3, 4, 5, 6, 7]
    assert [round(image.mean() / 20) for _, image in frames] == [1, 3, 4, 5, 6, 7]
    assert video.lost == 2
    assert [number for number, _ in Video(film(tmp_path / "b.avi", [3]), every=2)] == [0, 2, 4, 6]


def test_a_video_without_frames_is_refused(tmp_path):
    with pytest.raises(StudyError, match="a.avi: has no frame that can be read"):
        list(Video(film(tmp_path / "a.avi", range(FRAMES))))
    for content in (b"", b"\0" * 5000, b"RIFF\0\0\0\0AVI " + bytes(500), b"\0\0\0\x18ftypisom" + bytes(90)):
        (tmp_path / "b.mp4").write_bytes(content)
        with pytest.raises(StudyError, match=r"b\.mp4: (not a video|has no frame)"):
            list(Video(tmp_path / "b.mp4"))


def test_a_playlist_called_mp4_opens_no_other_file(tmp_path):
    film(tmp_path / "other.avi")
    for text in (
        "ffconcat version 1.0\nfile other.avi\n",
        "#EXTM3U\n#EXTINF:1,\nother.avi\n#EXT-X-ENDLIST\n",
    ):
        (tmp_path / "a.mp4").write_text(text)
        with pytest.raises(StudyError, match="a.mp4: not a video"):
            Video(tmp_path / "a.mp4")


def test_a_videos_name_is_only_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.avi", "%03d.avi", os.fsdecode(b"caf\xe9.avi")):
        os.replace(film(tmp_path / "plain.avi"), name)
        assert len(list(Video(name))) == FRAMES
