"""Several small runs on one GPU at a time: what they come to together."""

import multiprocessing
import time

from hpe_study.errors import StudyError

PATIENCE = 300.0  # seconds for a process to start and warm up


def shared_rate(material, folder, device, runs, images):
    """Images a second of `runs` processes together, each training the shallow network on its own: epochs of
    `images`, all begun at the same moment. Raises `StudyError` where a process ends before its time."""
    sizes = material.sizes
    material.data(sizes.shallow_size, "raw")  # the stores, made once
    context = multiprocessing.get_context("spawn")
    ready, times = context.Barrier(runs), context.Queue()
    arguments = [
        (material, folder / str(number), str(device), images, ready, times) for number in range(runs)
    ]
    processes = [context.Process(target=_train, args=job, daemon=True) for job in arguments]
    for process in processes:
        process.start()
    try:
        measured = [times.get(timeout=2 * PATIENCE) for _ in processes]
    except Exception as error:
        raise StudyError(f"benchmarks sharing: of {runs} processes one ended before its time") from error
    finally:
        for process in processes:
            process.join(timeout=10)
    seconds = max(end for _, end, _ in measured) - min(start for start, _, _ in measured)
    return sum(images for *_, images in measured) / seconds


def _train(material, folder, device, images, ready, times):
    sizes = material.sizes
    trainer = material.trainer(
        sizes.shallow, sizes.shallow_size, "bf16", folder, "raw", device=device, samples=images // 2
    )
    trainer._epoch()
    ready.wait(PATIENCE)
    start = time.monotonic()  # the same clock in all processes
    row = trainer._epoch()
    times.put((start, time.monotonic(), row["images"]))
