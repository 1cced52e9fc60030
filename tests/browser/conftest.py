"""A real browser and a JupyterLab for all tests of this folder: Debian's chromium, Lab on localhost."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-the-tests"
SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--no-first-run", "--disable-quic", "--disable-background-networking", "--disable-sync"),
    "--disable-component-update",
]
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells stay in the page
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},  # nothing pops up
}
NAMES = ("chromium", "chromium-browser", "google-chrome")
START = 180  # seconds that a server may take on a busy machine


@dataclass
class Lab:
    """A JupyterLab that runs, and the browser that it is seen in."""

    browser: Any
    address: str
    root: Path

    def url(self, notebook):
        """The address of a notebook below the root folder, in a workspace of its own: Lab restores no other tab."""
        place = f"{notebook.stem}/tree/{notebook.relative_to(self.root)}"
        return f"{self.address}/lab/workspaces/{place}?token={TOKEN}"


@pytest.fixture(scope="package")
def chromium():
    """A chromium of this machine under Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no chromium on PATH (Debian, Ubuntu: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def lab(chromium, tmp_path_factory):
    """A JupyterLab over the folder that this process' tests write below."""
    own, root = tmp_path_factory.mktemp("jupyter"), tmp_path_factory.getbasetemp()
    for name, values in SETTINGS.items():
        path = own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    address = f"http://127.0.0.1:{_free_port()}"
    with open(own / "log", "w") as log:
        process = subprocess.Popen(
            _command(address, root), env=_environment(own), cwd=root, stdout=log, stderr=log
        )
    try:
        deadline = time.time() + START
        while not _answers(f"{address}/api/status?token={TOKEN}"):
            assert time.time() < deadline, (own / "log").read_text()[-2000:]
            time.sleep(0.1)
        yield Lab(chromium, address, root)
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="package")
def project(lab, tiny_study, tmp_path_factory):
    """A copy of the tiny study's project, below the Lab's folder, to write into."""
    return shutil.copytree(tiny_study.home, tmp_path_factory.mktemp("project") / "home")


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _command(address, root):
    return [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        f"--port={address.rpartition(':')[2]}",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
    ]


def _environment(own):
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    own_folders = {name: str(own / folder) for name, folder in folders.items()}
    return {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1", **own_folders}


def _answers(address):
    try:
        return urllib.request.urlopen(address, timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False
