"""Simulated Occlusion-Person: what its furniture hides."""

import numpy as np
import pytest

from hpe_study.evaluation.clipping import clipped
from hpe_study.skeletons import MPII16, UNREALCV15
from simulated_people.body.landmarks import rows_of
from simulated_people.people_sampling import landmarks_of
from simulated_people.scenes.placement import boxes_on_line
from simulated_people.sets import occlusion_person
from simulated_people.spec import StandInSpec

SPEC = StandInSpec("occlusion_person", 400, 400, size=32)


def hidden(split, item):
    """(cameras, 15) bool: the joints that lie behind furniture in the takes of one moment."""
    return np.array(
        [
            [
                boxes_on_line(planned.shot.scene, planned.shot.camera, joint).any()
                for joint in landmarks_of(actor)[rows_of(UNREALCV15)]
            ]
            for planned in occlusion_person.plan_item(SPEC, split, item)
            for actor in planned.shot.actors
        ]
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_furniture_hides_as_much_in_either_split(split):
    """About a sixth; with what bodies hide, a fifth. Rooms differ, so the bound is on the mean of fifty."""
    shares = [hidden(split, item).mean() for item in range(occlusion_person.item_count(SPEC, split))]
    assert len(shares) == 50
    assert 0.11 < np.mean(shares) < 0.22


def test_rooms_and_people_of_the_splits_are_others():
    assert not set(occlusion_person.ROOMS["train"]) & set(occlusion_person.ROOMS["test"])
    assert not set(occlusion_person.SUBJECTS["train"]) & set(occlusion_person.SUBJECTS["test"])
    pictures = [
        planned.path
        for split in ("train", "test")
        for item in range(50)
        for planned in occlusion_person.plan_item(SPEC, split, item)
    ]
    assert len(set(pictures)) == len(pictures) == 800


def test_limbs_run_through_bodies_where_that_is_wanted_and_nowhere_else():
    share = {}
    for clipping in (False, True):
        spec = StandInSpec("occlusion_person", 1600, 8, size=32, options={"clipping": clipping})
        actors = [occlusion_person.plan_item(spec, "train", item)[0].shot.actors[0] for item in range(200)]
        share[clipping] = clipped(
            np.stack([1000 * landmarks_of(actor)[rows_of(MPII16)] for actor in actors])
        ).max(1)
    assert share[False].mean() < 2
    assert 20 < share[True].mean() < 50
