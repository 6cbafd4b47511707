"""What ends a job or a request with a sentence instead of a traceback."""


class JobError(Exception):
    """A fault that the reader of a failed job can mend; its text is the whole message."""


class Interrupted(Exception):  # noqa: N818  # not an error: the job is to be resumed
    """Training stopped at a checkpoint because it was asked to; the same job, started again, goes on from there."""


class RowError(Exception):
    """A row of a request that the model cannot take.

    Args:
        row: Its number in the request, from 0.
        field: The name of the faulty field.
        problem: What was found and what is accepted, without a full stop.
    """

    def __init__(self, *, row: int, field: str, problem: str) -> None:
        super().__init__(f"row {row + 1}: field {field} {problem}")
        self.row = row
        self.field = field
        self.problem = problem


class BadRequestError(Exception):
    """A request that cannot be answered, in one sentence for its sender."""
