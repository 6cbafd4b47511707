"""`plumb render`: writes each model's pipeline definition, or says which committed one is stale."""

from typing import Annotated

import typer

from plumbline.configuration import load_models
from plumbline.errors import PlumblineError
from plumbline.toolchain import ROOT


def render(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when a definition is stale.")] = False,
) -> None:
    """Render each model's pipeline.py to the definition.json that is committed and deployed."""
    from plumbline.render import is_stale, write  # the SageMaker SDK takes seconds to import

    stale = []
    for model in load_models(ROOT):
        name = model.definition_path.relative_to(ROOT)
        if not is_stale(model):
            print(f"{name}: up to date")
        elif check:
            stale.append(str(name))
        else:
            write(model)
            print(f"{name}: written")
    if stale:
        raise PlumblineError(f"{', '.join(stale)}: stale; run `./plumb render` and commit what it writes.", exit_code=1)
