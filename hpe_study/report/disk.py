"""The disk that a reproduction takes: downloads, prepared crops, checkpoints and predictions."""

from collections.abc import Sequence
from functools import lru_cache

import torch

from hpe_study import datasets
from hpe_study.config import NetworkConfig
from hpe_study.models import build_model
from hpe_study.study import Run, Study
from hpe_study.study.eta import counts_of

GB = 1e9
# Bytes per record of a prepared store, labels included: 48 simulated people per set (rendered at 256 px),
# crops of 384 px, JPEG of quality 92. The crops of five real MPII people took 25.0 kB.
JPEG_BYTES = {
    "mpii": 27278,
    "lsp": 20387,
    "flic": 29059,
    "h36m": 21849,
    "mpi_inf_3dhp": 20878,
    "occlusion_person": 32793,
}
JPEG_SIDE = 384  # px; other sizes are taken as proportional to the crop's area
PREDICTION_BYTES = 16 * 4 * 4  # per image: 16 joints of x, y, depth and height, in single precision


@lru_cache
def checkpoint_bytes(network: NetworkConfig) -> int:
    """Bytes of a network's weights, counted without making them."""
    with torch.device("meta"):
        weights = build_model(network.model, width=network.width).state_dict()
    return sum(value.numel() * value.element_size() for value in weights.values())


def disk_bytes(study: Study, runs: Sequence[Run]) -> dict[str, float]:
    """{content: bytes} that these runs need; NaN where a data set's page does not give its download."""
    tested = [name for run in runs for name in study.test_sets(run) if name in study.profile.set_names]
    names = set(tested).union(*(run.sets for run in runs))
    counts = {name: counts_of(study.profile, name) for name in names}
    people = {name: counts[name].train + counts[name].test for name in names}
    side = round(study.profile.network.input_size * study.profile.crop_margin)
    return {
        "download": sum(datasets.info(name).download_gb * GB for name in names),
        "JPEG crops": sum(people[name] * JPEG_BYTES[name] for name in names) * (side / JPEG_SIDE) ** 2,
        "raw crops": sum(people.values()) * side**2 * 3,
        "checkpoints": len(runs) * checkpoint_bytes(study.profile.network),
        "predictions": PREDICTION_BYTES * sum(counts[name].test for name in tested),
    }
