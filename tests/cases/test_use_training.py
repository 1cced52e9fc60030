"""Trainings that cannot go well end in one line, and at once; those that can go well leave their record."""

import faulthandler
import multiprocessing
from pathlib import Path

import pytest

from hpe_study.errors import StudyError
from hpe_study.training.fit import fit
from hpe_study.training.job import RunData
from tests.cases.use_small import one_line, small_stage
from tests.stick_people import stick_store
from tests.training.stick_runs import ON_CPU

LONGEST = 60  # seconds that a process of a test is waited for


def train_narrow(folder):
    """Train a network of 8 channels on pictures of 128 px; what stands in the way goes into a file."""
    faulthandler.disable()  # a crash is told by the exit status
    store = stick_store(folder, 16, three_d=False, name="flat")
    narrow = small_stage(training={"epochs": 2}, width=8, input_size=128, precision="fp32")
    try:
        fit(narrow, RunData(store, None, store, None), folder / "run", runtime=ON_CPU)
    except StudyError as error:
        (folder / "said").write_text(str(error))


def has_avx512():
    """Whether the processor has those instructions."""
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


@pytest.mark.skipif(not has_avx512(), reason="asks a processor with AVX-512")
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a convolution of 8 channels ends the process")
def test_a_network_of_8_channels_trains_at_128_px_or_is_refused(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=train_narrow, args=(tmp_path,))
    process.start()
    process.join(LONGEST)
    process.kill()
    assert process.exitcode == 0
    assert (tmp_path / "run" / "run.json").exists() or one_line((tmp_path / "said").read_text(), "width")
