"""Which samples an epoch sees: each store drawn afresh, and the same in every process."""

import numpy as np

from hpe_study.data.loading import MixedSampler


def test_an_epoch_draws_each_store_afresh_and_listably():
    mix = MixedSampler((30, 30), (30, 100), seed=0)
    first, second = mix.draw(0), mix.draw(1)
    assert sorted(first[first[:, 0] == 0, 1]) == list(range(30))
    drawn = first[first[:, 0] == 1, 1]
    assert len(set(drawn)) == 30
    assert drawn.max() > 30  # not the first N
    assert set(drawn) != set(second[second[:, 0] == 1, 1])
    np.testing.assert_array_equal(first, mix.draw(0))
    again = MixedSampler((70,), (30,), seed=0).draw(0)[:, 1]
    assert set(np.bincount(again)) <= {2, 3}
