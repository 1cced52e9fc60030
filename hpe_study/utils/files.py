"""Files that are either whole or not there: atomic writes, digests and locks."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import stat
import tempfile
from pathlib import Path

from hpe_study.errors import StudyError

FULL = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
)  # what the system says of a full disk, a full share of it, a limit to files


TORCH_CUT_SHORT = "inline_container"  # in what torch.save says when its file cannot be written to the end


@contextlib.contextmanager
def atomic(path):
    """Give a temporary path beside `path`; rename it to `path` when the block ends well, delete it when not.

    Whoever finds `path` finds all of it. A full disk, or a folder that cannot be written to, becomes a
    `StudyError` that names it.
    """
    path = Path(path)
    writable(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".part{path.suffix}", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with open(part, "rb") as written:
            os.fsync(written.fileno())
        part.chmod(0o644)  # mkstemp makes private files; what the study writes is ordinary
        part.replace(path)
    except OSError as error:
        if error.errno in FULL:
            raise StudyError(
                f"{path}: the disk is full ({error.strerror}); free some space and run the same command again"
            ) from error
        raise
    except RuntimeError as error:
        if TORCH_CUT_SHORT in str(error):
            raise StudyError(
                f"{path}: the disk is full (cut short); free some space and run the same command again"
            ) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def require_regular_file(path: str | Path) -> Path:
    """Return the path of a regular file (or of a link to one) as a `Path`.

    Opening anything else could wait for ever (a FIFO) or never end (a device).

    Raises:
        StudyError: There is nothing, or something else, at the path; nothing is opened.
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


def writable(folder):
    """Make `folder` where it is not there. Raises `StudyError` where nothing can be written into it."""
    folder = Path(folder)
    reason = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(
            dir=folder
        ).close()  # asked by doing: permissions alone do not tell of read-only disks
    except FileExistsError:
        reason = "there is a file of that name"
    except OSError as error:
        reason = "the disk is full" if error.errno in FULL else error.strerror
    if reason:
        raise StudyError(
            f"{folder}: cannot be written to ({reason}); name another folder, or see to this one"
        )


def ask_for_room(path, size):
    """Raise the system's OSError where there is no room for `size` bytes at `path`, an empty file; nothing is
    kept of them.

    HDF5 may crash the process when the disk fills up under it, so whoever writes much of it asks first.
    """
    with open(path, "wb") as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, max(size, 1))
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot say
                raise
        stream.truncate(0)


def write_json(path, value):
    """Write `value` as indented JSON, atomically. NaN is written as null: missing is missing."""
    with atomic(path) as part:
        part.write_text(json.dumps(_no_nan(value), indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path, each=None, advice="delete it to have it made again"):
    """Read a JSON file; a `StudyError` names the file when it is absent or not JSON, and gives the advice.

    each: what to make of every object as soon as it is read (dict → anything), so that a long list is never
    held as it stands in the file.
    """
    path = require_regular_file(path)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_hook=each)
    except (ValueError, RecursionError) as error:  # of JSON, of the text's encoding, of its depth
        raise StudyError(f"{path}: not readable as JSON ({error}); {advice}") from error


def digest(*paths, chunk=1 << 20):
    """SHA-256 (hex) over the bytes of the files, in the order given."""
    sha = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as stream:
            while block := stream.read(chunk):
                sha.update(block)
    return sha.hexdigest()


def digest_of(value):
    """SHA-256 (hex) of a JSON-able value: the same value gives the same digest in every process."""
    text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def lock(folder, wait=False, name=""):
    """Hold `folder`, or one name in it, for this process; the kernel lets go of it when the process ends,
    however it ends.

    Where another process holds it: wait for that one (saying so), or raise `StudyError`; also where the
    folder cannot be written to.
    """
    folder = Path(folder)
    path = folder / f".{name}{'.' if name else ''}lock"
    while True:
        writable(folder)
        with open(path, "w") as stream:
            _hold(stream, name or folder.name, wait, folder)
            if not _is_at(stream, path):
                continue  # who held it before has removed it: another file is the lock now
            try:
                yield
            finally:
                if name and _is_at(stream, path):  # a folder's own lock stays with the folder
                    path.unlink()
            return


def _hold(stream, what, wait, folder):
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        if not wait:
            raise StudyError(f"{folder}: another process is working here; wait for it or stop it") from error
        print(f"{what}: another process is at work on it; waiting", flush=True)
        fcntl.flock(stream, fcntl.LOCK_EX)


def _is_at(stream, path):
    """Whether an open file is the one that lies at `path`."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


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
