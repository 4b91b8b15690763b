"""Pulumi components and the pure rules that they share; a folder a capability, a file a cloud."""
