"""What this package needs of the rehearsal's reading of AWS's service models."""

from plumbline.rehearsal.sagemaker.shapes import Document, service_model

__all__ = ["Document", "service_model"]
