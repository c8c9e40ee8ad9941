"""Benchmarks of the busy paths, each beside an opponent that does the same work: `python -m benchmarks`."""
