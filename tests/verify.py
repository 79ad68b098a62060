"""Rerun the committed pipeline from empty caches under other conditions; compare every byte.

Prints a table, a row as soon as it is known: variation, stages run, files compared, files that
differ. Exit status 1 if a file differs or dvc.lock is not the same byte for byte.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
NO_SIMD = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR AVX2 FMA3 AVX512F AVX512CD AVX512_SKX"
VARIATIONS = {  # environment, umask, folder
    "as committed": ({}, 0o022, "checkout"),
    "PyTorch without SIMD": ({"ATEN_CPU_CAPABILITY": "default"}, 0o022, "checkout"),
    "PyTorch with AVX2": ({"ATEN_CPU_CAPABILITY": "avx2"}, 0o022, "checkout"),
    "NumPy without SIMD": ({"NPY_DISABLE_CPU_FEATURES": NO_SIMD}, 0o022, "checkout"),
    "two threads": (
        {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
        0o022,
        "checkout",
    ),
    "locale, time zone, hash seed, path, umask": (
        {"LC_ALL": "C", "TZ": "Pacific/Chatham", "PYTHONHASHSEED": "12345"},
        0o077,
        "check out/φ",
    ),
    "one process": ({}, 0o022, "checkout"),
    "two processes": ({}, 0o022, "checkout"),
}
CORES = {"one process": 1, "two processes": 2}  # which a stage has for its shards
PYTHONS = ("3.12", "3.13")  # for the stages that need no PyTorch


def clone(folder: Path) -> Path:
    """Clone the committed state without what the stages write."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    for name in ("metrics", "plots"):
        shutil.rmtree(folder / name)
    return folder


def outputs(lock: bytes) -> dict[str, str]:
    """Return the MD5 of each output in dvc.lock."""
    stages = yaml.safe_load(lock)["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}


def compare(folder: Path, log: str) -> tuple[int, int, int]:
    """Return the stages run, the files compared, and those that differ, dvc.lock included."""
    show = ["git", "show", "HEAD:dvc.lock"]
    committed = subprocess.run(show, cwd=folder, check=True, capture_output=True).stdout
    written = (folder / "dvc.lock").read_bytes()
    found, wanted = outputs(written), outputs(committed)
    differ = sum(found.get(path) != md5 for path, md5 in wanted.items())
    differ += written != committed
    return log.count("Running stage"), len(wanted) + 1, differ


def repro(
    folder: Path,
    bin_folder: Path,
    *arguments: str,
    environment: dict,
    umask: int,
    cores: int | None = None,
) -> str:
    """Run dvc repro, on so many cores, and return what it printed."""
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    run = subprocess.run(
        [
            "taskset",
            "--cpu-list",
            ",".join(map(str, allowed)),
            bin_folder / "dvc",
            "repro",
            *arguments,
        ],
        cwd=folder,
        env=os.environ | environment | {"PATH": path},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"{run.stdout}\n{run.stderr}")
    return run.stdout


def vary(name: str, scratch: Path) -> tuple[int, int, int]:
    """Run the whole pipeline under one variation."""
    environment, umask, folder = VARIATIONS[name]
    checkout = clone(scratch / name.replace(" ", "_") / folder)
    log = repro(checkout, BIN, environment=environment, umask=umask, cores=CORES.get(name))
    return compare(checkout, log)


def pinned() -> list[str]:
    """Return the versions that the study is run with."""
    return (ROOT / "requirements.txt").read_text().splitlines()


def lowest() -> list[str]:
    """Return the lowest version of each package that pyproject.toml allows; pip finds the rest."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return [re.sub(r">=([^,]+).*", r"==\1", line) for line in listed]


def vary_packages(
    python: str, wanted: list[str], finished: Path, scratch: Path
) -> tuple[int, int, int] | None:
    """Rerun the stages that need no PyTorch in a finished checkout, with other packages."""
    if (
        shutil.which(python) is None
        or subprocess.run([python, "-V"], capture_output=True).returncode
    ):
        return None
    folder = Path(tempfile.mkdtemp(dir=scratch))
    venv, checkout, requirements = (folder / n for n in ("venv", "checkout", "requirements.txt"))
    subprocess.run([python, "-m", "venv", venv], check=True)
    requirements.write_text("\n".join(line for line in wanted if not line.startswith("torch=")))
    install = [venv / "bin/pip", "install", "--quiet", "--requirement", requirements]
    subprocess.run(install, check=True, capture_output=True)
    shutil.copytree(finished, checkout, symlinks=True)
    lock = yaml.safe_load((checkout / "dvc.lock").read_text())["stages"]
    stages = [
        name
        for name, stage in lock.items()
        if not name.startswith(("ablate", "survey", "diagnose"))  # start where torch.nn.Linear does
        and not any(dep["path"].endswith("by_torch.py") for dep in stage["deps"])
    ]
    arguments = ("--force", "--single-item", *stages)
    log = repro(checkout, venv / "bin", *arguments, environment={}, umask=0o022)
    return compare(checkout, log)


def main() -> int:
    """Run every variation, two at a time, and print the table."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        scratch = Path(folder)
        print("| variation | stages run | files compared | files that differ |")
        print("| --- | --- | --- | --- |", flush=True)
        whole = pool.map(lambda n: vary(n, scratch), VARIATIONS)
        differ = [say(name, row) for name, row in zip(VARIATIONS, whole, strict=True)]
        finished = scratch / "as_committed/checkout"
        others = {f"Python {v}": (f"python{v}", pinned()) for v in PYTHONS}
        others["the lowest versions of packages"] = sys.executable, lowest()
        again = pool.map(lambda how: vary_packages(*how, finished, scratch), others.values())
        for name, row in zip(others, again, strict=True):
            differ.append(say(f"{name}, stages without PyTorch", row))
    return int(any(differ))


def say(name: str, row: tuple[int, int, int] | None) -> int:
    """Print a row of the table, and return how many files differ."""
    cells = "not installed | – | –" if row is None else " | ".join(map(str, row))
    print(f"| {name} | {cells} |", flush=True)
    return 0 if row is None else row[2]


if __name__ == "__main__":
    sys.exit(main())
