"""`python -m bootstrap` is `headstart`."""

from bootstrap.entry import main

if __name__ == "__main__":
    main()
