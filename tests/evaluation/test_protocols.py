"""The list of protocols."""

import pytest

from hpe_study.errors import StudyError
from hpe_study.evaluation.protocols import PROTOCOLS, find_protocol


def test_unknown_protocols_are_refused():
    with pytest.raises(StudyError, match="h36m-challenge, h36m-s9s11"):
        find_protocol("h36m")
    with pytest.raises(StudyError, match="no protocol"):
        find_protocol("mpii-pckh+procrustes")
    assert len({p.name for p in PROTOCOLS}) == len(PROTOCOLS)
