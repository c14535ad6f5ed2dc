"""
What the owner writes becomes files that anyone can read: see `cases/`.

`pytest tests/render --update-cases` writes the files anew, for the eyes of a review.
"""

from __future__ import annotations

import pytest

from tests.render import case


@pytest.mark.parametrize("path", case.paths(), ids=lambda path: path.stem)
def test_the_owners_text_becomes_these_files(path, request):
    given = case.read(path)
    if request.config.getoption("--update-cases", default=False):
        case.write(given)
        given = case.read(path)

    files = given.files

    assert given.expected == {name: files[name] for name in given.expected}
