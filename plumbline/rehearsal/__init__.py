"""The rehearsal: three emulated accounts on loopback, and the journey of a model through them."""
