"""The command line; ``python -m plumbline.cli`` runs it.

Nothing is imported here, so that the entry decides what Ctrl-C does before anything that takes time is imported.
"""
