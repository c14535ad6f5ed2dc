"""
`python -m cinestream_ops`, and the `cinestream` command.
"""

import gc

# Imports make a hundred thousand objects and no garbage; collecting among them takes a tenth of
# the time of a command that finds nothing to do.
YOUNG = 100_000


def main() -> None:
    gc.set_threshold(YOUNG)
    from cinestream_ops.cli import app

    app.run()


if __name__ == "__main__":
    main()
