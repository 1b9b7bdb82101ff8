"""``cloudify config show``."""

from cloudify.cli.guard import one_line


def show(**options: object) -> None:
    """Print every setting as ``name value (where it came from)``."""
    with one_line():
        from cloudify.settings import Settings, origin

        settings = Settings.load(**options)
    for name in Settings.model_fields:
        print(f"{name:<20} {getattr(settings, name)!s:<36} ({origin(name, options)})")
