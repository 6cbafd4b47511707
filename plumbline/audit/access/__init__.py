"""The access matrix: who may do what, under which circumstances, shown by simulating the synthesized policies."""
