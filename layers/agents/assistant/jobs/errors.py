"""The exceptions that end a run of a job."""


class JobCancelledError(Exception):
    """The user has cancelled the job."""


class JobPausedError(Exception):
    """The invocation is about to end. Another invocation continues from the last checkpoint."""


class JobLostError(Exception):
    """This process no longer runs the job: another process does, the job has ended, or its thread was deleted."""
