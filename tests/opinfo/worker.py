"""Runs entries of the database whose names come on standard input; a line of JSON per entry.

Before an entry its name is written too, so that whoever reads knows which one ended the process.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from tests.opinfo.check import database, title
from tests.opinfo.modes import MODES
from tests.opinfo.translate import real


def main() -> None:
    """Read names until the end of the input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dtypes", required=True)
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--mode", choices=MODES, required=True)
    options = parser.parse_args()
    run = MODES[options.mode]
    real.set_num_threads(1)
    entries = {title(op): op for op in database()}
    output, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        name = line.rstrip("\n")
        print(json.dumps({"starts": name}), file=output, flush=True)
        begin = time.perf_counter()
        found = run(entries[name], options.dtypes.split(","), options.samples)
        found["seconds"] = time.perf_counter() - begin
        print(json.dumps(found), file=output, flush=True)


if __name__ == "__main__":
    main()
