"""The network of rehearsed machines: a namespace that plays AWS, and this machine playing the Internet.

Every machine has a point-to-point interface in the namespace, whose firewall decides what passes: so traffic
inside a subnet is filtered like any other. Nothing of a VPC's addresses is visible outside the namespace.
"""
