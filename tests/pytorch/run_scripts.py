"""Runs scripts one after the other, with the ``torch`` there is, and prints what each printed.

``run_scripts.py [--ulp] script.py ...``: with ``--ulp`` the first number that an optimiser gets is
moved to the next one, which shows how far two runs of one library may drift apart.
"""

import contextlib
import io
import json
import runpy
import sys
import traceback


def move_a_number():
    """Let every script's first optimiser start from a first parameter an ulp away."""
    import torch

    plain = torch.optim.Optimizer.__init__

    def moved(self, params, defaults):
        plain(self, params, defaults)
        first = self.param_groups[0]["params"][0].data.view(-1)
        first[0] = torch.nextafter(first[0], first[0] + 1)
        torch.optim.Optimizer.__init__ = plain

    torch.optim.Optimizer.__init__ = moved


def main():
    paths = [a for a in sys.argv[1:] if a != "--ulp"]
    found = {}
    for path in paths:
        if "--ulp" in sys.argv:
            move_a_number()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            try:
                runpy.run_path(path, run_name="__main__")
            except Exception:
                print(traceback.format_exc())
        found[path] = out.getvalue()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
