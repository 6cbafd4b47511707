"""Whether two texts are the same template to CloudFormation."""

import hashlib
import json

import yaml

# What an update cannot change by itself, and comments are not part of (CloudFormation user guide, "Metadata":
# "During a stack update, you cannot update the Metadata section by itself"; the description goes with it).
_BESIDE = ("AWSTemplateFormatVersion", "Description", "Metadata")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # it ships no types
    """Reads short forms such as `!Sub`, and keeps the tag beside the value."""


def _tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, object]:
    if isinstance(node, yaml.ScalarNode):
        value: object = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {f"!{suffix}": value}


_Loader.add_multi_constructor("!", _tagged)


def template_digest(text: object) -> str:
    """SHA-256 of what a template says, without comments, order of keys, description and metadata of the whole.

    Args:
        text: YAML or JSON; or what a client has read out of JSON, as GetTemplate's does.

    Raises:
        ValueError: It is neither.
    """
    try:
        body = yaml.load(text, Loader=_Loader) if isinstance(text, str) else text  # noqa: S506 - a safe loader with one more constructor
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if not isinstance(body, dict):
        raise ValueError("a template is a mapping")
    said = {key: value for key, value in body.items() if key not in _BESIDE}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
