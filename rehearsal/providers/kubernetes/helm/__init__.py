"""Helm charts: the resource `kubernetes:helm.sh/v3:Release`, and rendering for the Chart classes.

Helm's own library does the work, in a Go program of ours that is built when a chart is first used.
"""
