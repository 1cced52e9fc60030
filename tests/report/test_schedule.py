"""List schedules: by hand, with parents honoured, and never better than the longest chain."""

import pytest

from hpe_study.report.schedule import length, longest_chain, schedule

SECONDS = {"a": 3, "b": 3, "c": 2, "d": 2, "e": 2}  # a → c → e, b, d
AFTER = {"c": "a", "e": "c"}


def test_one_device_takes_all_the_time():
    assert length(SECONDS, AFTER, 1) == sum(SECONDS.values())


def test_two_devices_by_hand():
    """a 0–3, b 0–3, then c 3–5 beside d 3–5, then e."""
    times = schedule(SECONDS, AFTER, 2)
    assert times == {"a": (0, 3), "b": (0, 3), "c": (3, 5), "d": (3, 5), "e": (5, 7)}


def test_the_longest_chain_is_the_floor():
    assert longest_chain(SECONDS, AFTER) == ["a", "c", "e"]
    assert length(SECONDS, AFTER, 99) == 7


def test_what_begins_a_long_chain_goes_before_what_is_long_itself():
    """Longest first without a look ahead would take x and y, then p and q one after the other: 13."""
    seconds, after = {"x": 5, "y": 5, "p": 4, "q": 4}, {"q": "p"}
    assert schedule(seconds, after, 2)["p"][0] == 0
    assert length(seconds, after, 2) == 9


@pytest.mark.parametrize("devices", range(1, 6))
def test_no_job_starts_before_its_parent_ends_and_no_device_does_two(devices):
    seconds = {f"{line}{stage}": 1 + (7 * line + 3 * stage) % 5 for line in range(6) for stage in range(3)}
    after = {f"{line}{stage}": f"{line}{stage - 1}" for line in range(6) for stage in range(1, 3)}
    times = schedule(seconds, after, devices)
    assert times.keys() == seconds.keys()
    assert all(times[job][0] >= times[parent][1] for job, parent in after.items())
    for start, _ in times.values():
        assert sum(begin <= start < end for begin, end in times.values()) <= devices
