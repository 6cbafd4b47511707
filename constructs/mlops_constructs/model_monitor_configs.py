"""What SageMaker Clarify is told of a model, in files that a release brings beside the baselines of its version.

Source: "Configure the Analysis", Amazon SageMaker developer guide, schema 1.0.
"""

import json
from collections.abc import Mapping

from plumbline.configuration import Deployment, Model, Monitor, Monitoring, load_contract
from plumbline.errors import PlumblineError

# Clarify writes down what it has found by feature; more samples say it more exactly, and ask the model more often.
_SAMPLES = 100
_JSON_LINES = "application/jsonlines"
# The release that a version comes with fills in its number.
VERSION = "{version}"


def inputs_of(model: Model, monitoring: Monitoring) -> list[str]:
    """The names of what a model is asked, in the order in which its contract first has them.

    Raises:
        PlumblineError: A check names a column that the contract asks for in no request.
    """
    inputs = load_contract(model).inputs
    named = [*(monitoring.data_quality.features if monitoring.data_quality else [])]
    if monitoring.bias is not None:
        named += [name for name in (monitoring.bias.facet, monitoring.bias.group) if name]
    for name in named:
        if name not in inputs:
            raise PlumblineError(
                f"{model.name}/contract.json: no request has {name}, which [monitoring] names; accepted with Model "
                "Monitor: requests that have every input at least once."
            )
    return inputs


def config_path(monitor: Monitor) -> str:
    """Path of the file of a check below the folder of a released version."""
    return f"baselines/{monitor}/config.json"


def clarify_configs(deployment: Deployment, model: Model, monitoring: Monitoring) -> dict[str, str]:
    """The files by their paths; none for checks that Clarify does not make.

    Args:
        deployment: The environment in which it makes them.
        model: The model.
        monitoring: What is watched of it.
    """
    inputs = inputs_of(model, monitoring)
    made: dict[Monitor, Mapping[str, object]] = {}
    if monitoring.bias is not None:
        bias = monitoring.bias
        facet: dict[str, object] = {
            "name_or_index": bias.facet,
            "value_or_threshold": [bias.above] if bias.above is not None else bias.values,
        }
        made[Monitor.BIAS] = {
            "version": "1.0",
            "dataset_type": _JSON_LINES,
            "headers": [*inputs, monitoring.label],
            "label": monitoring.label,
            "label_values_or_threshold": [_number(monitoring.positive)],
            "facet": [facet],
            **({"group_variable": bias.group} if bias.group else {}),
            "methods": {
                "pre_training_bias": {"methods": "all"},
                "post_training_bias": {"methods": "all"},
                "report": {"name": "report"},
            },
        }
    if monitoring.explainability is not None:
        made[Monitor.EXPLAINABILITY] = {
            "version": "1.0",
            "dataset_type": _JSON_LINES,
            "headers": inputs,
            "methods": {
                "shap": {"num_samples": _SAMPLES, "agg_method": "mean_abs", "num_clusters": 1},
                "report": {"name": "report"},
            },
            "predictor": {
                "model_name": deployment.explained_model(model, VERSION),
                "endpoint_name_prefix": deployment.explaining_prefix(model),
                "instance_type": model.serving.instance_type,
                "initial_instance_count": 1,
                "content_type": _JSON_LINES,
                "accept_type": _JSON_LINES,
                "content_template": "$features_kvp",
                "probability" if monitoring.answers == "binary" else "label": monitoring.answer,
            },
        }
    return {config_path(monitor): f"{json.dumps(made[monitor], indent=1, sort_keys=True)}\n" for monitor in made}


def _number(text: str) -> object:
    return int(text) if text.lstrip("-").isdigit() else text
