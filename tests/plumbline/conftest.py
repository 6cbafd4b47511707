"""The rehearsal, once for all tests: another import of the fixture would be another rehearsal."""

from tests.plumbline.rehearsal.shared import rehearsal

__all__ = ["rehearsal"]
