"""The one exception that the command line turns into a sentence and an exit code."""


class PlumblineError(Exception):
    """Says what went wrong, where, and what is accepted, in one sentence for the person at the keyboard.

    Args:
        sentence: The whole message; printed as it is, never with a traceback.
        exit_code: The process's exit code: 2 for bad input, 1 for work that failed.
    """

    def __init__(self, sentence: str, *, exit_code: int = 2) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
