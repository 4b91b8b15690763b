"""What resources need of quotas, a module a cloud: a table from Pulumi's types to functions."""
