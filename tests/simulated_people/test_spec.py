"""What a stand-in is to contain: options in any form, random numbers by their key alone."""

import numpy as np

from simulated_people.spec import StandInSpec


def test_options_in_any_order_make_the_same_spec():
    one = StandInSpec("h36m", 8, 4, options={"layout": "full", "a": 1})
    other = StandInSpec("h36m", 8, 4, options=(("layout", "full"), ("a", 1)))
    assert one == other
    assert hash(one) == hash(other)
    assert one.option("layout", "challenge") == "full"
    assert one.option("matlab", False) is False


def test_random_numbers_belong_to_seed_name_and_key():
    def numbers(*key, name="mpii", seed=0):
        return StandInSpec(name, 8, 4, seed).rng(*key).random(4)

    assert np.array_equal(numbers("train", "picture", 3), numbers("train", "picture", 3))
    others = [
        numbers("train", "picture", 4),
        numbers("train", "picture", 3, seed=1),
        numbers("train", "picture", 3, name="lsp"),
    ]
    assert not any(np.array_equal(numbers("train", "picture", 3), other) for other in others)


def test_records_by_split():
    spec = StandInSpec("mpii", train=8, test=4)
    assert (spec.count("train"), spec.count("test")) == (8, 4)
