"""Who is resampled together: as the labels say, and by the poses where they do not."""

import numpy as np

from hpe_study.evaluation.bootstrap import units_of
from hpe_study.skeletons import MPII16


def labels(count, **given):
    made = {
        "subject": np.full(count, ""),
        "sequence": np.full(count, ""),
        "image": np.array([f"{number}.jpg" for number in range(count)]),
        "frame": np.full(count, -1),
        "joints3d": np.full((count, 16, 3), np.nan),
    }
    return made | {key: np.asarray(value) for key, value in given.items()}


def seen_from(pose, angle):
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return pose @ turn.T + [0, 0, 4000.0]


def pose_of(rng, lengths):
    """A pose with these lengths (mm) of upper arms, forearms, thighs and shanks."""
    pose = rng.normal(0, 300, (16, 3))
    limbs = (("shoulder", "elbow", 0), ("elbow", "wrist", 1), ("hip", "knee", 2), ("knee", "ankle", 3))
    for side in "lr":
        for start, end, part in limbs:
            first, last = MPII16.indices([f"{side}_{start}", f"{side}_{end}"])
            way = pose[last] - pose[first]
            pose[last] = pose[first] + way / np.linalg.norm(way) * lengths[part]
    return pose


def test_names_and_frames_count_where_a_set_has_them():
    units = units_of(
        labels(
            5,
            subject=["S1", "S1", "S1", "S2", "S2"],
            sequence=["a", "a", "b", "a", "a"],
            frame=[7, 7, 7, 1, 2],
        )
    )
    assert units.person.tolist() == [0, 0, 0, 1, 1]
    assert units.sequence.tolist() == [0, 0, 1, 2, 2]
    assert units.moment.tolist() == [0, 0, 1, 2, 3]  # synchronous cameras are one moment
    assert units.counts == (2, 3, 4)


def test_people_of_an_image_are_one_where_nobody_is_named():
    units = units_of(labels(3, image=["a.jpg", "b.jpg", "a.jpg"]))
    assert units.counts == (2, 2, 2)
    assert units.moment[0] == units.moment[2] != units.moment[1]


def test_poses_tell_people_and_moments_apart_where_the_labels_do_not():
    """As in the H36M challenge: two people, three moments each, four cameras, in no order, with rounding."""
    rng = np.random.default_rng(0)
    bodies = {"one": (280, 250, 430, 410), "other": (300, 265, 450, 440)}
    views = [
        (body, moment, seen_from(pose, angle) + rng.uniform(-0.1, 0.1, (16, 3)))
        for body, lengths in bodies.items()
        for moment, pose in enumerate(pose_of(rng, lengths) for _ in range(3))
        for angle in (0, 1.5, 3, 4.5)
    ]
    views = [views[index] for index in rng.permutation(len(views))]
    units = units_of(labels(24, joints3d=[pose for _, _, pose in views]))
    assert units.counts == (2, 2, 6)
    for level, names in (
        (units.person, [view[0] for view in views]),
        (units.moment, [view[:2] for view in views]),
    ):
        assert len({(number, name) for number, name in zip(level.tolist(), names, strict=True)}) == len(
            set(names)
        )
