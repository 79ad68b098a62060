"""Independent pieces of work, on this machine's cores or on a Dask cluster.

A shard is a tuple of plain values (numbers, strings, lists, mappings), and what is done with it a
function of a module of `stages`, which whoever does it imports by name. Where a shard is worked on
changes no result. A cluster is named by the environment variable DASK_SCHEDULER_ADDRESS.
"""

import hashlib
import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stages.common.files import InputError

ADDRESS = "DASK_SCHEDULER_ADDRESS"
PATIENCE = 3  # seconds for a scheduler to answer, and again for a worker to join
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PACKAGES = ("distributed", "numpy", "pandas", "pydantic", "scipy")  # whose versions must be alike


def spread(
    work: Callable[..., Any], shards: Sequence[tuple[Any, ...]], label: str
) -> Iterator[tuple[int, Any]]:
    """Do independent pieces of work side by side.

    Parameters
    ----------
    work : callable
        A function at the top of a module of `stages`.
    shards : sequence of tuple
        Its arguments, plain values.
    label : str
        What the progress bar says.

    Yields
    ------
    int, object
        Position of a shard, and what the work returned, as they end.

    Raises
    ------
    InputError
        If the cluster can not be used, or a process dies.
    """
    name = work.__globals__["__spec__"].name, work.__name__
    address = os.environ.get(ADDRESS)
    where = _cluster(address) if address else _pool(min(cores(), len(shards) or 1))
    bar = tqdm(total=len(shards), desc=label, unit=" shards", disable=None)
    with bar, where as executor:
        places = {executor.submit(call, *name, *shard): n for n, shard in enumerate(shards)}
        for future in as_completed(places):
            n = places.pop(future)
            yield n, future.result()
            bar.update()


def call(module: str, function: str, *shard: object) -> object:
    """Return what a function of a module makes of a shard."""
    return getattr(import_module(module), function)(*shard)


def cores() -> int:
    """Return how many of the machine's cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _pool(processes: int) -> Iterator[Executor]:
    """Start processes of one thread each, which end with this one."""
    os.environ.update(ONE_THREAD)  # which they inherit
    with ProcessPoolExecutor(processes, get_context("spawn"), _attend) as pool:
        try:
            yield pool
        except BrokenProcessPool:
            raise InputError(
                "a process of the pool has died, of too little memory perhaps"
            ) from None
        except BaseException:  # an interrupt, or what the work raises
            pool.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                process.terminate()
            raise


def _attend() -> None:
    """Leave an interrupt to the process that started this one, and end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        parent_process().join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    """Join a cluster whose scheduler and workers have what this process has."""
    try:
        import dask
        from distributed import Client, KilledWorker
    except ImportError:
        _refuse(address, "needs distributed: pip install -r requirements-cluster.txt")
    if not re.fullmatch(r"(tcp|tls)://\S+:\d+", address):
        _refuse(address, "must be like tcp://127.0.0.1:8786")
    dask.config.set({"distributed.comm.timeouts.connect": PATIENCE})
    logging.disable()  # what is to be said of a cluster is one line
    try:
        with warnings.catch_warnings(action="ignore"):  # of other versions, which are refused below
            client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, ImportError):
        _refuse(address, "no scheduler answers there")
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            _refuse(address, "its scheduler has no worker")
        _compare(client, address)
        executor = client.get_executor()
        try:
            yield executor
        except (CancelledError, OSError) as error:
            _refuse(address, f"its scheduler was lost {error}".strip())
        except KilledWorker as error:
            _refuse(address, f"workers die: {error}")
        except BaseException:
            executor.shutdown(wait=False)
            raise


def _compare(client: Any, address: str) -> None:
    """Refuse a scheduler or a worker that lacks the package, or has another version of it."""
    mine = versions()
    try:
        found = {"scheduler": client.run_on_scheduler(versions)}
        found |= client.run(versions)
    except Exception as error:  # what the other side could not import, or its protocol
        _refuse(address, f"lacks the package, or has another version of it: {error}")
    for who, theirs in found.items():
        for name, value in mine.items():
            if theirs.get(name) != value:
                _refuse(address, f"{who} has {name} {theirs.get(name)}, and this process {value}")


def versions() -> dict[str, str]:
    """Return what a result may depend on: Python, packages, and the code of `stages` hashed."""
    code = hashlib.sha256()
    root = Path(__file__).parent.parent
    for path in sorted(root.rglob("*.py")):
        code.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    found = {"stages": code.hexdigest()[:12], "Python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def _refuse(address: str, why: str) -> None:
    raise InputError(f"{ADDRESS} = {address!r}: {why}") from None
