"""``python -m cloudify``: the same as the command ``cloudify``."""

from cloudify.cli.main import main

if __name__ == "__main__":
    main()
