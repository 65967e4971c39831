"""The jinja templates of the pages; they escape what they show."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_template(name: str, **values: object) -> str:
    """The page of a template, such as ``page.html.j2``, with these values in it."""
    environment = Environment(
        loader=PackageLoader("tagmates", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(values)
