"""Photos and videos as people have them → upright RGB, or one line that says why not."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image

from hpe_study.errors import StudyError
from hpe_study.utils.files import require_regular_file
from hpe_study.utils.pictures import LARGEST, open_picture

JPEGS = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}
PHOTOS = JPEGS | {".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".avif", ".heic", ".heif"}
VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"}
SMALLEST = 32  # px: in a smaller picture nobody can be recognised
HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}
TURNS = {  # by EXIF's orientation; 1 is upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ATOMS = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}  # what MP4 and QuickTime begin with
OTHER_STARTS = (b"\x1aE\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")  # Matroska and WebM, MPEG
FPS = 25.0  # where the file states no sensible rate
PATIENCE = 100  # frames in a row that may be unreadable before a video is taken to have ended


def find(paths: Sequence[str | Path]) -> list[Path]:
    """Files as they are given, folders as the photos and videos in them, by name.

    A path that is not there is kept, so that it can be reported beside the others' results.

    Raises:
        StudyError: There is no file at all.
    """
    files = []
    for path in map(Path, paths):
        try:
            inside = sorted(path.iterdir()) if os.path.isdir(path) else None
        except OSError:  # a folder that may not be read: reported like a file that cannot be read
            inside = None
        if inside is None:
            files.append(path)
        else:
            files += [file for file in inside if file.suffix.lower() in PHOTOS | VIDEOS]
    names = ", ".join(printable(path) for path in paths[:5])
    if not files:
        endings = " ".join(sorted(PHOTOS | VIDEOS))
        raise StudyError(f"{names}: no photo or video in it (endings known: {endings})")
    if not any(os.path.exists(path) for path in files):
        raise StudyError(f"{names}: no such file or folder")
    return files


def printable(text: str | Path) -> str:
    """A file's name on one line of valid Unicode: other bytes and characters as backslash escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(text))


def is_video(path: Path) -> bool:
    """Whether a file is taken for a video, by its ending."""
    return path.suffix.lower() in VIDEOS


def read_photo(path: str | Path) -> np.ndarray:
    """Read a photo as (H, W, 3) uint8 RGB, turned upright as EXIF says.

    Grey, 16-bit, palette and transparent pictures are converted; what is transparent becomes white.

    Raises:
        StudyError: The file is absent, no picture, truncated, HEIC, too small or too large.
    """
    if _is_heic(require_regular_file(path)):
        raise StudyError(f"{path}: is a HEIC picture, which cannot be read here; save it as JPEG")
    with open_picture(path, advice="save it as a smaller JPEG or PNG of 8 bits") as image:
        width, height = image.size
        if min(width, height) < SMALLEST:
            raise StudyError(
                f"{path}: is {width}×{height} px; nobody can be recognised in less than {SMALLEST} px"
            )
        return np.ascontiguousarray(_rgb(_upright(image)))


def _upright(image):
    """The picture turned as its EXIF says; as it is where the EXIF is damaged."""
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # a damaged EXIF block raises many kinds; the pixels are still good
        turn = None
    return image.transpose(turn) if turn is not None else image


def _rgb(image):
    if image.mode.startswith("I;16"):  # Pillow's own conversion would cut the values off
        grey = np.clip(np.asarray(image) / 257.0, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "P" or "A" in image.mode:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))


def _is_heic(path):
    try:
        with path.open("rb") as stream:
            head = stream.read(12)
    except OSError:  # `open_picture` says why
        return False
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS


class Video:
    """The frames of a video: iterate (number, (H, W, 3) uint8 RGB).

    A frame that cannot be decoded is left out and counted.

    Attributes:
        fps: Frames per second.
        count: Frames that the file states; 0 where it does not.
        lost: Frames that could not be decoded, known after the iteration.
    """

    def __init__(self, path: str | Path, every: int = 1) -> None:
        """Open a video.

        Args:
            path: A file of one of the usual containers. Others are not opened: playlists name further files.
            every: One of so many frames is decoded.

        Raises:
            StudyError: It is no regular file, no video, or its frames are too large.
        """
        self.path, self.every, self.lost = require_regular_file(path), every, 0
        try:
            with self.path.open("rb") as stream:
                if not _is_container(stream.read(12)):
                    raise StudyError(f"{path}: not a video that can be read")
                # By its number, because FFmpeg reads more into names: protocols, patterns
                self._capture = cv2.VideoCapture(f"/dev/fd/{stream.fileno()}", _backend())
        except OSError as error:
            raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
        if not self._capture.isOpened():
            raise StudyError(f"{path}: not a video that can be read")
        width, height = (
            self._capture.get(key) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if width * height > LARGEST:
            raise StudyError(f"{path}: its frames have more than {LARGEST:,} px; make it smaller")
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 1 <= fps <= 1000 else FPS
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.count = int(count) if 0 < count < 1e9 else 0

    def __len__(self) -> int:
        return -(-self.count // self.every)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        number = failures = decoded = 0
        good = unreadable = 0
        try:
            while failures < PATIENCE:
                if self._capture.grab():
                    good, failures = good + 1, 0
                    if number % self.every == 0:
                        known, frame = self._capture.retrieve()
                        if known:
                            decoded += 1
                            yield number, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                        else:
                            unreadable += 1
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


def _is_container(head):
    """Whether a file's first 12 bytes are those of MP4, QuickTime, AVI, Matroska or MPEG."""
    avi = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    return avi or head[4:8] in ATOMS or head.startswith(OTHER_STARTS)


def _backend():
    has_ffmpeg = cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG) and os.path.exists("/dev/fd")
    return cv2.CAP_FFMPEG if has_ffmpeg else cv2.CAP_ANY
