"""What runs on a machine: standard library only, Python 3.9 (Amazon Linux 2023) or later.

`infra.machine.bringup` packs these files into the user-data; on the operator's side only tests run them.
"""
