"""Every operator."""

from tests.plumbline.audit.mutations.network import NETWORK
from tests.plumbline.audit.mutations.policies import POLICIES
from tests.plumbline.audit.mutations.settings import SETTINGS

OPERATORS = (*SETTINGS, *POLICIES, *NETWORK)


def operator_names() -> list[str]:
    """Names of the operators, in their order; several may share one."""
    return list(dict.fromkeys(operator.name for operator in OPERATORS))
