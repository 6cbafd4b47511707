"""``AWS::Budgets::Budget``.

Source: CloudFormation template reference, "AWS::Budgets::Budget": ``Ref`` gives the budget's name; a changed
notification makes a new budget.
"""

from ministack.core.responses import get_account_id
from ministack.services import budgets

from plumbline.rehearsal.provisioning.notation import Properties
from plumbline.rehearsal.provisioning.types.service import Created, add, ask


def register() -> None:
    """Adds the type to the emulator of this process."""
    add(
        "AWS::Budgets::Budget",
        create=_create,
        update=_update,
        delete=_delete,
        name="Budget.BudgetName",
        length=100,
    )


def _create(name: str, properties: Properties) -> Created:
    given = properties.get("Budget")
    budget = {**given, "BudgetName": name} if isinstance(given, dict) else {"BudgetName": name}
    ask(
        budgets._create_budget,
        {
            "AccountId": get_account_id(),
            "Budget": _with_amounts(budget),
            "NotificationsWithSubscribers": properties.get("NotificationsWithSubscribers"),
            "ResourceTags": properties.get("ResourceTags"),
        },
    )
    return name, {}


def _with_amounts(budget: dict[str, object]) -> dict[str, object]:
    """The API takes an amount as text, a template as a number too."""
    limit = budget.get("BudgetLimit")
    if not isinstance(limit, dict):
        return budget
    return budget | {"BudgetLimit": limit | {"Amount": str(limit.get("Amount", ""))}}


def _update(physical_id: str, old: Properties, new: Properties) -> Created:
    _delete(physical_id, old)
    return _create(physical_id, new)


def _delete(physical_id: str, properties: Properties) -> None:  # noqa: ARG001 - the handler's signature
    budgets._delete_budget({"AccountId": get_account_id(), "BudgetName": physical_id})
