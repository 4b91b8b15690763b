"""Stand-ins for provider plugins, one package each, run as `python -m rehearsal.providers.<name>`."""
