"""What a failure of whatever kind means to the person who rehearses."""

import errno

from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from plumbline.errors import PlumblineError


def sentence(error: Exception, *, said: str) -> PlumblineError:
    """Says in one sentence what happened.

    Args:
        error: What was raised.
        said: The last words of the emulated cloud, for the case that it is gone.

    Returns:
        The error to raise; with exit code 1, unless the error is itself one for the person and has its own.
    """
    if isinstance(error, PlumblineError):
        return error
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = f" for {error.filename}" if error.filename else ""
        return PlumblineError(f"no space is left on the disk{where}: free some and run it again", exit_code=1)
    if isinstance(error, EndpointConnectionError | ConnectionClosedError):
        return PlumblineError(f"the emulated cloud has gone away; its last words: {said}", exit_code=1)
    # A client's own message names the call and the code; of others, a name such as KeyError is half the message.
    told = str(error) if isinstance(error, ClientError) else f"{type(error).__name__}: {error}"
    return PlumblineError(told, exit_code=1)
