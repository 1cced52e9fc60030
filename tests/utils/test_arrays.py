import warnings

import numpy as np

from hpe_study.utils.arrays import nan_mean


def test_means_are_over_what_is_there_and_silent_where_nothing_is():
    values = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, 5.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nan_mean(values) == 3
        np.testing.assert_array_equal(nan_mean(values, axis=0), [1, np.nan, 4])
        np.testing.assert_array_equal(nan_mean(values, axis=1), [2, 5])
        assert np.isnan(nan_mean(values[:, 1]))
        assert np.isnan(nan_mean(np.zeros((0, 2))))
