"""Benchmarks of functorch_lite beside its peers; each module runs on its own."""
