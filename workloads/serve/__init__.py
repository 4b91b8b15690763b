"""Serving: `python -m workloads.serve`."""
