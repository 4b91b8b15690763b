"""The ways in: each admits people to the machines' SSH port, or to Systems Manager, and nobody else."""
