"""
What the owner wrote, parsed into types that cannot be wrong.

Nothing here may touch a disk, a clock, a network, the environment or randomness.
"""
