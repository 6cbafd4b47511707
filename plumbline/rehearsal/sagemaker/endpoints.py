"""Endpoints: created, changed and ended in the background, and invoked."""

import collections
import contextlib
import copy
import random
import threading
from collections.abc import Callable, Iterator

from botocore.exceptions import BotoCoreError, ClientError

from plumbline.rehearsal.api.errors import ApiError, validation_error
from plumbline.rehearsal.api.scope import timestamp
from plumbline.rehearsal.api.shapes import Document, service_model
from plumbline.rehearsal.api.store import Table
from plumbline.rehearsal.sagemaker import events
from plumbline.rehearsal.sagemaker.capture import Payload
from plumbline.rehearsal.sagemaker.models import EndpointConfigs, Models
from plumbline.rehearsal.sagemaker.platform import Platform
from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.sessions import PlatformError, reason
from plumbline.rehearsal.sagemaker.store import listing
from plumbline.rehearsal.sagemaker.transitions import Kind, begin, move
from plumbline.rehearsal.sagemaker.variants import INVOCATION_SECONDS, Answer, Variant

_STARTING = (PlatformError, ClientError, BotoCoreError, ApiError, OSError)
# The request's headers that reach the container under the same name (API reference, InvokeEndpoint).
_FORWARDED = (
    "content-type",
    "accept",
    "x-amzn-sagemaker-custom-attributes",
    "x-amzn-sagemaker-target-model",
    "x-amzn-sagemaker-inference-id",
)


class Endpoint:
    """One endpoint. All changes of ``document`` and ``variants`` happen under ``lock``."""

    def __init__(self, *, scope: Scope, document: Document) -> None:
        self.scope = scope
        self.document = document
        self.variants: tuple[Variant, ...] = ()
        self.lock = threading.Condition(threading.RLock())
        self._requests: collections.Counter[Variant] = collections.Counter()

    @contextlib.contextmanager
    def serving(self, target: str | None) -> Iterator[Variant]:
        """The variant that serves a request, which ``drain`` waits for: the one asked for, or by weight.

        Raises:
            ApiError: There is none.
        """
        with self.lock:
            variant = self._choose(target)
            self._requests[variant] += 1
        try:
            yield variant
        finally:
            with self.lock:
                self._requests[variant] -= 1
                self.lock.notify_all()

    def drain(self, variants: tuple[Variant, ...]) -> None:
        """Waits until no request is under way at variants that get no new ones; none may take longer than a minute."""
        with self.lock:
            self.lock.wait_for(
                lambda: not any(self._requests[variant] for variant in variants), timeout=INVOCATION_SECONDS
            )
            for variant in variants:
                del self._requests[variant]

    def _choose(self, target: str | None) -> Variant:
        variants = self.variants
        if target is not None:
            named = [variant for variant in variants if variant.name == target]
            if not named:
                raise ApiError(
                    "ValidationError", f"Variant {target} does not exist for endpoint {self.document['EndpointName']}."
                )
            return named[0]
        weights = [variant.weight for variant in variants]
        if not variants or sum(weights) <= 0:
            raise ApiError("ValidationError", f"Endpoint {self.document['EndpointName']} has no variant with weight.")
        return random.choices(variants, weights)[0]  # noqa: S311 - traffic splitting, not a secret

    def become(self, status: str, *, failure: str | None = None) -> None:
        """Changes the status."""
        with self.lock:
            self.document["EndpointStatus"] = move(Kind.ENDPOINT, self.document["EndpointStatus"], status)
            self.document["LastModifiedTime"] = timestamp()
            self.document.pop("FailureReason", None)
            if failure:
                self.document["FailureReason"] = failure
            document = copy.deepcopy(self.document)
        events.endpoint_changed(self.scope, document)


