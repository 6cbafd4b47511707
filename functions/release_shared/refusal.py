"""Why a release goes no further, as a person is told it."""


class RefusedError(Exception):
    """What a release asks for cannot be; the message is one sentence."""
