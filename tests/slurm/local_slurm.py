"""A whole Slurm on this machine, in a folder of its own: munged, slurmctld, one slurmd with two GPUs that are
nothing but device files.

python tests/slurm/local_slurm.py squeue        run a command in it
"""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from hpe_study.utils.processes import end_with_parent

COMMANDS = ("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
NEEDED = (
    "munged",
    "slurmctld",
    "slurmd",
    *COMMANDS,
)  # Debian: apt-get install slurmctld slurmd slurm-client munge
CONFIGURATION = """\
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=5
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=local Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def lacking():
    """Why no Slurm can be started here, or an empty text."""
    absent = [name for name in NEEDED if not shutil.which(name, path=_path())]
    if absent:
        return (
            f"Slurm is not installed: no {', '.join(absent)} (Debian: apt-get install slurmctld slurmd"
            " slurm-client munge)"
        )
    if not find_spec("snakemake_executor_plugin_slurm"):
        return "snakemake-executor-plugin-slurm is not installed (pip install -e '.[slurm]')"
    if os.getuid():
        return "only root can start slurmd and make device files"
    return ""


@contextlib.contextmanager
def local_slurm(folder, cores=2, gpus=2):
    """Start it in `folder`; yields the environment in which Slurm's commands find it. Raises `RuntimeError`
    where the node stays down."""
    folder = Path(folder)
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    for number in range(gpus):  # Slurm wants device files; these are the null device
        os.mknod(folder / f"gpu{number}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    host, memory = (
        socket.gethostname().split(".")[0],
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
    )
    values = {
        "host": host,
        "folder": folder,
        "ports": _free_ports(2),
        "cores": cores,
        "memory": int(0.9 * memory),
        "gpus": gpus,
    }
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**values))
    (folder / "gres.conf").write_text(
        f"NodeName={host} Name=gpu File={folder}/gpu[0-{gpus - 1}] Flags=nvidia_gpu_env\n"
    )
    environment = {
        **os.environ,
        "SLURM_CONF": str(folder / "slurm.conf"),
        "PATH": _with_its_configuration(folder),
    }
    munge = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
    with contextlib.ExitStack() as started:
        for words in (
            ["munged", "--foreground", "--force", f"--socket={folder}/munge.sock", *munge],
            ["slurmctld", "-D", "-f", environment["SLURM_CONF"]],
            ["slurmd", "-D", "-f", environment["SLURM_CONF"], "-N", host],
        ):
            started.enter_context(_daemon(words, environment, folder / f"{words[0]}.out"))
            time.sleep(1)
        _wait_until_up(environment, folder)
        yield environment


@contextlib.contextmanager
def _daemon(words, environment, output):
    with open(output, "w") as stream:
        process = subprocess.Popen(
            words,
            env=environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
            preexec_fn=partial(end_with_parent, signal.SIGTERM),
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(environment, folder, seconds=30):
    deadline = time.time() + seconds
    while time.time() < deadline:
        state = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True
        ).stdout.strip()
        if state == "idle":
            return
        time.sleep(0.5)
    raise RuntimeError(
        f"the node is {state or 'not known'} after {seconds} s; see the .out files in {folder}"
    )


def _with_its_configuration(folder):
    """A PATH whose Slurm commands know where this Slurm's configuration lies: jobs are started without
    Slurm's variables."""
    (folder / "bin").mkdir()
    for name in COMMANDS:
        command = folder / "bin" / name
        command.write_text(
            f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which(name, path=_path())} "$@"\n'
        )
        command.chmod(0o755)
    return os.pathsep.join([str(folder / "bin"), _path()])


def _path():
    """Daemons lie in sbin, which not every PATH names."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def _free_ports(count):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


if __name__ == "__main__":
    if lacking():
        sys.exit(lacking())
    with tempfile.TemporaryDirectory() as home, local_slurm(home) as slurm:
        sys.exit(subprocess.run(sys.argv[1:] or ["sinfo"], env=slurm).returncode)
