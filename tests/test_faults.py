"""Kills, interrupts, full disks, damaged files and rivals: nothing half done stays behind."""

import ctypes
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ENVIRONMENT, command, git

pytestmark = [pytest.mark.xdist_group("pipeline"), pytest.mark.long]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def listen():
    """Undo an inherited deafness to Ctrl-C, which a shell gives its background jobs."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(folder):
    return subprocess.Popen(
        ["dvc", "repro"],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=listen,
    )


@pytest.fixture
def emptied(finished, tmp_path):
    """A clone of it, caches empty, with nothing that the stages write."""
    folder = tmp_path / "study"
    git(tmp_path, "clone", "--quiet", str(finished), str(folder))
    for name in ("metrics", "plots"):
        shutil.rmtree(folder / name)
    return folder


def resume(folder):
    (folder / ".dvc/tmp").mkdir(exist_ok=True)
    unlocked = command("make", "--silent", "unlock", folder=folder)
    assert unlocked.returncode == 0, unlocked.stderr
    return start(folder)


@pytest.mark.slow
def test_killed_at_twenty_moments_and_resumed(emptied, finished):
    moments = random.Random(0)
    for _ in range(20):
        repro = resume(emptied)
        time.sleep(moments.uniform(0.3, 3.0))
        os.killpg(repro.pid, signal.SIGKILL)
        repro.communicate()
    last = resume(emptied)
    printed, _ = last.communicate()
    assert last.returncode == 0, printed
    assert (emptied / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()
    assert git(emptied, "status", "--porcelain") == ""
    assert command("dvc", "status", folder=emptied).stdout.startswith("Data and pipelines")


def test_an_interrupt_ends_at_once_and_keeps_what_is_finished(emptied, finished):
    repro = start(emptied)
    done = ("data/gaussian.csv", "data/disc.csv", "data/wave.csv", "metrics/logistic/exact.json")
    while not all((emptied / name).exists() for name in done):
        assert repro.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    asked = time.monotonic()
    os.killpg(repro.pid, signal.SIGINT)
    repro.communicate(timeout=10)
    assert time.monotonic() - asked < 2
    assert repro.returncode not in (0, None)
    for name in done:
        assert (emptied / name).read_bytes() == (finished / name).read_bytes()
    assert not [p for p in emptied.rglob("*.partial") if p.is_file()]


def test_two_at_once_do_not_corrupt_each_other(study, finished):
    for stage in ("train_numpy@two_layer", "train_numpy@svm"):
        problem = stage.split("@")[1]
        shutil.rmtree(study / f"data/runs/{problem}/numpy")
    shutil.rmtree(study / ".dvc/cache/runs", ignore_errors=True)
    rivals = [start(study), start(study)]
    printed = [rival.communicate(timeout=120)[0] for rival in rivals]
    assert any(rival.returncode == 0 for rival in rivals)
    for rival, text in zip(rivals, printed, strict=True):
        assert rival.returncode == 0 or "lock" in text
    assert command("dvc", "repro", folder=study).returncode == 0
    assert (study / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()
    assert git(study, "status", "--porcelain") == ""


def test_a_damaged_cache_object_is_not_used(study, finished):
    whole = (finished / "data/gaussian.csv").read_bytes()
    (damaged,) = [
        p for p in (study / ".dvc/cache").rglob("*") if p.is_file() and p.read_bytes() == whole
    ]
    damaged.chmod(0o644)
    damaged.write_bytes(whole[: len(whole) // 2])
    (study / "data/gaussian.csv").unlink()
    assert command("dvc", "repro", "dataset@gaussian", folder=study).returncode == 0
    assert (study / "data/gaussian.csv").read_bytes() == whole
    assert git(study, "status", "--porcelain") == ""


def stage(folder, *words, **options):
    return command(sys.executable, "-m", *words, folder=folder, **options)


def test_a_full_disk_leaves_no_partial_file(study):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))

    before = {p: p.read_bytes() for p in study.rglob("*") if p.is_file() and ".dvc" not in p.parts}
    failed = stage(study, "stages.run", "problems.svm", "numpy", preexec_fn=limit)
    assert failed.returncode == 1
    assert failed.stderr == ("data/runs/svm/numpy/recipe.json: cannot be written: File too large\n")
    after = {p: p.read_bytes() for p in study.rglob("*") if p.is_file() and ".dvc" not in p.parts}
    assert {p: b for p, b in after.items() if "__pycache__" not in p.parts} == {
        p: b for p, b in before.items() if "__pycache__" not in p.parts
    }


def test_a_read_only_checkout_is_named(study):
    def respect_permissions():  # which root does not, unless it gives CAP_DAC_OVERRIDE up
        if os.getuid() == 0:
            ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)

    (study / "data").chmod(0o555)
    failed = stage(study, "stages.dataset", "gaussian", preexec_fn=respect_permissions)
    (study / "data").chmod(0o755)
    assert failed.returncode == 1
    assert failed.stderr == "data/gaussian.csv: cannot be written: Permission denied\n"


def damage(path, how):
    if how == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "pickled":
        np.savez(path, theta=np.array([{}], dtype=object))
    else:
        first, second, *rest = path.read_text().splitlines()
        path.write_text("\n".join([first, f"{second.rsplit(',', 1)[0]},{how}", *rest]) + "\n")


@pytest.mark.parametrize(
    ("path", "how", "words"),
    [
        ("data/gaussian.csv", "0", ("stages.run", "problems.svm", "numpy")),
        ("data/gaussian.csv", "nan", ("stages.run", "problems.svm", "torch")),
        ("data/gaussian.csv", "inf", ("stages.certify", "svm", "problems.svm")),
        ("data/gaussian.csv", "truncated", ("stages.run", "programs.appendix_b")),
        ("data/disc.csv", "2", ("stages.figure", "3a")),
        ("data/runs/quadratic_svm/numpy/theta.npz", "pickled", ("stages.figure", "3b")),
        ("data/runs/quadratic_svm/numpy/theta.npz", "truncated", ("stages.claims",)),
        ("data/programs/appendix_a/run.npz", "pickled", ("stages.ablate", "logistic")),
        ("data/programs/appendix_a/history.csv", "", ("stages.figure", "1")),
        ("metrics/svm/exact.json", "truncated", ("stages.run", "problems.svm", "numpy")),
    ],
)
def test_damaged_inputs_are_refused_by_name(path, how, words, study):
    damage(study / path, how)
    refused = stage(study, *words)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"{path}: ")
    assert refused.stderr.count("\n") == 1


def test_a_diverging_run_says_what_is_lost(study):
    text = (study / "params.yaml").read_text()
    (study / "params.yaml").write_text(
        text.replace("learning_rate: 0.007", "learning_rate: 1.0e+6")
    )
    failed = stage(study, "stages.run", "problems.two_layer", "numpy")
    assert failed.returncode == 1
    assert "problems.two_layer.learning_rate = 1000000.0: diverges in epoch " in failed.stderr
    assert failed.stderr.endswith("of 3 replicas lost\n")
    assert failed.stderr.count("\n") == 1


def test_the_runner_is_the_pipeline(finished):
    """What `dvc repro` itself writes for a stage is what the fixture wrote."""
    forced = command("dvc", "repro", "--force", "--single-item", "certify@svm", folder=finished)
    assert forced.returncode == 0
    assert git(finished, "status", "--porcelain") == ""
