"""Training: `python -m workloads.train`."""
