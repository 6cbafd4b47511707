"""The price list, as AWS answers."""

import json
from decimal import Decimal
from typing import Any

import botocore.exceptions
import pytest

from plumbline.errors import PlumblineError
from plumbline.smoke.prices import Prices


class PriceList:
    """The price list's client: products that it has, and what it was asked for."""

    meta: Any = None

    def __init__(self, *products: dict[str, Any], error: Exception | None = None) -> None:
        self.products, self.error = products, error
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def get_paginator(self, operation: str) -> "PriceList":
        assert operation == "get_products"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.asked.append(request)
        if self.error:
            raise self.error
        return [{"PriceList": [json.dumps(one)]} for one in self.products]


def product(*, usd: str, terms: str = "OnDemand", unit: str = "Hrs", **attributes: str) -> dict[str, Any]:
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}}
    return {
        "product": {"attributes": {"regionCode": "eu-west-1", "instanceName": "ml.m5.large", **attributes}},
        "terms": {terms: {"A.B": {"priceDimensions": {"A.B.C": dimension}}}},
    }


def test_the_price_is_that_of_the_component_and_the_highest_of_several() -> None:
    listed = PriceList(
        product(usd="0.128", component="Training"),
        product(usd="0.130", component="Training"),
        product(usd="9.000", component="Hosting"),
        product(usd="8.000", component="Training", unit="GB-Mo"),
        product(usd="7.000", component="Training", terms="Reserved"),
    )
    prices = Prices(listed, region="eu-west-1")
    assert prices.hourly("ml.m5.large", "Training") == Decimal("0.130")
    assert prices.hourly("ml.m5.large", "Training") == Decimal("0.130")
    (asked,) = listed.asked
    assert asked["ServiceCode"] == "AmazonSageMaker"
    assert {one["Field"]: one["Value"] for one in asked["Filters"]} == {
        "regionCode": "eu-west-1",
        "instanceName": "ml.m5.large",
    }


def test_a_component_may_be_told_by_its_older_name() -> None:
    prices = Prices(PriceList(product(usd="0.115", platoinstancetype="Hosting")), region="eu-west-1")
    assert prices.hourly("ml.m5.large", "Hosting") == Decimal("0.115")


def test_what_the_list_does_not_have_is_one_sentence() -> None:
    prices = Prices(PriceList(product(usd="0.115", component="Hosting")), region="eu-west-1")
    with pytest.raises(PlumblineError) as refused:
        prices.hourly("ml.m5.large", "Training")
    assert str(refused.value) == (
        "AWS's price list has no training on ml.m5.large in eu-west-1, so no budget can be kept."
    )


def test_a_caller_who_may_not_ask_for_prices_is_told() -> None:
    response: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized to pricing:GetProducts"}}
    error = botocore.exceptions.ClientError(response, "GetProducts")
    with pytest.raises(PlumblineError) as refused:
        Prices(PriceList(error=error), region="eu-west-1").hourly("ml.m5.large", "Training")
    assert str(refused.value).startswith("AWS's price list cannot be asked: these credentials may not: not authorized")
