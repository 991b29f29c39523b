"""The project that apictl imports into WSO2 API Manager 4."""

from __future__ import annotations

from collections.abc import Iterator

from app.gateway.openapi import Document, as_text
from app.settings import Project

VERSION = "v4.3.0"


def files(project: Project, document: Document) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of what follows from the api. JSON is YAML."""
    about = {"name": name_of(project), "version": major(project)}
    yield "Definitions/swagger.yaml", as_text(document)
    yield "api_meta.yaml", as_text(about)
    yield (
        "api.yaml",
        as_text(
            {
                "type": "api",
                "version": VERSION,
                "data": {
                    **about,
                    "description": project.description,
                    "context": f"/{project.name}",
                    "lifeCycleStatus": "PUBLISHED",
                    "type": "HTTP",
                    "transport": ["https"],
                    "policies": ["Unlimited"],
                    "visibility": "PUBLIC",
                    "endpointConfig": _endpoint(f"https://{project.name}.invalid"),
                },
            }
        ),
    )


def configuration(project: Project, environment: str) -> str:
    """What an environment is, for its people to fill in; written once."""
    return f"""\
# {environment}, for `apictl import api --params`: where the api is, and which gateway publishes it.
environments:
  - name: {environment}
    configs:
      endpoints:
        production:
          url: https://{project.name}.{environment}.example.com
      deploymentEnvironments:
        - deploymentEnvironment: Default
"""


def name_of(project: Project) -> str:
    """Without hyphens: WSO2 takes letters and digits."""
    return "".join(part.capitalize() for part in project.name.split("-"))


def major(project: Project) -> str:
    return f"v{project.version.partition('.')[0]}"


def _endpoint(url: str) -> Document:
    return {"endpoint_type": "http", "production_endpoints": {"url": url}}
