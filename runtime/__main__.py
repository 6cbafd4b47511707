"""`python -m runtime <verb> [--name value …]`: the entry point of every container.

Exit code 0 means done; 143 (128 + SIGTERM) that training stopped at a checkpoint and is to be resumed; 1 that the job
failed, with its last words in `output/failure` and `output/message`, where SageMaker finds them.
"""

import sys
import traceback
from collections.abc import Sequence

from runtime import verbs
from runtime.errors import Interrupted, JobError
from runtime.layout import Layout

VERBS = ("prepare", "check", "train", "evaluate", "monitor", "serve")
INTERRUPTED = 143
# API_DescribeTrainingJob, API_DescribeProcessingJob: FailureReason ends after 1,024 characters, ExitMessage after 1 KB,
# and one that is cut inside a character fails the job in SageMaker's name instead of its own.
_LAST_WORDS = 1024


def main(arguments: Sequence[str]) -> int:
    """Runs one verb and returns the exit code of the process."""
    layout = Layout.of_environment()
    try:
        _run(arguments, layout=layout)
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED
    except JobError as error:
        _fail(str(error), layout=layout)
        return 1
    except Exception as error:  # noqa: BLE001  # the boundary of the process: whatever it was, it gets last words
        traceback.print_exc()
        _fail(_sentence(error), layout=layout)
        return 1
    return 0


def _run(arguments: Sequence[str], *, layout: Layout) -> None:
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    if verb == "train":
        verbs.train(layout=layout, arguments=rest)
    elif verb == "serve":
        verbs.serve(layout=layout, arguments=rest)
    elif verb == "check":
        verbs.check(layout=layout, arguments=rest)
    elif verb == "monitor":
        verbs.monitor(layout=layout, arguments=rest)
    elif verb in VERBS:
        verbs.process(verb, layout=layout, arguments=rest)
    else:
        raise JobError(f"verb {verb!r} is unknown; accepted: {', '.join(VERBS)}.")


def _sentence(error: BaseException) -> str:
    """The error and where it happened, in the model's code if it was there."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def _fail(words: str, *, layout: Layout) -> None:
    print(words, file=sys.stderr)
    for path in layout.last_words:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(words.encode()[:_LAST_WORDS].decode(errors="ignore").encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
