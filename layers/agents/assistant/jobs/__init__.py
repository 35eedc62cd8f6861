"""Long work: a tool starts a job, which runs after its turn, also longer than Lambda's 15 minutes.

The agents' package names its jobs in `JOBS`, a dictionary of coroutine functions by name. A tool starts one by
`start_job`. The function `job` runs it. A card in the thread shows the progress, and the end puts an item into the
thread. Importing this package does not load the agents SDK.
"""

from assistant.jobs.card import CANCEL_JOB
from assistant.jobs.errors import JobCancelledError
from assistant.jobs.job import Job
from assistant.jobs.rows import JOB_KIND, LEASE, JobRef, ref_of
from assistant.jobs.running import run_job
from assistant.jobs.starting import cancel_job, cancelled_card, seconds_to_next_run, start_job, sweep_job

__all__ = [
    "CANCEL_JOB",
    "JOB_KIND",
    "LEASE",
    "Job",
    "JobCancelledError",
    "JobRef",
    "cancel_job",
    "cancelled_card",
    "ref_of",
    "run_job",
    "seconds_to_next_run",
    "start_job",
    "sweep_job",
]
