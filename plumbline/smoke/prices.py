"""What an hour of an instance costs, as AWS's price list says."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import botocore.exceptions

from plumbline.accounts.access import Client
from plumbline.accounts.refusals import sentence
from plumbline.errors import PlumblineError

# "Using the AWS Price List Query API": one of its two endpoints, and the currency of the partition `aws`.
REGION = "us-east-1"
_SERVICE = "AmazonSageMaker"
_CURRENCY = "USD"
_HOURS = frozenset({"hr", "hrs", "hours"})


class Prices:
    """The prices of one region.

    Args:
        client: A client of `pricing` in ``REGION``; `pricing:GetProducts` is all that it needs.
        region: The region whose prices are wanted.
    """

    def __init__(self, client: Client, *, region: str) -> None:
        self._client, self._region = client, region
        self._known: dict[tuple[str, str], Decimal] = {}

    def hourly(self, instance_type: str, component: str) -> Decimal:
        """The on-demand price of an hour; the highest one when the list has several.

        Args:
            instance_type: For example ``ml.m5.large``.
            component: What it works as: ``Processing``, ``Training`` or ``Hosting``.

        Returns:
            US dollars.

        Raises:
            PlumblineError: The list does not have it, or cannot be asked.
        """
        wanted = (instance_type, component)
        if wanted not in self._known:
            found = self._ask(instance_type, component)
            if not found:
                raise PlumblineError(
                    f"AWS's price list has no {component.lower()} on {instance_type} in {self._region}, so no budget "
                    "can be kept.",
                    exit_code=1,
                )
            self._known[wanted] = max(found)
        return self._known[wanted]

    def _ask(self, instance_type: str, component: str) -> list[Decimal]:
        terms = {"regionCode": self._region, "instanceName": instance_type}
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in terms.items()]
        try:
            pages = self._client.get_paginator("get_products").paginate(ServiceCode=_SERVICE, Filters=filters)
            listed = [json.loads(one) for page in pages for one in page["PriceList"]]
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise PlumblineError(
                f"AWS's price list cannot be asked: {sentence(error, region=REGION)}", exit_code=1
            ) from error
        return [
            Decimal(dimension["pricePerUnit"][_CURRENCY])
            for product in listed
            if component in _components(product)
            for term in product["terms"].get("OnDemand", {}).values()
            for dimension in term["priceDimensions"].values()
            if dimension["unit"].lower() in _HOURS and _CURRENCY in dimension["pricePerUnit"]
        ]


def _components(product: Mapping[str, Any]) -> tuple[str, ...]:
    attributes = product["product"]["attributes"]
    return attributes.get("component", ""), attributes.get("platoinstancetype", "")
