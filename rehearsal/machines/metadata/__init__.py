"""The instance metadata service (version 2 only) and the time service, at their link-local addresses."""