class Endpoints:
    """The operations on endpoints, and InvokeEndpoint."""

    def __init__(self, platform: Platform, models: Models, configs: EndpointConfigs) -> None:
        self._platform, self._models, self._configs = platform, models, configs
        self._endpoints: Table[Scope, Endpoint] = Table(
            lambda scope, name: validation_error(f'Could not find endpoint "{scope.arn(f"endpoint/{name}")}".')
        )

    def create(self, scope: Scope, request: Document) -> Document:
        """CreateEndpoint."""
        name = request["EndpointName"]
        arn = scope.arn(f"endpoint/{name}")
        self._configs.get(scope, request["EndpointConfigName"])
        now = timestamp()
        document: Document = {
            "EndpointName": name,
            "EndpointArn": arn,
            "EndpointConfigName": request["EndpointConfigName"],
            "EndpointStatus": begin(Kind.ENDPOINT, "Creating"),
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        endpoint = Endpoint(scope=scope, document=document)
        self._endpoints.add(
            scope,
            name,
            endpoint,
            taken=lambda _: validation_error(f'Cannot create already existing endpoint "{arn}".'),
        )
        events.endpoint_changed(scope, document)
        self._in_background(self._bring_up, endpoint, request["EndpointConfigName"])
        return {"EndpointArn": arn}

    def update(self, scope: Scope, request: Document) -> Document:
        """UpdateEndpoint: a new fleet beside the old one, which ends once the new one is healthy."""
        endpoint = self._endpoints.get(scope, request["EndpointName"])
        self._configs.get(scope, request["EndpointConfigName"])
        with endpoint.lock:
            if endpoint.document["EndpointStatus"] != "InService":
                raise validation_error(
                    f'Cannot update endpoint "{endpoint.document["EndpointArn"]}" in status '
                    f"{endpoint.document['EndpointStatus']}."
                )
            endpoint.become("Updating")
            if "DeploymentConfig" in request:
                endpoint.document["LastDeploymentConfig"] = copy.deepcopy(request["DeploymentConfig"])
        self._in_background(self._replace, endpoint, request["EndpointConfigName"])
        return {"EndpointArn": endpoint.document["EndpointArn"]}

    def delete(self, scope: Scope, request: Document) -> Document:
        """DeleteEndpoint."""
        endpoint = self._endpoints.get(scope, request["EndpointName"])
        with endpoint.lock:
            if endpoint.document["EndpointStatus"] in ("Creating", "Updating", "RollingBack"):
                raise validation_error(f'Cannot update in-progress endpoint "{endpoint.document["EndpointArn"]}".')
            endpoint.become("Deleting")
            variants, endpoint.variants = endpoint.variants, ()
        for variant in variants:
            variant.close()
        self._endpoints.remove(scope, request["EndpointName"])
        return {}

    def describe(self, scope: Scope, request: Document) -> Document:
        """DescribeEndpoint."""
        endpoint = self._endpoints.get(scope, request["EndpointName"])
        with endpoint.lock:
            document = copy.deepcopy(endpoint.document)
            if endpoint.variants:
                document["ProductionVariants"] = [_summary(variant) for variant in endpoint.variants]
        capture = self._configs.get(scope, document["EndpointConfigName"]).get("DataCaptureConfig")
        if capture:
            document["DataCaptureConfig"] = {
                "EnableCapture": capture.get("EnableCapture", True),
                "CaptureStatus": "Started" if capture.get("EnableCapture", True) else "Stopped",
                "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
                "DestinationS3Uri": capture["DestinationS3Uri"],
                "KmsKeyId": capture.get("KmsKeyId", ""),
            }
        return document

    def list_all(self, scope: Scope, request: Document) -> Document:
        """ListEndpoints."""
        names = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        rows = []
        for endpoint in self._endpoints.rows(scope):
            with endpoint.lock:
                rows.append({name: endpoint.document[name] for name in names})
        return listing(rows, request, key="Endpoints", name="EndpointName")

    def invoke(self, scope: Scope, name: str, headers: dict[str, str], body: bytes) -> Answer:
        """InvokeEndpoint.

        Args:
            scope: Where the request arrives.
            name: The endpoint's name.
            headers: The request's headers, in lower case.
            body: The request's body.

        Raises:
            ApiError: ``ValidationError``, or ``ModelError`` when the container answers otherwise than with 2xx.
        """
        endpoint = self._endpoints.find(scope, name)
        if endpoint is None or endpoint.document["EndpointStatus"] not in ("InService", "Updating", "RollingBack"):
            raise ApiError("ValidationError", f"Endpoint {name} of account {scope.account} not found.")
        longest = service_model("sagemaker-runtime").shape_for("BodyBlob").metadata.get("max")
        if longest and len(body) > longest:
            raise ApiError("ValidationError", f"Body is longer than {longest} bytes.")
        forwarded = {header: headers[header] for header in _FORWARDED if header in headers}
        with endpoint.serving(headers.get("x-amzn-sagemaker-target-variant")) as variant:
            try:
                answer = variant.invoke(body, forwarded)
            except OSError as error:
                cut_off = Answer(status=500, headers={}, body=str(error).encode())
                raise _model_error(endpoint, variant, cut_off) from error
            if answer.status // 100 != 2:
                raise _model_error(endpoint, variant, answer)
            if variant.capture is not None:
                variant.capture.add(
                    Payload(body=body, content_type=headers.get("content-type", "")),
                    Payload(body=answer.body, content_type=answer.headers.get("content-type", "")),
                    inference_id=headers.get("x-amzn-sagemaker-inference-id"),
                    attributes=headers.get("x-amzn-sagemaker-custom-attributes"),
                )
        kept = {
            "Content-Type": answer.headers.get("content-type", "application/octet-stream"),
            "x-Amzn-Invoked-Production-Variant": variant.name,
        }
        attributes = answer.headers.get("x-amzn-sagemaker-custom-attributes")
        if attributes:
            kept["X-Amzn-SageMaker-Custom-Attributes"] = attributes
        return Answer(status=200, headers=kept, body=answer.body)

    def close(self) -> None:
        """Ends every variant."""
        for endpoint in self._endpoints.everything():
            with endpoint.lock:
                variants, endpoint.variants = endpoint.variants, ()
            for variant in variants:
                variant.close()

    def _bring_up(self, endpoint: Endpoint, config_name: str) -> None:
        try:
            endpoint.variants = self._fleet(endpoint, config_name)
        except _STARTING as error:
            endpoint.become("Failed", failure=reason(error))
            return
        endpoint.become("InService")

    def _replace(self, endpoint: Endpoint, config_name: str) -> None:
        try:
            fresh = self._fleet(endpoint, config_name)
        except _STARTING as error:
            endpoint.become("RollingBack", failure=reason(error))
            endpoint.become("InService", failure=reason(error))
            return
        with endpoint.lock:
            old, endpoint.variants = endpoint.variants, fresh
            endpoint.document["EndpointConfigName"] = config_name
        endpoint.drain(old)
        for variant in old:
            variant.close()
        endpoint.become("InService")

    def _fleet(self, endpoint: Endpoint, config_name: str) -> tuple[Variant, ...]:
        config = self._configs.get(endpoint.scope, config_name)
        started: list[Variant] = []
        try:
            for variant in config["ProductionVariants"]:
                servable = self._models.servable(endpoint.scope, variant["ModelName"])
                started.append(
                    Variant(
                        platform=self._platform,
                        scope=endpoint.scope,
                        endpoint=endpoint.document["EndpointName"],
                        config=config,
                        variant=variant,
                        servable=servable,
                    )
                )
        except BaseException:
            for running in started:
                running.close()
            raise
        return tuple(started)

    @staticmethod
    def _in_background(work: Callable[[Endpoint, str], None], endpoint: Endpoint, config_name: str) -> None:
        name = f"endpoint {endpoint.document['EndpointName']}"
        threading.Thread(target=work, args=(endpoint, config_name), name=name, daemon=True).start()


def _summary(variant: Variant) -> Document:
    resolved = f"{variant.image.partition('@')[0].rsplit(':', 1)[0]}@{variant.digest}" if variant.digest else ""
    image = {"SpecifiedImage": variant.image, "ResolutionTime": variant.started}
    return {
        "VariantName": variant.name,
        "DeployedImages": [{**image, "ResolvedImage": resolved} if resolved else image],
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
        "CurrentInstanceCount": variant.instances,
        "DesiredInstanceCount": variant.instances,
    }


def _model_error(endpoint: Endpoint, variant: Variant, answer: Answer) -> ApiError:
    scope = endpoint.scope
    text = answer.body.decode("utf-8", "replace")
    side = "client" if answer.status // 100 == 4 else "server"
    group = f"/aws/sagemaker/Endpoints/{endpoint.document['EndpointName']}"
    return ApiError(
        "ModelError",
        f'Received {side} error ({answer.status}) from primary with message "{text}". See {group} in account '
        f"{scope.account} for more information.",
        status=424,
        members={
            "OriginalStatusCode": answer.status,
            "OriginalMessage": text,
            "LogStreamArn": f"arn:{scope.partition}:logs:{scope.region}:{scope.account}:log-group:{group}"
            f":log-stream:{variant.log_stream}",
        },
    )
