"""Virtual environments for other people's programs, each made once from fully pinned requirements. Knows nothing of what they do."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

# The pins were resolved for this version.
VERSION = (3, 11)


class CannotInstall(Exception):
    pass


def _interpreter() -> str:
    named = os.environ.get("TESTS_PYTHON")
    for candidate in [named] if named else ["python3.11", "python3"]:
        path = shutil.which(candidate)
        if path is None:
            continue
        probe = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
        answer = subprocess.run([path, "-c", probe], capture_output=True, text=True)
        if answer.stdout.split() == [str(part) for part in VERSION]:
            return path
    raise CannotInstall("Python 3.11 with venv is needed; TESTS_PYTHON may name it")


def python_of(program: str, requirements: pathlib.Path, home: pathlib.Path) -> pathlib.Path:
    """The interpreter of a program's environment, which is made if it is missing or made from other pins."""
    pins = requirements / f"{program}.txt"
    stamp = hashlib.sha256(pins.read_bytes()).hexdigest()
    venv = home / program
    python, done = venv / "bin" / "python", venv / "pins.sha256"
    if done.is_file() and done.read_text() == stamp and python.exists():
        return python
    print(f"installing {program}", file=sys.stderr, flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    venv.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [_interpreter(), "-m", "venv", str(venv)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", str(pins)],
        [str(python), "-m", "pip", "check"],
    ):
        made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if made.returncode != 0:
            said = (made.stderr.strip() or made.stdout.strip())[-2000:]
            raise CannotInstall(
                f"{program} could not be installed, so nothing is proven about it. The first run needs the "
                f"network, later ones do not.\n{' '.join(command)}\n{said}"
            )
    done.write_text(stamp)
    return python
