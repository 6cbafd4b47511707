"""Events that nobody could handle, and how they are handled after all."""
