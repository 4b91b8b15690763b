"""Sockets that belong to the namespace although this process does not."""

import ctypes
import os
import socket
import threading

from rehearsal.machines.network.namespace import NAMESPACES
from rehearsal.machines.network.plan import Plan

_CLONE_NEWNET = 0x40000000  # linux/sched.h; Python has os.setns from 3.12 on


def bound(
    plan: Plan, address: str, port: int, *, kind: socket.SocketKind = socket.SOCK_STREAM
) -> socket.socket:
    """A socket bound in the namespace, listening where it is a stream's.

    Raises:
        OSError: there is no such namespace, or the address is taken.
    """
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def make() -> None:
        # A thread of its own, which stays in the namespace until it ends; a socket stays for good.
        try:
            _enter(plan)
            made.append(_listening(address, port, kind))
        except OSError as reason:
            failed.append(reason)

    worker = threading.Thread(target=make)
    worker.start()
    worker.join()
    if failed:
        raise failed[0]
    return made[0]


def _enter(plan: Plan) -> None:
    """Move the calling thread into the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with (NAMESPACES / plan.namespace).open() as target:
        if libc.setns(target.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _listening(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    result = socket.socket(socket.AF_INET, kind)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    result.bind((address, port))
    if kind == socket.SOCK_STREAM:
        result.listen(64)
    return result
