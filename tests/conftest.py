"""What holds for every test."""

from hypothesis import settings

# How long an example takes is the machine's affair, and no test's: a busy one would fail a test that is right.
settings.register_profile("plumbline", deadline=None)
settings.load_profile("plumbline")
