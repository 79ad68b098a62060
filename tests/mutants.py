"""Change the code a little, and see whether the tests notice: python tests/mutants.py.

Each mutant differs from a module in one place: a comparison or an arithmetic sign swapped, a
number changed, a condition negated, a statement dropped. A process that has the libraries loaded
forks a child a mutant, which imports the changed module and runs the module's quick tests. A
mutant that no test fails for survives; `mutants.yaml` gives the reason where it can not be told
from the original. SAMPLE, 300 or `all`, says how many are tried, drawn with a fixed seed.
"""

import ast
import copy
import gc
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"

import dvc.repo  # noqa: F401 (loaded once, for every child)
import hypothesis.extra.numpy
import matplotlib.pyplot  # noqa: F401
import pandas  # noqa: F401
import pytest
import torch
import yaml

ROOT = Path(__file__).parent.parent
TESTS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
ENOUGH = 0.95
OPTIONS = ["-x", "-q", "--assert=plain", "-pno:cacheprovider", "-pno:unraisableexception"]
OPTIONS += ["-oaddopts=", "-knot readme"]
WORKERS = 2
SCRATCH = tempfile.TemporaryDirectory()
PAIRS = "Lt LtE, Gt GtE, Eq NotEq, In NotIn, Is IsNot, Add Sub, Mult Div, And Or"
PAIRS = [[getattr(ast, name) for name in pair.split()] for pair in PAIRS.split(", ")]
SWAPS = dict(PAIRS) | {b: a for a, b in PAIRS} | {ast.Pow: ast.Mult, ast.FloorDiv: ast.Div}
NAMES = {"min": "max", "any": "all", "minimum": "maximum", "argmin": "argmax", "less": "less_equal"}
NAMES |= {b: a for a, b in NAMES.items()}


def changed(node):
    """Yield what may stand in a node's place."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)) if not 0 < value < 1e-100:  # which keeps log(0) out
            yield ast.Constant(2 * value or 1.0)
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield operand
        case ast.Name(id=name) if name in NAMES:
            yield ast.Name(NAMES[name], node.ctx)
        case ast.Attribute(attr=name) if name in NAMES:
            yield ast.Attribute(node.value, NAMES[name], node.ctx)
        case ast.Return(value=ast.Constant(None)):
            return
        case ast.Return(value=value) if value is not None:
            yield ast.Return()
        case ast.Raise() | ast.AugAssign():
            yield ast.Pass()
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.If(test=test) | ast.IfExp(test=test):
            other = copy.copy(node)
            other.test = ast.UnaryOp(ast.Not(), test)
            yield other
    operators = getattr(node, "ops", [getattr(node, "op", None)])
    for n, operator in enumerate(operators):
        if type(operator) in SWAPS and not at_rounding(node):
            new, other = SWAPS[type(operator)](), copy.copy(node)
            if isinstance(node, ast.Compare):
                other.ops = [*operators[:n], new, *operators[n + 1 :]]
            else:
                other.op = new
            yield other


def at_rounding(node):
    """Say whether a comparison is with a tolerance, whose edge itself no sum of floats meets."""
    return isinstance(node, ast.Compare) and any(
        isinstance(part, ast.Constant) and isinstance(part.value, float) and 0 < part.value < 1e-3
        for part in ast.walk(node)
    )


def places(node):
    """Yield each node that computes something, with the list or field that holds it."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list") or (
            isinstance(node, ast.keyword) and node.arg == "strict"
        ):
            continue
        if isinstance(node, ast.UnaryOp) and ast.unparse(node) == "-1":
            continue  # the last entry, or the length left open: its sign alone is changed
        for n, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.If) and "__main__" in ast.unparse(child.test):
                continue  # which no test that imports the module gets to
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                yield child, (value, n) if isinstance(value, list) else (vars(node), field)
                yield from places(child)


def mutants(module):
    """Return a module's mutants: (line, what is changed, where, by what)."""
    path = ROOT / module
    lines, tree = path.read_text().splitlines(), ast.parse(path.read_text())
    found = []
    for node, place in places(tree):
        for new in changed(node):
            ast.fix_missing_locations(ast.copy_location(new, node))
            words = [ast.unparse(n).split("\n")[0] for n in (node, new)]
            text = f"{lines[node.lineno - 1].strip()}: {' → '.join(words)}"
            found.append((node.lineno, text, place, new))
    return tree, found


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a changed tree."""

    def __init__(self, module, tree):
        self.name = module.removesuffix(".py").replace("/", ".")
        self.code = compile(tree, ROOT / module, "exec")

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module):
        exec(self.code, vars(module))  # noqa: S102


def start(module, number, limit):
    """Fork a child that runs a module's tests on a mutant; its exit status is 0 if it survives."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.alarm(limit)  # which ends a child that loops
        if number is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            tree, found = mutants(module)
            _, _, (holder, key), new = found[number]
            holder[key] = new
            sys.meta_path.insert(0, Finder(module, tree))
        files = [f"tests/{name}" for name in TESTS["modules"][module]]
        status = int(pytest.main([*OPTIONS, f"--basetemp={SCRATCH.name}/{os.getpid()}", *files]))
    finally:
        os._exit(status)


def run(jobs, limits):
    """Yield each job (module, number) that is done, and whether its mutant was killed."""
    jobs, running = list(jobs)[::-1], {}
    while jobs or running:
        while jobs and len(running) < WORKERS:
            job = jobs.pop()
            running[start(*job, limits.get(job[0], 120))] = job
        child, status = os.wait()
        yield running.pop(child), status != 0


def main():
    torch.set_num_threads(1)
    hypothesis.settings.register_profile("m", database=None, derandomize=True, deadline=None)
    hypothesis.settings.load_profile("m")
    os.chdir(ROOT)
    gc.collect()
    gc.freeze()
    only = sys.argv[1:] or TESTS["modules"]
    limits = {}
    for module in only:
        began = time.monotonic()
        if any(killed for _, killed in run([(module, None)], {})):
            sys.exit(f"{module}: its tests fail without a change")
        limits[module] = int(10 + 5 * (time.monotonic() - began))
    found = {module: mutants(module)[1] for module in only}
    jobs = [(module, n) for module in only for n in range(len(found[module]))]
    size = os.environ.get("SAMPLE", "300")
    if size != "all":
        jobs = sorted(random.Random(0).sample(jobs, min(int(size), len(jobs))))
    results = {}
    for job, dead in run(jobs, limits):
        results[job] = dead
        print(f"\r{len(results)} of {len(jobs)}", end="", file=sys.stderr)
    tried = Counter(module for module, _ in jobs)
    killed = Counter(module for (module, _), dead in results.items() if dead)
    print(f"{'module':34}{'mutants':>8}{'killed':>8}{'survived':>10}")
    for name, tries, dead in [(m, tried[m], killed[m]) for m in only if tried[m]] + [
        ("all", tried.total(), killed.total())
    ]:
        print(f"{name:34}{tries:8}{dead:8}{tries - dead:10}  {dead / tries:.1%}")
    for module, number in (job for job in jobs if not results[job]):
        line, text, *_ = found[module][number]
        known = [why for why, texts in TESTS["reasons"].items() if any(t in text for t in texts)]
        print(f"\n{module}:{line}\n    {text}\n    {known[0] if known else 'no test fails for it'}")
    return killed.total() < ENOUGH * tried.total()


if __name__ == "__main__":
    sys.exit(main())
