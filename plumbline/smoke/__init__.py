"""One model through the real thing: a run in dev, from its data to a registered version, at a bounded price."""
