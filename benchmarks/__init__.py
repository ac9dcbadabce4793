"""Benchmarks of functorch_lite beside its peers: ``python -m benchmarks``.

- ``rows/``: what is measured, one record per row; a row is added there and nowhere else.
- ``record``: what a row is. ``kits``: the libraries under one set of names.
- ``worker``, ``client``: a process per library, driven over pipes. ``runner``: rounds over them.
- ``fresh``: figures of whole processes. ``machine``, ``memory``: rates for the floors, and memory.
- ``agreement``: whether all libraries did the same work. ``report``: tables and JSON.
- ``overhead``: what one op costs, all libraries in one process, within seconds.
"""
