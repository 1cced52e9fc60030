"""How long a study will take, before it starts: the images still to be seen over the rate that this machine
trains at."""

import statistics
import time
from dataclasses import replace

import torch

from hpe_study.data.store_key import stored_key
from hpe_study.datasets.base import SPLITS
from hpe_study.errors import StudyError
from hpe_study.models import build_model
from hpe_study.study.published import data_sheet
from hpe_study.utils import devices
from hpe_study.utils.files import read_json

# seconds of a notebook besides its work: kernel, imports, figures (measured on two cores; two notebooks a
# run)
OVERHEAD = 9.0
RENDERING = 0.03  # seconds a simulated picture takes one core
STEPS = 4


def counts_of(profile, name):
    """`config.Counts` of a data set: of its simulated stand-in; of a real set, as the paper's data sheet has
    it."""
    stand_in = profile.source(name).simulate
    if stand_in:
        return stand_in
    counts = data_sheet()
    if name not in counts:
        raise StudyError(
            f"{name}: nothing says how many images it has; the data sheet knows {', '.join(counts)}"
        )
    return counts[name]


def images_of(study, run):
    """Images that a run will see: epochs × N of each set, N the 2D set's size where the profile gives none
    (3D-only: the 3D set's)."""
    if run.budget == "time":
        run = replace(run, budget="images")  # the arm that the time was measured on
    training = study.stage(run).training
    samples = training.samples_per_epoch or counts_of(study.profile, run.two_d or run.trained_3d).train
    return training.epochs * samples * (2 if run.scheme == "fusion" else 1)


def measured_rate(study):
    """Images a second of one training process: of the runs that are done, else of a few steps on noise, here
    and now."""
    records = [study.run_folder(run) / "run.json" for run in study.runs]
    rates = [read_json(path)["images_per_second"] for path in records if path.exists()]
    return statistics.median(rates) if rates else _rate_on_noise(study.profile)


def _rate_on_noise(profile):
    network, batch = profile.network, profile.stage2.batch_size
    device = devices.pick_device("auto")
    precision = devices.pick_precision(network.precision, device)
    options = {"width": network.width} if network.width else {}
    model = build_model(network.model, **options).to(device, memory_format=torch.channels_last)
    images = torch.rand(batch, 3, network.input_size, network.input_size, device=device).contiguous(
        memory_format=torch.channels_last
    )
    seconds = []
    for _ in range(STEPS):
        start = time.perf_counter()
        with devices.autocast(device, precision):
            outputs = model(images)
        sum(outputs[name].float().mean() for name in model.output_names).backward()
        seconds.append(time.perf_counter() - start)
    return 0.8 * batch / min(seconds[1:])  # reading, targets, losses and scores take the rest


def is_current(study, run):
    """Whether a run's record is there, of the profile's parameters and of the stores that lie there now."""
    folder = study.run_folder(run)
    if not (folder / "run.json").exists():
        return False
    record = read_json(folder / "run.json")
    stores = {
        path.name: path for name in run.sets for path in (study.store_path(name, split) for split in SPLITS)
    }
    known = {name: key for name, key in record["data"].items() if name in stores and stores[name].exists()}
    return record["hash"] == study.stage(run).hash and all(
        stored_key(stores[name]) == key for name, key in known.items()
    )


class RemainingTime:
    """What is left of a study, in seconds: an estimate at the start that follows the pace as it goes. None
    for real data, of which people may have any part."""

    def __init__(self, study, cores, places):
        """places: runs at a time on this machine; None where others do the work, whose times are None as real
        data's are."""
        self.study, self.cores, self.start = study, max(1, cores), time.time()
        self.places, self.sized = places, study.simulated and places is not None
        self.rate = measured_rate(study) if self.sized and self.runs_left else 1.0
        self.first = self._by_size()

    @property
    def runs_left(self):
        """The runs without a record, or with one of other parameters or data, and all that start from such a
        run."""
        left = []
        for run in self.study.runs:  # parents come first
            if run.parent in left or not is_current(self.study, run):
                left.append(run)
        return left

    def _by_size(self):
        study, left = self.study, self.runs_left
        if not self.sized:
            return None
        counts = [
            study.profile.source(name).simulate
            for name in study.profile.set_names
            if study.is_simulated(name) and not study.store_path(name, "test").exists()
        ]
        pictures = sum(count.train + count.test for count in counts)
        images = sum(images_of(study, run) for run in left)
        analyses = [name for name in study.analyses if not (study.figures / f"{name}.ipynb").exists()]
        training = (images / self.rate + OVERHEAD * 2 * len(left)) / self.places
        return training + (pictures * RENDERING + OVERHEAD * len(analyses)) / self.cores

    def seconds(self):
        """Seconds left now: the estimate by size, at the pace seen so far."""
        left = self._by_size()
        if left is None or not self.first:
            return left
        done = 1 - left / self.first
        return left if done < 0.1 else (time.time() - self.start) * (1 - done) / done
