"""Following print jobs to their end, one after the other."""

import time
from collections import defaultdict
from collections.abc import Sequence

from clients.common.output import state_words
from clients.common.shop import Shop
from kasir.v1.print_pb2 import (
    PRINT_JOB_STATE_QUEUED,
    PRINT_JOB_STATE_SENT,
    GetPrintJobRequest,
    GetPrintJobResponse,
    PrintJob,
    PrintJobState,
)

_OPEN = frozenset({PRINT_JOB_STATE_QUEUED, PRINT_JOB_STATE_SENT})
_PAUSE_S = 0.3


def follow(shop: Shop, what: str, job_ids: Sequence[int]) -> dict[str, list[int]]:
    """Waits until all have ended, with a bar on a terminal; jobs by the words of their state, like "printed".

    They are printed oldest first, so only the oldest that has not ended is asked for. Raises CallFailed.
    """
    ended: dict[str, list[int]] = defaultdict(list)
    with shop.progress(what, len(job_ids)) as advance:
        for job_id in sorted(job_ids):
            job = _ended(shop, job_id)
            ended[state_words(PrintJobState, job.state, "PRINT_JOB_STATE")].append(job_id)
            advance(1)
    return dict(ended)


def _ended(shop: Shop, job_id: int) -> PrintJob:
    while True:
        job = shop.call(GetPrintJobRequest(print_job_id=job_id), GetPrintJobResponse).job
        if job.state not in _OPEN:
            return job
        time.sleep(_PAUSE_S)
