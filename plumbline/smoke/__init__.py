"""One model through the real thing: a run in staging and a release that ends at its approval, at a bounded price."""
