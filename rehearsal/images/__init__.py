"""The images of a rehearsal: built here, tagged by content, pushed to the local registry."""

from rehearsal.images.build import build_all, packages, references

__all__ = ["build_all", "packages", "references"]
