"""Sharing the study through a remote, queueing experiments, and coming back from them."""

import json
import shutil
import time
import urllib.request

import pytest
from conftest import ENVIRONMENT, ROOT, command, git
from moto.server import ThreadedMotoServer

pytestmark = pytest.mark.xdist_group("pipeline")
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


def experiments(folder):
    """Return the name, the state and the parameters of each experiment of the last commit."""
    _, head = json.loads(dvc(folder, "exp", "show", "--json"))
    return {
        found["name"]: (found["executor"] or {"state": "done"})["state"]
        for e in head["experiments"] or []
        for found in [e | e["revs"][0]]
    }
