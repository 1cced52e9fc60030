"""Pictures as people have them: read upright, or refused in one line that names the file."""

import cv2
import numpy as np
import pytest
from PIL import Image

from hpe_study.errors import StudyError
from hpe_study.photos.files import find, read_photo
from hpe_study.utils.videos import Video

WIDE = np.zeros((40, 80, 3), np.uint8)
WIDE[:, :40] = (250, 10, 10)  # left half red, right half blue
WIDE[:, 40:] = (10, 10, 250)


def saved(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def is_red(pixel):
    return pixel[0] > 200 and pixel[2] < 60


def test_colours_and_places_stay(tmp_path):
    image = read_photo(saved(tmp_path / "a.png", WIDE))
    np.testing.assert_array_equal(image, WIDE)


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_exif_rotation_is_applied(tmp_path, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    image = read_photo(saved(tmp_path / "a.jpg", WIDE, exif=exif, quality=95))
    corner = {1: image[5, 5], 3: image[-5, -5], 6: image[5, 5], 8: image[-5, 5]}[turn]
    assert image.shape == ((40, 80, 3) if turn in (1, 3) else (80, 40, 3))
    assert is_red(corner)


def test_grey_becomes_three_channels(tmp_path):
    image = read_photo(saved(tmp_path / "a.png", np.full((40, 50), 77, np.uint8)))
    assert image.shape == (40, 50, 3)
    assert (image == 77).all()


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 50), 32768, np.uint16))
    cv2.imwrite(str(tmp_path / "b.png"), np.full((40, 50, 3), 32768, np.uint16))
    for name in "ab":
        assert abs(int(read_photo(tmp_path / f"{name}.png").mean()) - 128) <= 1


def test_what_is_transparent_becomes_white(tmp_path):
    pixels = np.dstack([WIDE, np.full((40, 80), 255, np.uint8)])
    pixels[:, 40:, 3] = 0
    image = read_photo(saved(tmp_path / "a.png", pixels))
    assert is_red(image[5, 5])
    assert (image[5, 60] == 255).all()


def test_a_palette_is_resolved(tmp_path):
    Image.fromarray(WIDE).convert("P").save(tmp_path / "a.gif")
    assert is_red(read_photo(tmp_path / "a.gif")[5, 5])


def test_a_very_large_picture_is_read(tmp_path):
    Image.new("1", (12_000, 9_000)).save(tmp_path / "a.png", compress_level=1)
    assert read_photo(tmp_path / "a.png").shape == (9_000, 12_000, 3)


@pytest.mark.parametrize("size", [(13_000, 12_500), (20_000, 20_000)])
def test_what_is_beyond_all_measure_is_refused_before_it_is_decoded(tmp_path, size):
    Image.new("1", size).save(tmp_path / "a.png", compress_level=1)
    refused(tmp_path / "a.png", "more than 150,000,000 px")


def refused(path, match):
    with pytest.raises(StudyError, match=match) as caught:
        read_photo(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_ten_px_are_too_few(tmp_path):
    refused(saved(tmp_path / "a.png", np.zeros((10, 10, 3), np.uint8)), "10×10 px; nobody can be recognised")


def test_text_called_jpg(tmp_path):
    (tmp_path / "a.jpg").write_text("not a picture at all")
    refused(tmp_path / "a.jpg", "truncated or not an image")


def test_heic_without_a_decoder(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200))
    refused(tmp_path / "a.heic", "is a HEIC picture")


def test_a_truncated_picture(tmp_path):
    path = saved(tmp_path / "a.jpg", np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:3000])
    refused(path, "truncated")


def test_an_empty_file_and_one_that_is_not_there(tmp_path):
    (tmp_path / "a.png").touch()
    refused(tmp_path / "a.png", "truncated or not an image")
    refused(tmp_path / "b.png", "no such file")


def test_folders_give_their_photos_and_videos(tmp_path):
    for name in ("b.jpg", "a.PNG", "c.mp4", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find([tmp_path])] == ["a.PNG", "b.jpg", "c.mp4"]
    with pytest.raises(StudyError, match="no such file or folder"):
        find([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="no photo or video in it"):
        find([tmp_path / "empty"])


def film(path, frames=5):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for number in range(frames):
        writer.write(np.full((48, 64, 3), 40 * number, np.uint8))
    writer.release()
    return path


def test_a_video_gives_every_nth_frame(tmp_path):
    frames = list(Video(film(tmp_path / "a.avi"), every=2))
    assert [number for number, _ in frames] == [0, 2, 4]
    assert [round(image.mean() / 40) for _, image in frames] == [0, 2, 4]


def test_no_video(tmp_path):
    (tmp_path / "a.mp4").write_text("nothing")
    with pytest.raises(StudyError, match=r"a\.mp4: not a video"):
        Video(tmp_path / "a.mp4")
