"""Worker processes that compute: one thread each, and gone when the process that started them is gone."""

import multiprocessing
import os
import threading

import cv2
import torch


def start_worker():
    """What a worker process does first (an executor's `initializer`)."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    multiprocessing.parent_process().join()  # returns when the parent is gone, however it went
    os._exit(1)
