"""Buckets, the objects in them, and what a pod needs to reach them."""
