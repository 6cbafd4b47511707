"""What the builds of the delivery pipeline do: `./plumb deliver <step>`, in the role of the build's project."""
