"""Shards: the same results wherever they are worked on, and one line where they can not be."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from conftest import ENVIRONMENT, ROOT, command

from stages.cluster import shards
from stages.common.files import InputError

PATIENCE = 60


def square(number, seconds=0.0):
    time.sleep(seconds)
    return number**2


def fail(number):
    raise ValueError(f"no {number}")


def die(number):
    os._exit(number)


def threads():
    return [os.environ[name] for name in shards.ONE_THREAD], os.getpid()


def test_each_result_has_its_shards_place():
    pieces = [(n, 0.2 if n == 0 else 0.0) for n in range(7)]
    found = list(shards.spread(square, pieces, "squares"))
    assert dict(found) == {n: n**2 for n in range(7)}
    assert len(found) == 7


def test_nothing_to_do_is_done():
    assert list(shards.spread(square, [], "nothing")) == []


def test_a_process_has_one_thread_and_is_another():
    ((_, (values, process)),) = shards.spread(threads, [()], "threads")
    assert set(values) == {"1"}
    assert process != os.getpid()


def test_what_the_work_raises_arrives():
    with pytest.raises(ValueError, match="no 3"):
        list(shards.spread(fail, [(3,)], "failing"))


def test_a_process_that_dies_is_one_line():
    with pytest.raises(InputError, match="a process of the pool has died"):
        list(shards.spread(die, [(1,)], "dying"))


def test_a_process_takes_as_many_others_as_it_has_cores():
    program = "from stages.cluster.shards import cores; print(cores())"
    one = {min(os.sched_getaffinity(0))}
    done = subprocess.run(
        [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {one}); {program}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "1\n"
    assert shards.cores() == len(os.sched_getaffinity(0))


LONG = (  # an interrupt arrives, even where the tests run in the background, which ignores it
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from stages.cluster import shards; import test_shards as t\n"
    "if __name__ == '__main__': list(shards.spread(t.square, [(n, 3600) for n in range(9)], 'x'))"
)


@pytest.fixture
def busy(tmp_path):
    """A process whose shards take an hour, and the processes that work on them."""
    program = tmp_path / "program.py"
    program.write_text(LONG)
    environment = ENVIRONMENT | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    process = subprocess.Popen(
        [sys.executable, program], env=environment, text=True, stderr=subprocess.PIPE
    )
    parent, deadline = psutil.Process(process.pid), time.monotonic() + PATIENCE

    def workers():
        return [p for p in parent.children() if "spawn_main" in " ".join(p.cmdline())]

    while len(found := workers()) < min(9, shards.cores()) or any(idle(p) for p in found):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield process, found
    for p in found:
        if p.is_running():
            p.kill()
    process.kill()
    process.communicate()


def idle(process):
    """Say whether a process is still importing: once it works it has followed its parent."""
    return process.num_threads() < 2


def test_a_killed_process_takes_its_pool_along(busy):
    process, workers = busy
    process.kill()
    process.wait()
    gone, alive = psutil.wait_procs(workers, timeout=PATIENCE)
    assert (len(gone), alive) == (len(workers), [])


def test_an_interrupt_ends_all(busy):
    process, workers = busy
    for p in [*workers, process]:
        p.send_signal(signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=PATIENCE)
    assert said.endswith("KeyboardInterrupt\n")
    assert said.count("Traceback") == 1
    assert psutil.wait_procs(workers, timeout=PATIENCE)[1] == []


REFUSALS = {  # an address, and what is said of it
    "tcp://127.0.0.1:1": "no scheduler answers there",
    "127.0.0.1:8786": "must be like tcp://127.0.0.1:8786",
    "tcp://nowhere.invalid:8786": "no scheduler answers there",
}


@pytest.mark.slow
@pytest.mark.parametrize("address", REFUSALS)
def test_a_scheduler_that_does_not_answer_is_one_line(address):
    pytest.importorskip("distributed")
    program = "from stages.cluster import shards; list(shards.spread(shards.cores, [()], 'x'))"
    begun = time.monotonic()
    environment = ENVIRONMENT | {shards.ADDRESS: address}
    done = command(sys.executable, "-c", program, folder=ROOT, env=environment)
    assert time.monotonic() - begun < 10
    assert done.returncode == 1
    assert done.stderr == f"{shards.ADDRESS} = {address!r}: {REFUSALS[address]}\n"


def test_a_cluster_without_its_package_is_one_line(monkeypatch):
    monkeypatch.setenv(shards.ADDRESS, "tcp://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"requirements-cluster\.txt$"):
        list(shards.spread(square, [(1,)], "squares"))
