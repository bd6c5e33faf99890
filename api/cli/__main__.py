"""`python -m api.cli`: the command line where the script `likewise` is not on the path."""

from api.cli.main import main

if __name__ == "__main__":
    main()
