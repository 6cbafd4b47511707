"""Judges what the app defines, at synth by `gate` and as a whole by `./plumb audit`."""
