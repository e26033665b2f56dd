"""Benchmarks: `python -m benchmarks.overhead`, `python -m benchmarks.embedded_speed`. See README.md."""
