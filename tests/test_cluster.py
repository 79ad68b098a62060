"""A cluster of this machine's own: the same bytes as a pool of processes, whatever dies."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import ENVIRONMENT, ROOT, command, copy_pipeline

from stages import check
from stages.cluster.shards import ADDRESS, cores

pytest.importorskip("distributed")
pytestmark = [pytest.mark.xdist_group("cluster"), pytest.mark.slow]
PATIENCE = 60
DASK = Path(sys.executable).with_name("dask")


class Cluster:
    """A scheduler and workers of one thread each, which import what is in a folder."""

    def __init__(self, imported):
        self.environment = ENVIRONMENT | {"PYTHONPATH": str(imported or "")}
        self.file, self.processes = Path.cwd() / "scheduler.json", []
        self.file.unlink(missing_ok=True)  # of another cluster
        self._start("scheduler", "--port", "0", "--scheduler-file", str(self.file))
        deadline = time.monotonic() + PATIENCE
        while not self.file.exists() or not (text := self.file.read_text()).strip():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        self.address = yaml.safe_load(text)["address"]

    def _start(self, kind, *words):
        words = (DASK, kind, *words, "--host", "127.0.0.1", "--no-dashboard")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.processes.append(subprocess.Popen(words, env=self.environment, **quiet))
        return self.processes[-1]

    def worker(self):
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny")

    def joined(self, count):
        """Wait until so many workers have joined."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=PATIENCE)

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder with what the sweep reads; it has 32 shards."""
    copy_pipeline(tmp_path)
    shutil.copytree(ROOT / "metrics", tmp_path / "metrics")
    path = tmp_path / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["sweep"] |= {"replicas": 512, "epochs": 40}
    path.write_text(yaml.safe_dump(params, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    check.main()
    return tmp_path


@pytest.fixture
def start(study):
    """Return a function that starts a cluster with so many workers."""
    clusters = []

    def begin(workers, imported=study):
        clusters.append(Cluster(imported))
        for _ in range(workers):
            clusters[-1].worker()
        if workers:
            clusters[-1].joined(workers)
        return clusters[-1]

    yield begin
    for cluster in clusters:
        cluster.stop()


def sweep(folder, address=None, before=()):
    """Run the stage; return what it wrote, and how long it took."""
    environment = ENVIRONMENT | ({ADDRESS: address} if address else {})
    start = time.monotonic()
    words = (*before, sys.executable, "-m", "stages.sweep")
    done = command(*words, folder=folder, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    return (folder / "metrics/sweep.json").read_bytes(), time.monotonic() - start


def begun(folder, address):
    """Start the stage and return its process."""
    environment, words = ENVIRONMENT | {ADDRESS: address}, (sys.executable, "-m", "stages.sweep")
    return subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def refusal(folder, address):
    """Run the stage, which must end with one line, and return that."""
    environment, start = ENVIRONMENT | {ADDRESS: address}, time.monotonic()
    done = command(sys.executable, "-m", "stages.sweep", folder=folder, env=environment)
    assert time.monotonic() - start < 10
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    prefix = f"{ADDRESS} = '{address}': "
    assert done.stderr.startswith(prefix)
    return done.stderr.removeprefix(prefix).strip()


def test_wherever_it_runs_it_writes_the_same_bytes(study, start):
    wanted, _ = sweep(study)
    one, _ = sweep(study, before=("taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))))
    assert one == wanted
    for workers in (1, 2, 4):
        found, _ = sweep(study, start(workers).address)
        assert found == wanted


def test_a_worker_may_be_killed_half_way(study, start):
    from distributed import Client

    wanted, _ = sweep(study)
    cluster = start(2)
    stage = begun(study, cluster.address)
    with Client(cluster.address, set_as_default=False) as client:
        deadline = time.monotonic() + PATIENCE
        while not all(client.processing().values()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(1)
        assert all(client.processing().values())
    cluster.processes[1].send_signal(signal.SIGKILL)
    _, said = stage.communicate(timeout=600)
    assert stage.returncode == 0, said
    assert (study / "metrics/sweep.json").read_bytes() == wanted


@pytest.mark.skipif(cores() < 2, reason="there is one core")
def test_two_workers_are_faster_than_one(study, start):
    """The whole sweep, the better of two, beside whatever else the machine does."""
    shutil.copy(ROOT / "params.yaml", study)
    check.main()
    one, two = start(1), start(2)
    ratios = [sweep(study, one.address)[1] / sweep(study, two.address)[1] for _ in range(2)]
    assert max(ratios) >= 1.6, ratios


def test_a_scheduler_without_workers_is_one_line(study, start):
    assert refusal(study, start(0).address) == "its scheduler has no worker"


def test_a_scheduler_that_dies_is_one_line(study, start):
    cluster = start(1)
    stage = begun(study, cluster.address)
    time.sleep(4)
    cluster.stop()
    stopped = time.monotonic()
    _, said = stage.communicate(timeout=PATIENCE)
    assert time.monotonic() - stopped < 10
    assert stage.returncode == 1
    assert said.count("\n") == 1
    assert said.startswith(f"{ADDRESS} = ")


def test_a_scheduler_that_lacks_the_package_is_one_line(study, start):
    assert "No module named 'stages'" in refusal(study, start(1, imported=None).address)


def test_other_code_is_one_line(study, start, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(study / "stages", other / "stages")
    with (other / "stages/sgd/by_numpy.py").open("a") as file:
        file.write("# other\n")
    said = refusal(study, start(1, imported=other).address)
    assert said.startswith("scheduler has stages ")
