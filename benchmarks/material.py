"""What the benchmarks work on: simulated people as the real sets' files, their stores, and a trainer."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hpe_study.config import AugmentationConfig, NetworkConfig, StageConfig, TrainingConfig
from hpe_study.data.augmentation import sample_augmentation
from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.training.job import RunData, Runtime, TrainingJob
from hpe_study.training.trainer import Trainer
from simulated_people import StandInSpec, make

AUGMENTATION = AugmentationConfig()  # the published limits
PICTURE = 646  # px of a simulated person's crop: makes pictures of 1000 px, as real Human3.6M's are
BYTES_A_PIXEL = 0.34
EPOCH = 6  # batches


@dataclass(frozen=True)
class Sizes:
    """How much is measured. people: of each set, train and test; batch: samples a step; pictures:
    `PICTURE`."""

    people: tuple = (48, 16)
    batch: int = 32
    picture: int = PICTURE
    deep: str = "resnet50"
    deep_size: int = 256
    shallow: str = "resnet18"
    shallow_size: int = 128
    pairs_quick: int = 15  # of a row that takes milliseconds
    pairs_slow: int = 3  # of a row that takes seconds
    matrix: int = 2048  # side of the product by which the machine's peak is measured


FULL = Sizes()
QUICK = Sizes((10, 4), 4, 96, "narrow18", 64, "narrow18", 64, 3, 2, 256)


class Material:
    """Simulated people under `folder` (made where they are missing), and what is made of them."""

    SETS = ("mpii", "h36m")

    def __init__(self, folder, sizes, workers=1, device="cpu"):
        """workers: processes that make people and stores; device: what renders."""
        self.sizes, self.raw, self.workers = sizes, self.root(folder, sizes), workers
        for name in self.SETS:
            spec = StandInSpec(name, *sizes.people, size=sizes.picture)
            make(spec, self.raw, workers, device, progress=False)
        if sizes.picture == PICTURE:
            as_heavy_as_photographs(self.raw)

    @staticmethod
    def root(folder, sizes):
        """The data root of people of these sizes."""
        return Path(folder) / f"raw-{sizes.picture}-{sizes.people[0]}"

    def store(self, name, split, size, encoding):
        """The store for a network's input of `size` px. encoding: "jpeg", "raw"; not held in memory."""
        path = self.raw / "prepared" / f"{name}-{split}-{size}-{encoding}.h5"
        settings = StoreSettings(name, split, size, encoding=encoding)
        return Store(prepare(settings, self.raw, path, self.workers, progress=False))

    def data(self, size, encoding="jpeg"):
        """The `Data` of a fusion run."""
        return RunData(
            *(self.store(name, split, size, encoding) for split in ("train", "test") for name in self.SETS)
        )

    def network(self, model, size, precision):
        """The published network's settings, its weights random."""
        return NetworkConfig(model=model, pretrained=False, input_size=size, precision=precision)

    def trainer(
        self,
        model,
        size,
        precision,
        folder,
        encoding="jpeg",
        device="cpu",
        batch=None,
        samples=None,
        compiling="none",
    ):
        """A `Trainer` of stage 3 with the published settings, its weights random; precision: "bf16" or
        "fp32".

        batch: samples a step; samples: of each set an epoch, by default `EPOCH` batches in all."""
        network = self.network(model, size, precision)
        batch = batch or self.sizes.batch
        training = TrainingConfig(
            epochs=1000,
            batch_size=batch,
            samples_per_epoch=samples or EPOCH * batch // 2,
            geometry_weight=0.01,
        )
        stage = StageConfig(
            stage=3,
            two_d=self.SETS[0],
            three_d=self.SETS[1],
            seed=0,
            training=training,
            augmentation=AUGMENTATION,
            network=network,
            validate_every=1000,
            legacy=(),
        )
        runtime = Runtime(device=str(device), compile=compiling, progress=False)
        return Trainer(TrainingJob(stage, self.data(size, encoding), Path(folder), runtime=runtime))


def as_heavy_as_photographs(folder):
    """Write the JPEGs under `folder` again, each at the first quality that gives 0.34 bytes a pixel, as real
    Human3.6M's files have: rendered pictures compress better, and a lighter file is read sooner."""
    for path in sorted(Path(folder).rglob("*.jpg")):
        picture = cv2.imread(str(path))
        for quality in range(90, 101):
            data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            if len(data) >= BYTES_A_PIXEL * picture.shape[0] * picture.shape[1]:
                break
        path.write_bytes(data)


def name_of(network):
    """What the tables of benchmarks call a network."""
    return f"{network.model.replace('resnet', 'ResNet-')} {network.input_size} px"


def pairs_of(count, length, stores=2):
    """(count, 2) store, index: the stores in turn, each from its beginning and round again."""
    number = np.arange(count)
    return np.stack([number % stores, number // stores % length], 1)


def change_of(pairs):
    """The `Augmentation` of samples: the 2D set's may turn, as published."""
    pairs = np.asarray(pairs)
    return sample_augmentation(
        AUGMENTATION, pairs[:, 0].astype(np.int64) << 40 | pairs[:, 1], pairs[:, 0] == 0, 0, 0
    )
