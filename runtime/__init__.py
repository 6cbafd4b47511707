"""What runs inside SageMaker's containers: `python -m runtime prepare|train|evaluate|serve`.

One locked set of libraries and one image for all of them: what trains is what serves. The package knows the container
contracts and nothing of any model: a model's code comes in the `code` channel, and the package calls its functions.
It imports nothing of this project but itself, talks to no network and needs no credentials.
"""
