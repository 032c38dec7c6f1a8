"""Which process does a run, so that another can tell when it is gone: Dagster itself cannot."""

import os
import socket

import psutil

PROCESS_TAG = ".dagster/kolors_process"  # a leading dot keeps it out of the UI


def process_tag() -> str:
    """Return what names this process among all that ever ran: host, pid and start."""
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def is_gone(tag: str) -> bool:
    """Say whether the process that `tag` names ran on this machine and has ended."""
    host, pid, started = tag.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(pid))
        return f"{process.create_time():.2f}" != started or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
