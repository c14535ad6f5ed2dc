"""
`python -m cinestream_ops`, and the `cinestream` command.
"""


def main() -> None:
    from cinestream_ops.cli import app

    app.run()


if __name__ == "__main__":
    main()
