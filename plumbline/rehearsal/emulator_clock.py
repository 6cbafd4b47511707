"""Which services of the emulator go by the rehearsal's clock: CloudWatch, EventBridge and S3.

The others keep the machine's: what they tell is checked against it by clients, or asked for by nobody.
"""

import types

from ministack.services import cloudwatch, eventbridge, s3

from plumbline.rehearsal import clock


def register() -> None:
    """Has these services of the emulator of this process go by it; called before any of them is served."""
    # Of the library's module these services use this one function.
    cloudwatch.time = types.SimpleNamespace(time=clock.now)
    eventbridge._now_ts = clock.now
    # When objects and their retention are dated; what expires for a client has functions of its own.
    s3.now_iso = clock.iso_now
