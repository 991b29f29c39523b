"""`python -m bootstrap` is `headstart`."""

from bootstrap.cli import main

if __name__ == "__main__":
    main()
