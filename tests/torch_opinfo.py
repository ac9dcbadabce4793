"""PyTorch's op database as a conformance suite of ``functorch_lite.torch``.

``python -m tests.torch_opinfo`` runs every entry of PyTorch's own database of operations with the
database's sample inputs, in each dtype that the entry supports on the CPU, here and in PyTorch:
results must have PyTorch's dtype, sizes and values, and gradients its values. ``--mode`` runs
something else of each entry: ``errors`` the database's wrong calls, ``out`` its samples with
``out=``, ``variants`` methods, operators, forms in place and aliases, ``second`` second
derivatives, ``forward-ad`` products with tangents; ``reference``, ``noncontiguous`` and
``conjugated`` other inputs. Needs the peers extra.
"""

from __future__ import annotations

import argparse
import collections
import fnmatch
import importlib.util
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from tests.opinfo.children import CASES, DTYPES, KINDS, entry_names, passing_names, results

ORDER = ("crash", "missing name", "argument not accepted", "missing dtype", "raises",
         "wrong dtype", "wrong shape", "wrong value", "wrong gradient")  # fmt: skip


def failure(result: dict[str, Any], part: str) -> tuple[str, str, str] | None:
    """The gravest failure of an entry's results or gradients: cause, dtype, text."""
    found = [(f[0], dtype, f[1]) for dtype, f in result[part].items() if f is not None]
    return min(found, key=lambda f: ORDER.index(f[0])) if found else None


def passes(result: dict[str, Any]) -> bool:
    """Whether an entry is right in all dtypes, results and gradients, and was compared at all."""
    if "forward" not in result:
        return bool(result["cases"] == result["right"] > 0)
    failures = failure(result, "forward") or failure(result, "gradient")
    return failures is None and result["compared"] > 0


def report(found: Sequence[dict[str, Any]], verbose: bool = True) -> str:
    """The table of results, and failures by cause."""
    forward = [r for r in found if failure(r, "forward") is None]
    differentiable = [r for r in found if r["gradient"]]
    gradient = [r for r in differentiable if failure(r, "gradient") is None]
    both = sum(map(passes, found))
    lines = [
        f"entries                       {both:4d} of {len(found)}",
        f"  results                     {len(forward):4d} of {len(found)}",
        f"  gradients                   {len(gradient):4d} of {len(differentiable)}",
        f"samples                       {sum(r['samples'] for r in found):4d}",
        f"samples compared              {sum(r['compared'] for r in found):4d}",
        f"elements right by float64     {sum(r['closer'] for r in found):4d}",
        f"entries without comparison    {sum(not r['compared'] for r in found):4d}",
        "",
    ]
    for dtype in dict.fromkeys(d for r in found for d in r["forward"]):
        run = [r["forward"][dtype] for r in found if dtype in r["forward"]]
        lines.append(f"  {dtype:28}{run.count(None):4d} of {len(run)}")
    causes: dict[str, list[str]] = collections.defaultdict(list)
    for r in found:
        for part in ("forward", "gradient"):
            if (f := failure(r, part)) and (part == "forward" or not failure(r, "forward")):
                causes[f[0]].append(f"{r['name']} ({f[1]}): {f[2]}")
    for cause in ORDER:
        if cause in causes:
            lines += ["", f"{cause}: {len(causes[cause])}"]
            lines += [f"  {text}" for text in causes[cause]] if verbose else []
    return "\n".join(lines)


def report_cases(found: Sequence[dict[str, Any]]) -> str:
    """The table of a mode that counts cases, and failures by cause."""
    run = [r for r in found if r["cases"]]
    right, cases = (sum(r[part] for r in run) for part in ("right", "cases"))
    lines = [
        f"entries                       {sum(map(passes, run)):5d} of {len(run)}",
        f"cases                         {right:5d} of {cases}",
    ]
    if messages := sum(r["messages"] for r in run):
        lines.append(f"messages as PyTorch's         {messages:5d}")
    causes: dict[str, list[str]] = collections.defaultdict(list)
    for r in run:
        for cause, text in r["failures"]:
            causes[cause].append(f"{r['name']}: {text}")
    for cause, texts in sorted(causes.items()):
        lines += ["", f"{cause}: {len(texts)}", *[f"  {text}" for text in texts]]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 1 if an entry of the list of passing ones fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.torch_opinfo", description=__doc__)
    parser.add_argument("--only", metavar="PATTERN", action="append",
                        help="entries whose names match; may be repeated")  # fmt: skip
    parser.add_argument("--mode", choices=(*KINDS, *CASES), default=KINDS[0])
    parser.add_argument("--dtypes", default=",".join(DTYPES), help="by name, with commas")
    parser.add_argument("--samples", type=int, default=40, help="at most, per entry and dtype")
    parser.add_argument("--json", metavar="FILE", help="write everything found")
    parser.add_argument("--passing", metavar="FILE", help="write the names of entries that pass")
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("torch") is None:
        print('PyTorch is not installed: pip install -e ".[peers]"', file=sys.stderr)
        return 2
    dtypes = options.dtypes.split(",")
    if unknown := set(dtypes) - set(DTYPES):
        print(f"--dtypes: expected some of {', '.join(DTYPES)}; got {', '.join(sorted(unknown))}",
              file=sys.stderr)  # fmt: skip
        return 2
    names = entry_names()
    if options.only:
        names = [n for n in names if any(fnmatch.fnmatchcase(n, p) for p in options.only)]
        if not names:
            print(f"no entry matches {', '.join(options.only)}", file=sys.stderr)
            return 2
    begin = time.perf_counter()
    found = []
    for result in results(names, dtypes, options.samples, options.mode):
        found.append(result)
        if sys.stderr.isatty():
            print(f"\r{len(found)} of {len(names)} {result['name'][:50]:50}", end="",
                  file=sys.stderr)  # fmt: skip
    print(report_cases(found) if options.mode in CASES else report(found))
    print(f"\n{time.perf_counter() - begin:.0f} s")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
    good = [r["name"] for r in found if passes(r)]
    if options.passing:
        with open(options.passing, "w", encoding="utf-8") as file:
            file.write("\n".join(good) + "\n")
    lost = sorted({r["name"] for r in found} & set(passing_names(options.mode)) - set(good))
    if lost:
        print("passed before: " + ", ".join(lost))
    return 1 if lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
