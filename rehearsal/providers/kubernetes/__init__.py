"""The stand-in for pulumi-kubernetes: what that plugin does for its users, against any API server."""
