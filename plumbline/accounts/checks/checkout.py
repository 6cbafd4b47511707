"""What will be deployed: the models of this checkout and their rendered definitions."""

from collections.abc import Iterator

from plumbline.accounts.findings import Check, Finding, missing, ok
from plumbline.accounts.looking import Look
from plumbline.configuration import code_digest, load_models
from plumbline.errors import PlumblineError


def definitions(look: Look) -> Iterator[Finding]:
    """Whether each model's definition names the code that lies beside it; its roles would let no job read another."""
    try:
        models = load_models(look.root)
    except PlumblineError as refusal:
        yield missing("definitions", str(refusal), way_out="correct the file")
        return
    for model in models:
        path = model.definition_path
        name = path.relative_to(look.root.resolve())
        if not path.is_file():
            yield missing("definitions", f"{name} is not there", way_out="./plumb render, and commit what it writes")
        elif code_digest(model) not in path.read_text(encoding="utf-8"):
            yield missing("definitions", f"{name} is stale", way_out="./plumb render, and commit what it writes")
        else:
            yield ok("definitions", f"{name} names the code beside it")


CHECKS = (Check(name="definitions", look=definitions),)
