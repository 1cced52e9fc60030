"""Means against a literal twin, draws against a literal hierarchical bootstrap, intervals that cover."""

import random

import numpy as np
import pytest

from hpe_study.evaluation.bootstrap import (
    Units,
    estimate,
    estimates,
    first_level,
    resampled,
    resampled_means,
    units_of,
)
from hpe_study.skeletons import MPII16


def alone(count):
    """Everyone a person of their own."""
    return Units(*[np.arange(count)] * 3)


def nested(person, sequence, moment):
    """Units of names that are nested already."""
    return Units(*(np.unique(level, return_inverse=True)[1] for level in (person, sequence, moment)))


def of_people(person):
    return nested(person, person, np.arange(len(person)))


def test_estimate_equals_its_literal_twin():
    rng = np.random.default_rng(0)
    values = rng.normal(100, 20, (30, 4))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[7] = np.nan
    units = of_people([i % 6 for i in range(30)])
    interval = estimate(values, units)
    total = count = samples = 0
    for row in values:
        samples += any(v == v for v in row)
        for v in row:
            if v == v:
                total, count = total + v, count + 1
    assert interval["value"] == pytest.approx(total / count)
    assert interval["n"] == samples
    assert interval["groups"] == 6
    assert interval["low"] < interval["value"] < interval["high"]
    assert interval == estimate(values, units)


def test_estimates_at_once_are_the_single_ones():
    random_, units = np.random.default_rng(1), Units(*(np.arange(30) // size for size in (6, 3, 1)))
    arrays = [random_.normal(size=(30, 4)) for _ in range(3)]
    arrays[1][::5] = np.nan  # other joints count here
    for found, values in zip(estimates(arrays, units), arrays, strict=True):
        single = estimate(values, units)
        assert found.keys() == single.keys()
        assert found == pytest.approx(single, rel=1e-12)
    assert estimates([], units) == []


def test_draws_are_those_of_a_literal_hierarchical_bootstrap():
    """Three people, of them one with two sequences, some sequences of several moments, one of two cameras."""
    person = [0, 0, 0, 0, 1, 1, 2, 2, 2]
    sequence = ["a", "a", "a", "b", "c", "c", "d", "d", "d"]
    moment = ["a1", "a1", "a2", "b1", "c1", "c2", "d1", "d2", "d3"]
    values = np.array([3.0, 5.0, 9.0, 20.0, 40.0, 44.0, 61.0, 70.0, 64.0])
    tree = {}
    for who, where, when, value in zip(person, sequence, moment, values, strict=True):
        tree.setdefault(who, {}).setdefault(where, {}).setdefault(when, []).append(value)
    dice, twin = random.Random(0), []
    for _ in range(20_000):
        drawn = []
        for who in dice.choices(list(tree.values()), k=len(tree)):
            for where in dice.choices(list(who.values()), k=len(who)):
                for when in dice.choices(list(where.values()), k=len(where)):
                    drawn += when
        twin.append(sum(drawn) / len(drawn))
    ours = resampled_means(values[None], np.ones(9), nested(person, sequence, moment), "twin", 20_000)[0]
    assert ours.mean() == pytest.approx(np.mean(twin), abs=0.3)
    assert ours.std() == pytest.approx(np.std(twin), rel=0.03)
    np.testing.assert_allclose(
        np.quantile(ours, [0.025, 0.25, 0.75, 0.975]), np.quantile(twin, [0.025, 0.25, 0.75, 0.975]), atol=0.8
    )


def test_a_draw_is_the_mean_of_the_records_written_out():
    rng = np.random.default_rng(1)
    units = nested([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 3], [0, 1, 2, 2, 3, 4])
    sums, joints = rng.normal(100, 10, 6), np.array([16, 14, 16, 16, 10, 3])
    draws = resampled_means(sums[None], joints, units, "written out", 50)[0]
    weights = np.concatenate(list(resampled(units, "written out", 50)))
    for draw, often in zip(draws, weights, strict=True):
        records = [record for record in range(6) for _ in range(int(often[units.moment[record]]))]
        assert draw == pytest.approx(sums[records].sum() / joints[records].sum())


def test_two_people_are_kept_and_their_moments_resampled():
    units = of_people([0] * 10 + [1] * 10)
    weights = np.concatenate(list(resampled(units, "two", 200)))
    assert (weights[:, :10].sum(1) == 10).all()
    assert weights[:, 0].std() > 0.5
    assert first_level(units) == (20, "moments")
    assert first_level(of_people([0, 1, 2, 2])) == (3, "people")


def test_intervals_take_groups_seriously():
    """Frames of one sequence repeat each other: the interval by sequence is wider than the one by frame."""
    rng = np.random.default_rng(0)
    values = (rng.normal(100, 20, (10, 1, 1)) + rng.normal(0, 1, (10, 20, 1))).reshape(200, 1)
    by_frame = estimate(values, alone(200))
    by_sequence = estimate(values, of_people(np.repeat(np.arange(10), 20)))
    width = lambda row: row["high"] - row["low"]  # noqa: E731
    assert width(by_sequence) > 3 * width(by_frame)
    assert np.isnan(estimate(values, Units(*[np.zeros(200, int)] * 3))["low"])


def test_intervals_cover_the_truth():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(200):
        interval = estimate(rng.normal(50, 10, (40, 1)), alone(40))
        hits += interval["low"] <= 50 <= interval["high"]
    assert 0.88 < hits / 200 < 0.99


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
