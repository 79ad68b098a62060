"""Run a stage and record what it reads, writes and loads: stage_runner.py RECORD MODULE [ARG ...].

Several stages can follow each other, separated by `+`; the record is of all of them, and not of the
processes that a stage shares its work out to.
"""

import json
import os
import runpy
import sys
from pathlib import Path


def main(record_path, *words):
    root = Path.cwd()
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode = True
    read, keys = set(), []

    def note_opened(event, arguments):
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path, mode, flags = arguments
            path = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100  (resolve() opens links)
            writes = flags & (os.O_WRONLY | os.O_RDWR) if mode is None else set(mode) & set("wax+")
            if path.is_relative_to(root) and not writes:
                read.add(str(path.relative_to(root)))

    sys.addaudithook(note_opened)

    from stages.common import parameters

    load = parameters.load

    def traced(key, schema):
        keys.append(key)
        return load(key, schema)

    parameters.load = traced
    stage = []
    for word in [*words, "+"]:
        if word != "+":
            stage.append(word)
            continue
        module, *sys.argv[1:] = stage
        runpy.run_module(module, run_name="__main__", alter_sys=False)
        stage = []
    found = {"read": sorted(read), "keys": sorted(set(keys))}
    Path(record_path).write_text(json.dumps(found))


if __name__ == "__main__":  # a process that a stage starts imports this file too
    main(*sys.argv[1:])
