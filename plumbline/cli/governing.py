"""What `plumb status` and `plumb retrain` have in common: a model, and credentials of where it is governed."""

from plumbline.accounts.access import Access
from plumbline.configuration import Deployment, Model, Person
from plumbline.errors import PlumblineError
from plumbline.toolchain import ROOT


def governing(model: str, *, role: Person, which: str) -> tuple[Access, Deployment, Model]:
    """The caller's access, the environment that governs, and the model.

    Args:
        model: The model's name.
        role: Whose credentials are wanted.
        which: What that role does.

    Raises:
        PlumblineError: There is no such model, or the credentials are of another account.
    """
    from plumbline.accounts import access
    from plumbline.configuration import load_models, load_platform, named_model

    platform = load_platform(ROOT)
    chosen, deployment = named_model(load_models(ROOT), model), platform.governing
    signed = access.Access(platform)
    caller = access.identify(signed, region=platform.region)
    if caller.account != deployment.account:
        wanted = deployment.person_role_arn(role)
        raise PlumblineError(f"the credentials are of {caller.arn}; accepted: {wanted}, which {which}.")
    return signed, deployment, chosen
