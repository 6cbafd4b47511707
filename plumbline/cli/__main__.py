"""Entry of `python -m plumbline.cli`, which the launcher becomes."""

from plumbline.cli import main

main()
