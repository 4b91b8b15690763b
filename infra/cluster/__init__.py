"""Kubernetes clusters: those that berth finds, and those that it makes."""
