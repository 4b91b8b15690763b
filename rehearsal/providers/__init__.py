"""Stand-ins for provider plugins, a package per provider; each runs as `python -m rehearsal.providers.<name>`."""
