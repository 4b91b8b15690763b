"""Faults on demand: rules.py decides which request gets which fault, effects.py carries it out."""
