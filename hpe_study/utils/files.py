"""Files that are either whole or not there: atomic writes, digests and locks."""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout

from hpe_study.errors import StudyError

# Errors of a full disk, a used-up quota, a limit to the size of files
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POLL = 0.1  # seconds between two looks at a lock that is waited for
TORCH_CUT_SHORT = "inline_container"  # in torch.save's error for a file that cannot be written to the end


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, renamed to `path` when the block ends well, deleted when not.

    So `path` is whole or not there. Its permissions are those of any new file of the user's (the umask).
    Raises `StudyError` where the disk is full, or the folder cannot be written to.
    """
    path = Path(path)
    writable(path.parent)
    if path.is_dir():
        raise StudyError(f"{path}: is a folder, and a file is to be written there; move it")
    if path.exists() and not path.is_file():  # it would be replaced: root would lose /dev/null
        raise StudyError(
            f"{path}: is a pipe, socket or device, and a file is to be written there; name another"
        )
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        part.touch(exist_ok=False)
        yield part
        with open(part, "rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            reason = os.strerror(error.errno)  # HDF5's own text has several lines
        elif not isinstance(error, OSError) and TORCH_CUT_SHORT in str(error):
            reason = "cut short"
        else:
            raise
        advice = "free some space and run the same command again"
        raise StudyError(f"{path}: the disk is full ({reason}); {advice}") from error
    finally:
        part.unlink(missing_ok=True)


def require_regular_file(path: str | Path) -> Path:
    """The path of a regular file (or of a link to one); `StudyError` where there is another thing, or none.

    Opening anything else could wait for ever (a FIFO) or never end (a device).
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StudyError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:  # a loop of links, a name too long or with a zero in it
        raise StudyError(f"{path}: cannot be read ({getattr(error, 'strerror', error)})") from error
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise StudyError(f"{path}: is {what}, not a file; replace it")
    return path


def open_log(path: str | Path) -> TextIO:
    """Open a text file to be written anew; `StudyError` where something else is there, such as a pipe."""
    if os.path.lexists(path):
        require_regular_file(path)
    return open(path, "w", encoding="utf-8")


def writable(folder: str | Path) -> None:
    """Make `folder` where it is not there; `StudyError` where nothing can be written into it."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()  # permissions alone say nothing of read-only disks
    except OSError as error:
        reason = "the disk is full" if error.errno in FULL else error.strerror
        if isinstance(error, FileExistsError):
            reason = "there is a file of that name"
        advice = "name another folder, or see to this one"
        raise StudyError(f"{folder}: cannot be written to ({reason}); {advice}") from error


def ask_for_room(path: str | Path, size: int) -> None:
    """Leave an empty file at `path`; OSError where there is no room for `size` bytes.

    HDF5 may crash the process when the disk fills up, so ask before writing much of it.
    """
    with open(path, "wb") as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, max(size, 1))
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot say
                raise
        stream.truncate(0)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically. NaN is written as null: missing is missing."""
    with atomic(path) as part:
        part.write_text(json.dumps(_no_nan(value), indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(
    path: str | Path,
    each: Callable[[dict], Any] | None = None,
    advice: str = "delete it to have it made again",
) -> Any:
    """Read a JSON file; `StudyError` where it is absent, no regular file, or not JSON.

    `each` is applied to every object as soon as it is read, so that a long list is never held as it stands in
    the file.
    """
    path = require_regular_file(path)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_hook=each)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # of JSON, of the text's encoding, of its depth
        raise StudyError(f"{path}: not readable as JSON ({error}); {advice}") from error


def digest(*paths: str | Path) -> str:
    """SHA-256 (hex) over the bytes of the files, in the order given."""
    sha = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as stream:
            hashlib.file_digest(stream, lambda: sha)  # goes on where the file before ended
    return sha.hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 (hex) of a JSON-able value: the same value gives the same digest in every process."""
    text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def lock(folder: str | Path, wait: bool = False, name: str = "") -> Iterator[None]:
    """Hold `folder`, or one name in it, for this process; released when the process ends, however it ends.

    The lock file, hidden and empty, stays in the folder. With `wait`, say so and wait where another process
    holds it; without, that raises `StudyError`.
    """
    folder = Path(folder)
    writable(folder)
    path = folder / f".{name}{'.' if name else ''}lock"
    held = FileLock(path)
    try:
        try:
            held.acquire(timeout=0)
        except Timeout as error:
            if not wait:
                reason = "another process is working here"
                raise StudyError(f"{folder}: {reason}; wait for it or stop it") from error
            print(f"{name or folder.name}: another process is at work on it; waiting", flush=True)
            held.acquire(poll_interval=POLL)
    except OSError as error:  # a link, or another user's
        raise StudyError(f"{path}: cannot be locked ({error.strerror}); delete it") from error
    try:
        yield
    finally:
        held.release()


def _no_nan(value):
    if isinstance(value, dict):
        return {str(key): _no_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_no_nan(item) for item in value]
    if isinstance(value, float) and value != value:
        return None
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return _no_nan(value.item())
    return value
