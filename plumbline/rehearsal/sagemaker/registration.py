"""SageMaker's place in the emulator: its services, its CloudFormation types, its resource policies."""

from collections.abc import Callable, Mapping

import ministack.app

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.registration import add_service
from plumbline.rehearsal.sagemaker import cloudformation, studio_types
from plumbline.rehearsal.sagemaker.options import Options
from plumbline.rehearsal.sagemaker.service import Service

Detect = Callable[[str, str, Mapping[str, str], Mapping[str, object]], str]

_service: Service | None = None


def register(options: Options) -> None:
    """Adds SageMaker to the emulator of this process; called once, after enforcement is installed and before serving.

    Args:
        options: Where files go, how the emulator is reached, what stands in for images.
    """
    global _service
    service = Service(options)

    add_service(
        "sagemaker",
        service.handle,
        {
            "sagemaker": {"target_prefixes": ["SageMaker."], "host_patterns": [r"api\.sagemaker\."]},
            "sagemaker-runtime": {"host_patterns": [r"runtime\.sagemaker\."]},
        },
        {"policy_of": service.policy_of},
    )
    ministack.app.detect_service = _telling_runtime_apart(ministack.app.detect_service)
    enforcement.add_resource_policies("sagemaker", "sagemaker", "policy_of")
    cloudformation.register(service, (*cloudformation.TYPES, *studio_types.TYPES))
    _service = service


def _telling_runtime_apart(detect: Detect) -> Detect:
    """Both services sign as ``sagemaker``; only the control plane's requests name a target."""

    def detect_service(method: str, path: str, headers: Mapping[str, str], query_params: Mapping[str, object]) -> str:
        found = detect(method, path, headers, query_params)
        return "sagemaker-runtime" if found == "sagemaker" and not headers.get("x-amz-target") else found

    return detect_service


def shutdown() -> None:
    """Ends every job and endpoint, and leaves no process."""
    if _service is not None:
        _service.shutdown()
