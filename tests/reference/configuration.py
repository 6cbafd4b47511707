"""The platform of the tests that are about Plumbline itself, whatever platform the checkout is edited to be."""

from pathlib import Path

REFERENCE = Path(__file__).resolve().parent
