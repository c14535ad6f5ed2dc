"""
Turns bare servers into hardened hosts for many Python sites.
"""

__version__ = "0.1.0"
