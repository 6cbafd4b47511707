"""Entry of `python -m plumbline.cli`, which the launcher becomes."""

import signal

# Until the commands are imported, Ctrl-C just ends the process: there is nothing to tidy up, and a traceback through
# other people's modules helps nobody. Whoever started it with Ctrl-C ignored has it ignored still.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from plumbline.cli.application import main

main()
