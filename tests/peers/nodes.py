"""The node packages of a client, installed once from exact versions. Knows nothing of Salesforce."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

from venvs import CannotInstall


def node_of(client: str, requirements: pathlib.Path, home: pathlib.Path) -> pathlib.Path:
    """A program that runs scripts with the client's packages, which are installed if missing or of other versions."""
    pins = requirements / client / "package.json"
    stamp = hashlib.sha256(pins.read_bytes()).hexdigest()
    folder = home / client
    runner, done = folder / "run", folder / "pins.sha256"
    if done.is_file() and done.read_text() == stamp and runner.exists():
        return runner
    node, npm = shutil.which(os.environ.get("PEERS_NODE") or "node"), shutil.which("npm")
    if node is None or npm is None:
        raise CannotInstall(f"{client} needs node 18 or later with npm; PEERS_NODE may name node")
    print(f"installing {client}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(pins, folder / "package.json")
    command = [npm, "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    made = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if made.returncode != 0:
        said = (made.stderr.strip() or made.stdout.strip())[-2000:]
        raise CannotInstall(f"{client} could not be installed, so nothing is proven about it. The first run needs the "
                            f"network, later ones do not.\n{' '.join(command)}\n{said}")
    runner.write_text(f'#!/bin/sh\nNODE_PATH="{folder}/node_modules" exec "{node}" "$@"\n')
    runner.chmod(0o755)
    done.write_text(stamp)
    return runner
