"""
What the owner types.  A command reads, does and shows; it never thinks.
"""
