"""Who may run an environment."""
