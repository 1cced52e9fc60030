"""The person in a picture, found by the pose network itself: no detector, nothing to download.

The network looks at the whole picture and at windows of it; where its heat maps are highest, it looks again,
in the box of the joints found. The best-scoring person is kept. (OpenCV 5 has no pedestrian detector.)
"""

from dataclasses import replace

import numpy as np

from hpe_study.photos.reader import Box, Person, PoseReader
from hpe_study.utils.pictures import thumbnail

WINDOWS = (0.62, 0.4, 0.26)  # side of a window over the picture's longer side
SMALLEST = 8.0  # px: a side of a box of joints
STEP = 0.5  # between windows, over their side
KEPT, ROUNDS = 5, 3  # so many of the best are looked at so often again
SEARCHED = 1200  # px: the longer side of the picture that is searched
WHOLE = "found in the whole picture, then in the box of its joints"
WINDOW = "found in a window of the picture, then in the box of its joints"


def whole(image: np.ndarray) -> Box:
    """The box of the whole picture."""
    return (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))


def windows(width: float, height: float) -> list[Box]:
    """Squares that cover a picture, the largest first."""
    squares = []
    for share in WINDOWS:
        side = share * max(width, height)
        rows, columns = (_starts(length, side) for length in (height, width))
        squares += [(float(x), float(y), side, side) for y in rows for x in columns]
    return squares


def _starts(length, side):
    """Where windows begin along one side of the picture: evenly, from edge to edge."""
    if side >= length:
        return [(length - side) / 2]
    return np.linspace(0, length - side, int(np.ceil((length - side) / (STEP * side))) + 1)


def certainty(person: Person) -> float:
    """How sure the network is that the person is there: the mean height of its heat maps."""
    return float(person.score.mean())


def find_person(image: np.ndarray, reader: PoseReader) -> Person:
    """The person of a picture whom the network is surest of; `Person.found` says how it was found."""
    small = thumbnail(image, SEARCHED)
    squares = [whole(small), *windows(*small.shape[1::-1])]
    people = reader.people(small, squares, padding=1.0, flip=False)
    ways = [WHOLE, *[WINDOW] * (len(people) - 1)]
    people = [replace(person, found=way) for person, way in zip(people, ways, strict=True)]
    best, seen = sorted(people, key=certainty)[-KEPT:], []
    for _ in range(ROUNDS):
        again = reader.people(small, [box_of_joints(person) for person in best])
        best = [replace(new, found=old.found) for new, old in zip(again, best, strict=True)]
        seen += best
    best = max(seen, key=certainty)
    box = np.array(best.box) * image.shape[1] / small.shape[1]
    return replace(reader(image, tuple(map(float, box))), found=best.found)


def box_of_joints(person: Person) -> Box:
    """The box that the person's joints fill."""
    low, high = person.joints.min(0), person.joints.max(0)
    return (*(low + 0.5), *np.maximum(high - low, SMALLEST))
