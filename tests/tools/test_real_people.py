"""README's picture of real people: made by its command, and small."""

from PIL import Image

from tools import real_people

LARGEST = 80_000  # bytes


def test_the_picture_in_the_readme_is_small():
    assert real_people.TARGET.stat().st_size <= LARGEST
    assert "docs/pictures/real_people.jpg" in (real_people.TARGET.parents[2] / "README.md").read_text()


def test_the_command_draws_it(tmp_path):
    drawn = real_people.main(tmp_path / "people.jpg")
    assert drawn.stat().st_size <= LARGEST
    assert Image.open(drawn).size == Image.open(real_people.TARGET).size
