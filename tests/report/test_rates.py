"""Rates out of fabricated benchmark tables."""

from pathlib import Path

import pandas as pd
import pytest

from hpe_study.errors import StudyError
from hpe_study.report.rates import BATCH, measured_rates
from hpe_study.study import Study

NETWORK = Study(Path(__file__).resolve().parents[2] / "params" / "paper.yaml").profile.network
CORE = {"machine": "CPU (1 of 2 cores)", "benchmark": "ResNet-50 256 px training step", "unit": "s/batch"}
CPU_ROWS = [
    CORE | {"precision": "bf16", "ours": 8.0},
    CORE | {"precision": "fp32", "ours": 16.0},
    CORE | {"precision": "bf16", "ours": 200.0, "benchmark": "validation", "unit": "ms/image"},
    CORE | {"precision": "fp32", "ours": 400.0, "benchmark": "validation", "unit": "ms/image"},
    CORE | {"precision": "bf16", "ours": 1.0, "benchmark": "ResNet-18 128 px epoch", "unit": "ms/image"},
]
H100 = {"network": "ResNet-50 256 px", "machine": "H100", "precision": "bf16", "setting": "batch 128"}
COMPILED = {"setting": "batch 128, compiled"}
GPU_ROWS = [
    H100 | {"quantity": "training", "value": 2000.0},
    H100 | COMPILED | {"quantity": "training", "value": 3000.0},
    H100 | COMPILED | {"quantity": "compiling", "value": 60.0},
    H100 | COMPILED | {"quantity": "memory", "value": 9e9},
    H100 | {"quantity": "scoring", "value": 1500.0},
    H100 | {"quantity": "training", "value": 9000.0, "network": "other"},
    H100 | {"quantity": "scoring", "value": 9000.0, "network": "other"},
]


def written(folder, results, gpu):
    """The folder, with both benchmark tables."""
    for name, rows in {"results": results, "gpu": gpu}.items():
        data = pd.DataFrame([{"data": "simulated", "date": "2026-01-01"} | row for row in rows])
        data.to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_the_fastest_setting_of_each_machine_counts(tmp_path):
    core, gpu = measured_rates(NETWORK, written(tmp_path, CPU_ROWS, GPU_ROWS))
    assert (core.precision, core.training, core.startup, core.is_gpu) == ("bf16", BATCH / 8.0, 0.0, False)
    assert core.forward == 2 / 0.2  # the benchmark sends each image twice
    assert (gpu.training, gpu.forward, gpu.startup, gpu.is_gpu) == (3000.0, 1500.0, 60.0, True)
    assert "batch 128, compiled, simulated, 2026-01-01; 60 s before each training" in gpu.source


def test_a_network_that_was_not_measured_is_named(tmp_path):
    network = NETWORK.model_copy(update={"input_size": 128})
    with pytest.raises(StudyError, match="has no rate of ResNet-50 128 px; `make bench`"):
        measured_rates(network, written(tmp_path, CPU_ROWS, GPU_ROWS))


def test_what_makes_no_rate_is_refused_with_the_file(tmp_path):
    with pytest.raises(StudyError, match=r"results\.csv: a rate is in 'furlongs'.*s/batch"):
        measured_rates(
            NETWORK, written(tmp_path, [CPU_ROWS[2], CPU_ROWS[0] | {"unit": "furlongs"}], GPU_ROWS)
        )
    with pytest.raises(StudyError, match=r"results\.csv: no validation of CPU \(1 of 2 cores\), bf16"):
        measured_rates(NETWORK, written(tmp_path, CPU_ROWS[:1], GPU_ROWS))
    with pytest.raises(StudyError, match=r"gpu\.csv: no scoring of H100, bf16"):
        measured_rates(NETWORK, written(tmp_path, CPU_ROWS, GPU_ROWS[:1]))
    (tmp_path / "gpu.csv").unlink()
    with pytest.raises(StudyError, match=r"gpu\.csv: no such file"):
        measured_rates(NETWORK, tmp_path)
