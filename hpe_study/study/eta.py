"""How long a study will take: images still to be seen over the rate that this machine trains at."""

import statistics
import time
from dataclasses import replace

from hpe_study.config import Counts, Profile
from hpe_study.data.store_key import stored_key
from hpe_study.datasets.base import SPLITS
from hpe_study.errors import StudyError
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.models import build_model
from hpe_study.study.published import data_sheet
from hpe_study.study.runs import Run
from hpe_study.study.study import Study
from hpe_study.utils import devices

OVERHEAD = 10.0  # core-seconds of a notebook besides its training: kernel, imports, scores, figures
RENDERING = 0.03  # core-seconds per simulated picture
STEPS = 4


def counts_of(profile: Profile, name: str) -> Counts:
    """A data set's records: of its stand-in, else by the paper's data sheet (`StudyError` if not there)."""
    if stand_in := profile.source(name).simulate:
        return stand_in
    counts = data_sheet()
    if name not in counts:
        raise StudyError(
            f"{name}: nothing says how many images it has; the data sheet knows {', '.join(counts)}"
        )
    return counts[name]


def images_of(study: Study, run: Run) -> int:
    """How many images a run will see: epochs × N of each of its sets.

    Where the profile gives no N, it is the size of the 2D set (3D-only: of the 3D set).
    """
    if run.budget == "time":
        run = replace(run, budget="images")  # the arm that the time was measured on
    training = study.stage(run).training
    samples = training.samples_per_epoch or counts_of(study.profile, run.two_d or run.trained_3d).train
    return training.epochs * samples * (2 if run.scheme == "fusion" else 1)


def measured_rate(study: Study) -> float:
    """Images per second of one training process: of finished runs, else of a few steps on noise, now."""
    folders = [study.run_folder(run) for run in study.runs]
    finished = [folder for folder in folders if (folder / "run.json").exists()]
    rates = [read_run_record(folder).images_per_second for folder in finished]
    return statistics.median(rates) if rates else _rate_on_noise(study.profile)


def _rate_on_noise(profile: Profile) -> float:
    import torch  # here, because a study with finished runs need not load it

    network, batch = profile.network, profile.stage2.batch_size
    device = devices.pick_device("auto")
    precision = devices.pick_precision(network.precision, device)
    model = build_model(network.model, width=network.width).to(device, memory_format=torch.channels_last)
    noise = torch.rand(batch, 3, network.input_size, network.input_size, device=device)
    images = noise.contiguous(memory_format=torch.channels_last)
    seconds = []
    for _ in range(STEPS):
        start = time.perf_counter()
        with devices.autocast(device, precision):
            outputs = model(images)
        sum(outputs[name].float().mean() for name in model.output_names).backward()
        seconds.append(time.perf_counter() - start)
    return 0.8 * batch / min(seconds[1:])  # reading, targets, losses and scores take the rest


def is_current(study: Study, run: Run) -> bool:
    """Whether the run's record matches the current parameters and stores."""
    folder = study.run_folder(run)
    if not (folder / "run.json").exists():
        return False
    record = read_run_record(folder)
    stores = [study.store_path(name, split) for name in run.sets for split in SPLITS]
    at_hand = {store.name: store for store in stores if store.exists()}
    keys = {name: key for name, key in record.data.items() if name in at_hand}
    return record.hash == study.stage(run).hash and all(
        stored_key(at_hand[name]) == key for name, key in keys.items()
    )


class RemainingTime:
    """What is left of a study: an estimate at the start that follows the pace as it goes.

    None where it cannot be known: real data may be partly present, and a cluster's work is not observed.
    """

    def __init__(self, study: Study, cores: int, runs_at_a_time: int | None) -> None:
        self.study, self.cores, self.start = study, max(1, cores), time.time()
        self.runs_at_a_time = runs_at_a_time
        real = not all(study.is_simulated(name) for name in study.profile.set_names)
        self.known = not real and runs_at_a_time is not None
        self.rate = measured_rate(study) if self.known and self.runs_left else 1.0
        self.first = self._by_size()

    @property
    def runs_left(self) -> list[Run]:
        """Runs without a record of the present parameters and data, and all that start from such a run."""
        left = []
        for run in self.study.runs:  # parents come first
            if run.parent in left or not is_current(self.study, run):
                left.append(run)
        return left

    def _by_size(self) -> float | None:
        study, left = self.study, self.runs_left
        if not self.known:
            return None
        missing = [name for name in study.profile.set_names if not study.store_path(name, "test").exists()]
        counts = [counts_of(study.profile, name) for name in missing]
        pictures = sum(count.train + count.test for count in counts)
        images = sum(images_of(study, run) for run in left)
        analyses = [name for name in study.analyses if not (study.figures / f"{name}.ipynb").exists()]
        training = (images / self.rate + OVERHEAD * len(left)) / self.runs_at_a_time
        return training + (pictures * RENDERING + OVERHEAD * len(analyses)) / self.cores

    def seconds(self) -> float | None:
        """Seconds left now: the estimate by size, at the pace seen so far."""
        left = self._by_size()
        if left is None or not self.first:
            return left
        done = 1 - left / self.first
        return left if done < 0.1 else (time.time() - self.start) * (1 - done) / done
