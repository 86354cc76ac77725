"""How many connections the system has descriptors for: who takes the last one takes it from the lines."""

from __future__ import annotations

import resource

import structlog

log = structlog.stdlib.get_logger(__name__)

# For lines, database, certificates and listeners.
RESERVE = 128


def affordable(connections: int) -> int:
    """So many connections at most, and at least one; the limit on open files is raised for them as far as it may be.

    Args:
        connections: the most there should be.
    """
    wanted = connections + RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _below(soft, wanted) and soft != hard:
        soft = hard if _below(hard, wanted) else wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if not _below(soft, wanted):
        return connections
    most = max(1, soft - RESERVE)
    log.warning(
        "fewer connections than [limits] max_connections: they would take the open files of the lines",
        connections=most,
        open_files=soft,
        cure=f"allow {wanted} open files (LimitNOFILE= of the service), or lower max_connections",
    )
    return most


def _below(limit: int, wanted: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < wanted
