"""The disk that a reproduction takes: downloads, prepared stores, checkpoints and predictions, in bytes."""

from functools import lru_cache

import torch

from hpe_study import datasets
from hpe_study.models import build_model
from hpe_study.study.eta import counts_of

GB = 1e9
# Bytes a record of a prepared store, labels included: 48 simulated people a set (rendered at 256 px), crops
# of 384 px, JPEG of quality 92. The crops of five real MPII people took 25.0 kB.
JPEG_BYTES = {
    "mpii": 27278,
    "lsp": 20387,
    "flic": 29059,
    "h36m": 21849,
    "mpi_inf_3dhp": 20878,
    "occlusion_person": 32793,
}
JPEG_SIDE = 384  # px; other sizes are taken as proportional to the crop's area
PREDICTION_BYTES = 16 * 4 * 4  # an image: 16 joints of x, y, depth and height, in single precision


@lru_cache
def checkpoint_bytes(network):
    """Bytes of a network's weights (`config.NetworkConfig`), counted without making them."""
    options = {"width": network.width} if network.width else {}
    with torch.device("meta"):
        weights = build_model(network.model, **options).state_dict()
    return sum(value.numel() * value.element_size() for value in weights.values())


def disk_of_set(study, name):
    """{what: bytes} of a data set: its download (NaN where its page does not say), its stores as JPEG and as
    raw crops."""
    counts = counts_of(study.profile, name)
    side = round(study.profile.network.input_size * study.profile.crop_margin)
    people = counts.train + counts.test
    jpeg = people * JPEG_BYTES[name] * (side / JPEG_SIDE) ** 2
    return {
        "download": datasets.info(name).download_gb * GB,
        "JPEG crops": jpeg,
        "raw crops": people * side**2 * 3,
    }


def disk(study, runs):
    """{what: bytes} that these runs need."""
    names = set().union(*(run.sets for run in runs), *(study.test_sets(run) for run in runs))
    of_sets = [disk_of_set(study, name) for name in sorted(names)]
    scored = sum(counts_of(study.profile, name).test for run in runs for name in study.test_sets(run))
    kept = {
        "checkpoints": len(runs) * checkpoint_bytes(study.profile.network),
        "predictions": scored * PREDICTION_BYTES,
    }
    return {
        what: sum(sizes[what] for sizes in of_sets) for what in ("download", "JPEG crops", "raw crops")
    } | kept
