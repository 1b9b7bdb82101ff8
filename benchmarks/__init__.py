"""Benchmarks (`python -m benchmarks.bench`) and long counts (`python -m benchmarks.soak`) against real servers."""
