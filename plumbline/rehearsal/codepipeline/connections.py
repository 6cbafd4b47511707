"""Connections to providers of Git: the APIs ``codeconnections`` and, of the older name, ``codestar-connections``.

A new connection is PENDING until a person completes the handshake with the provider in the console; here the
rehearsal's own door does that. Source: API reference of AWS CodeConnections.
"""

import threading
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.authorization import Check, resource_tag_context, tag_context
from plumbline.rehearsal.api.errors import ApiError, UnsupportedOperationError
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.service import JsonService
from plumbline.rehearsal.api.shapes import Document

PENDING, AVAILABLE = "PENDING", "AVAILABLE"
MODELS = ("codeconnections", "codestar-connections")


class Connections:
    """The connections of all accounts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, Document] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def create(self, scope: Scope, *, prefix: str, name: str, provider: str, tags: Mapping[str, str]) -> str:
        """Makes a connection and returns its ARN.

        Args:
            scope: Where.
            prefix: ``codeconnections`` or ``codestar-connections``: which API is asked.
            name: Its name.
            provider: The provider's type, for example ``GitHub``.
            tags: Its tags.
        """
        arn = scope.arn_of(prefix, f"connection/{uuid.uuid4()}")
        with self._lock:
            self._rows[arn] = {
                "ConnectionName": name,
                "ConnectionArn": arn,
                "ProviderType": provider,
                "OwnerAccountId": scope.account,
                "ConnectionStatus": PENDING,
            }
            self._tags[arn] = dict(tags)
        return arn

    def get(self, arn: str) -> Document:
        """A connection.

        Raises:
            ApiError: ``ResourceNotFoundException``.
        """
        with self._lock:
            found = self._rows.get(arn)
            if found is None:
                raise ApiError("ResourceNotFoundException", f"Connection {arn} not found")
            return dict(found)

    def status_of(self, arn: str) -> str:
        """A connection's status.

        Raises:
            ApiError: ``ResourceNotFoundException``.
        """
        return str(self.get(arn)["ConnectionStatus"])

    def of_account(self, scope: Scope) -> list[Document]:
        """The connections of an account in a region."""
        with self._lock:
            return [
                dict(row) for arn, row in self._rows.items() if arn.split(":")[3:5] == [scope.region, scope.account]
            ]

    def tags(self, arn: str) -> Mapping[str, str]:
        """A connection's tags."""
        with self._lock:
            return dict(self._tags.get(arn, {}))

    def complete(self, arn: str) -> None:
        """Does what a person does in the console: the connection, made there if it is not there, is AVAILABLE."""
        _, _, _, _, account, resource = arn.split(":", 5)
        with self._lock:
            row = self._rows.setdefault(
                arn,
                {
                    "ConnectionName": resource.rpartition("/")[2][:32],
                    "ConnectionArn": arn,
                    "ProviderType": "GitHub",
                    "OwnerAccountId": account,
                },
            )
            row["ConnectionStatus"] = AVAILABLE
            self._tags.setdefault(arn, {})

    def delete(self, arn: str) -> None:
        """Takes a connection away.

        Raises:
            ApiError: ``ResourceNotFoundException``.
        """
        self.get(arn)
        with self._lock:
            del self._rows[arn]
            del self._tags[arn]


class ConnectionsService(JsonService):
    """One of the two APIs.

    Args:
        model: Which.
        connections: What both are about.
        unsupported: The file that names what the rehearsal lacks.
    """

    def __init__(self, *, model: str, connections: Connections, unsupported: Path) -> None:
        super().__init__(model=model, unsupported=unsupported, version="1.0")
        self._connections = connections

    def operations(self) -> Iterable[str]:
        """The names of the operations that there are."""
        return ("CreateConnection", "GetConnection", "ListConnections", "DeleteConnection", "ListTagsForResource")

    def do(self, operation: str, request: Document, scope: Scope, caller: enforcement.Caller | None) -> Document:  # noqa: ARG002
        """Does an operation.

        Raises:
            ApiError: It refuses.
        """
        match operation:
            case "CreateConnection":
                if "ProviderType" not in request:
                    raise UnsupportedOperationError("the rehearsal has no hosts of connections: give a ProviderType")
                tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
                arn = self._connections.create(
                    scope,
                    prefix=self.model,
                    name=request["ConnectionName"],
                    provider=request["ProviderType"],
                    tags=tags,
                )
                return {"ConnectionArn": arn} | ({"Tags": request["Tags"]} if tags else {})
            case "GetConnection":
                return {"Connection": self._connections.get(request["ConnectionArn"])}
            case "DeleteConnection":
                self._connections.delete(request["ConnectionArn"])
                return {}
            case "ListTagsForResource":
                tags = dict(self._connections.tags(request["ResourceArn"]))
                return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        wanted = request.get("ProviderTypeFilter")
        rows = [row for row in self._connections.of_account(scope) if wanted in (None, row["ProviderType"])]
        return {"Connections": rows}

    def checks(self, operation: str, request: Document, scope: Scope) -> Iterable[Check]:
        """The decisions that a request needs: service authorization reference, "AWS CodeConnections"."""
        resource = request.get("ConnectionArn") or request.get("ResourceArn") or "*"
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        context = tag_context(tags) | resource_tag_context(self._connections.tags(resource))
        if operation == "CreateConnection":
            resource = scope.arn_of(self.model, "connection/*")
            context[f"{self.model}:ProviderType"] = str(request.get("ProviderType", ""))
        yield Check(action=f"{self.model}:{operation}", resource=resource, context=context)
