"""Machines: the launch template and group, the images, and what a machine does at its first boot."""
