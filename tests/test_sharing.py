"""Sharing the study through a remote, queueing experiments, and coming back from them."""

import json
import time
import urllib.request

import psutil
import pytest
import yaml
from conftest import ENVIRONMENT, ROOT, command, git
from moto.server import ThreadedMotoServer

pytestmark = [pytest.mark.xdist_group("pipeline"), pytest.mark.slow]
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
PATIENCE = 300  # seconds for what takes ten


def dvc(folder, *words):
    done = command("dvc", *words, folder=folder, env=ENVIRONMENT | KEYS, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def bucket():
    """Return the address of an S3 server on this machine, which holds an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    request = urllib.request.Request(f"{address}/study", method="PUT")  # noqa: S310
    urllib.request.urlopen(request).close()  # noqa: S310
    yield address
    server.stop()


def push_and_pull(study, folder):
    """Push a study's results, clone it, and hold what the clone pulls against them."""
    git(study, "commit", "--quiet", "--all", "--message", "Name the store")
    dvc(study, "push")
    fresh = folder / "fresh"
    git(folder, "clone", "--quiet", str(study), str(fresh))
    assert not (fresh / "data/gaussian.csv").exists()
    dvc(fresh, "pull")
    assert "Running stage" not in dvc(fresh, "repro")
    assert git(fresh, "status", "--porcelain") == ""
    for path in (study / "data").rglob("*.*"):
        assert (fresh / path.relative_to(study)).read_bytes() == path.read_bytes()


def test_a_directory_shares_the_results(study, tmp_path):
    dvc(study, "remote", "add", "--default", "store", str(tmp_path / "store"))
    push_and_pull(study, tmp_path)


def test_a_bucket_shares_the_results(study, tmp_path, bucket):
    dvc(study, "remote", "add", "--default", "store", "s3://study/results")
    dvc(study, "remote", "modify", "store", "endpointurl", bucket)
    push_and_pull(study, tmp_path)


def running_in(folder):
    """Return the processes that work in a folder or below it."""
    return [
        process
        for process in psutil.process_iter(["cwd"])
        if (process.info["cwd"] or "").startswith(str(folder))
    ]


@pytest.fixture
def unattended(study):
    """A study that no process works in once the test is over."""
    yield study
    dvc(study, "queue", "stop", "--kill")
    _, alive = psutil.wait_procs(running_in(study), timeout=60)
    for process in alive:
        process.kill()


def test_queued_experiments_run_side_by_side(unattended):
    values = {0.9, 0.99}
    for value in values:
        dvc(unattended, "exp", "run", "--queue", "--set-param", f"claims.agreement={value}")
    deadline = time.monotonic() + 2 * PATIENCE
    dvc(unattended, "queue", "start", "--jobs", "2")
    while (told := dvc(unattended, "queue", "status")).count("Success") < len(values):
        assert "Failed" not in told, dvc(unattended, "queue", "logs", told.split()[4])
        assert time.monotonic() < deadline, told
        time.sleep(2)
    psutil.wait_procs(running_in(unattended), timeout=PATIENCE)
    assert running_in(unattended) == []
    _, committed = json.loads(dvc(unattended, "exp", "show", "--json"))
    found = [revision["data"] for e in committed["experiments"] for revision in e["revs"]]
    params = [data["params"]["params.yaml"]["data"] for data in found]
    assert {p["claims"]["agreement"] for p in params} == values
    assert all(data["metrics"].keys() == committed["data"]["metrics"].keys() for data in found)
    assert_untouched(unattended)


def assert_untouched(folder):
    assert git(folder, "status", "--porcelain") == ""
    assert dvc(folder, "status") == "Data and pipelines are up to date.\n"


def come_back(folder):
    git(folder, "checkout", "--quiet", ".")
    dvc(folder, "checkout")
    assert_untouched(folder)


def test_a_refused_value_is_come_back_from(study):
    refused = ("exp", "run", "--set-param", "problems.svm.learning_rate=-1")
    elsewhere = command("dvc", *refused, "--temp", folder=study)
    assert elsewhere.returncode != 0
    assert_untouched(study)
    failed = command("dvc", *refused, folder=study)
    assert failed.returncode != 0
    for done in (elsewhere, failed):
        assert "learning_rate = -1: Input should be greater than 0" in done.stdout + done.stderr
    assert git(study, "status", "--porcelain") == " M params.yaml\n"
    come_back(study)


def test_an_experiment_is_come_back_from(study):
    dvc(study, "exp", "run", "--set-param", "problems.svm.learning_rate=0.003")
    changed = git(study, "status", "--porcelain").split()[1::2]
    assert {"params.yaml", "dvc.lock", "metrics/svm/numpy.json"} <= set(changed)
    come_back(study)


def test_a_pull_request_is_told_what_changes(study, tmp_path):
    """What the workflow posts: a metric and a figure that differ, and a copy of the figure."""
    path = study / "metrics/svm/numpy.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"objective": 0.25}))
    (study / "plots/figure_1.png").write_bytes(b"another")
    done = command(str(ROOT / ".ci/report"), "HEAD", str(tmp_path / "changed"), folder=study)
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if "metrics/svm/numpy.json" in line]
    assert [cell.strip() for cell in row.split("|")][2] == "objective"
    assert "| 0.25 " in row
    assert done.stdout.endswith("### Figures\n\n- `plots/figure_1.png`\n")
    assert [p.name for p in (tmp_path / "changed").iterdir()] == ["figure_1.png"]


def test_the_workflow_may_only_comment():
    workflow = yaml.safe_load((ROOT / ".github/workflows/report.yml").read_text())
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    commands = [step["run"] for step in workflow["jobs"]["report"]["steps"] if "run" in step]
    assert commands[0] == "make repro"
    assert commands[1].startswith(".ci/report ")
