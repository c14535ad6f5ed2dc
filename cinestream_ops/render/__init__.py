"""
Text for other programs, from templates and small frozen contexts.

Nothing here decides anything; it reads its templates, and touches nothing else.
"""

from cinestream_ops.render.dialects import UnsafeText
from cinestream_ops.render.render import compile_all, render

__all__ = ["UnsafeText", "compile_all", "render"]
