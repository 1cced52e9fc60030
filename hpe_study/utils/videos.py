"""Videos of unknown origin → upright RGB frames, one after the other."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from hpe_study.errors import StudyError
from hpe_study.utils.files import require_regular_file

LARGEST = 150_000_000  # px in all, of a picture or a frame
ATOMS = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}  # what MP4 and QuickTime begin with
OTHER_STARTS = (b"\x1aE\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")  # Matroska and WebM, MPEG
FPS = 25.0  # where the file states no sensible rate
PATIENCE = 100  # frames in a row that may be unreadable before a video is taken to have ended
OPEN = 4  # videos that a process holds open for `video_frame`


class Video:
    """The frames of a video: iterate (number, (H, W, 3) uint8 RGB).

    A frame that cannot be decoded is left out and counted.

    Attributes:
        fps: Frames per second.
        count: Frames that the file states; 0 where it does not.
        lost: Frames that could not be decoded, known after the iteration.
    """

    def __init__(self, path: str | Path, every: int = 1) -> None:
        """Open a video of one of the usual containers, to decode one of `every` frames.

        Raises `StudyError` where it is another file (playlists name further files) or its frames are too
        large.
        """
        self.path, self.every, self.lost = require_regular_file(path), every, 0
        try:
            with self.path.open("rb") as stream:
                head = stream.read(12)
                avi = head[:4] == b"RIFF" and head[8:12] == b"AVI "
                if not (avi or head[4:8] in ATOMS or head.startswith(OTHER_STARTS)):
                    raise StudyError(f"{path}: not a video that can be read")
                has_ffmpeg = cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG) and os.path.exists("/dev/fd")
                backend = cv2.CAP_FFMPEG if has_ffmpeg else cv2.CAP_ANY
                # By its number, because FFmpeg reads more into names: protocols, patterns
                self._capture = cv2.VideoCapture(f"/dev/fd/{stream.fileno()}", backend)
        except OSError as error:
            raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
        if not self._capture.isOpened():
            raise StudyError(f"{path}: not a video that can be read")
        facts = ("FRAME_WIDTH", "FRAME_HEIGHT", "FPS", "FRAME_COUNT")
        width, height, fps, count = (self._capture.get(getattr(cv2, f"CAP_PROP_{fact}")) for fact in facts)
        if width * height > LARGEST:
            raise StudyError(f"{path}: its frames have more than {LARGEST:,} px; make it smaller")
        self.fps = fps if 1 <= fps <= 1000 else FPS
        self.count = int(count) if 0 < count < 1e9 else 0

    def __len__(self) -> int:
        return -(-self.count // self.every)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        number = failures = decoded = good = unreadable = 0
        try:
            while failures < PATIENCE:
                if self._capture.grab():
                    good, failures = good + 1, 0
                    if number % self.every == 0:
                        known, frame = self._capture.retrieve()
                        decoded, unreadable = decoded + known, unreadable + (not known)
                        if known:
                            yield number, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                elif number >= self.count:
                    break
                else:
                    failures += 1
                number += 1
        except cv2.error as error:
            raise StudyError(f"{self.path}: frame {number} cannot be decoded ({error.err})") from error
        finally:
            self.lost = max(self.count - good, 0) + unreadable
            self._capture.release()
        if decoded == 0:
            raise StudyError(f"{self.path}: has no frame that can be read")


class _Frames:
    """The frames of a video by number: asked for in rising order, each is decoded once."""

    def __init__(self, path):
        self.path, self.frames, self.number, self.frame = path, iter(()), -1, None

    def __getitem__(self, number):
        if number < self.number or self.frame is None:
            self.frames = iter(Video(self.path))
        while self.frame is None or self.number != number:
            self.number, self.frame = next(self.frames, (None, None))
            if self.frame is None or self.number > number:
                self.frame = None
                raise StudyError(f"{self.path}: has no frame {number} that can be read (the first is 0)")
        return self.frame


@lru_cache(maxsize=OPEN)
def _frames(path):
    return _Frames(path)


def video_frame(path: str | Path, number: int) -> np.ndarray:
    """One frame of a video, (H, W, 3) uint8 RGB; number 0 is the first. Fast in the order of the video.

    Raises `StudyError` where it is no video, or has no such frame.
    """
    return _frames(Path(path))[number]
