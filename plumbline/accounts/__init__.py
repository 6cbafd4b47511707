"""The accounts of the platform before and beside its stacks: what makes one ready, and what one still lacks."""
