"""The stand-in for pulumi-aws: what that plugin does for its users, against an emulated account."""
