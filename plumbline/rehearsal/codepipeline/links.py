"""Addresses of the console, as CodePipeline writes them."""


def console(region: str, pipeline: str) -> str:
    """Where a pipeline can be looked at."""
    return f"https://console.aws.amazon.com/codepipeline/home?region={region}#/view/{pipeline}"


def of_build(region: str, build: str) -> str:
    """Where a build can be looked at."""
    return f"https://console.aws.amazon.com/codebuild/home?region={region}#/builds/{build}/view/new"


def of_stack(region: str, stack: str) -> str:
    """Where a stack can be looked at."""
    return f"https://console.aws.amazon.com/cloudformation/home?region={region}#/stack/detail?stackId={stack}"


def of_function(region: str, function: str) -> str:
    """Where a function can be looked at."""
    return f"https://console.aws.amazon.com/lambda/home?region={region}#/functions/{function}"
