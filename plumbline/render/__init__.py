"""Pipeline definitions, from the model's `pipeline.py` to the committed `definition.json`.

Rendering needs the SageMaker SDK and nothing of AWS: no network, no credentials, no clock. Synth and deploy read the
committed file, so they need no SDK, and a reviewer sees in the pull request what changes in the pipeline.
"""

from plumbline.render.rendering import difference, is_stale, render, write

__all__ = ["difference", "is_stale", "render", "write"]
