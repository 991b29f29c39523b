"""The folder that APIOps publishes to Azure API Management."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from app.gateway.openapi import Document, as_text, operations
from app.settings import Project

# Whose values differ between environments: `configuration.ENVIRONMENT.yaml` has them.
CALLS, KEY = "calls-per-minute", "client-key"


def files(project: Project, document: Document) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of what follows from the api."""
    name = project.name
    api = f"apis/{name}"
    yield f"{api}/specification.yaml", as_text(document)  # JSON is YAML
    yield (
        f"{api}/apiInformation.json",
        as_text(
            _properties(
                displayName=name,
                description=project.description,
                path=name,
                protocols=["https"],
                subscriptionRequired=True,
                apiRevision="1",
            )
        ),
    )
    yield f"{api}/policy.xml", policy(name, is_guarded=is_guarded(document))
    yield (
        f"backends/{name}/backendInformation.json",
        as_text(_properties(protocol="http", url=f"https://{name}.invalid")),
    )
    for value in named_values(document):
        yield (
            f"named values/{name}-{value}/namedValueInformation.json",
            as_text(
                _properties(displayName=f"{name}-{value}", secret=value == KEY, value="configured")
            ),
        )


def configuration(project: Project, document: Document, environment: str) -> str:
    """What an environment is, for its people to fill in; written once."""
    name = project.name
    lines = [
        f"# {environment}: fill in what is in capitals. APIOps puts it over what is in the folder.",
        f"apimServiceName: APIM-{environment.upper()}",
        "backends:",
        f"  - name: {name}",
        "    properties:",
        f"      url: https://{name}.{environment}.example.com",
        "namedValues:",
        f"  - name: {name}-{CALLS}",
        "    properties:",
        f"      displayName: {name}-{CALLS}",
        '      value: "600"',
    ]
    if is_guarded(document):
        vault = f"https://VAULT-{environment.upper()}.vault.azure.net"
        lines += [
            f"  - name: {name}-{KEY}",
            "    properties:",
            f"      displayName: {name}-{KEY}",
            "      secret: true",
            "      keyVault:",
            f"        secretIdentifier: {vault}/secrets/{name}-{KEY}",
        ]
    return "\n".join([*lines, ""])


def is_guarded(document: Document) -> bool:
    """Whether callers have to show who they are."""
    return any(each.get("security") for each in operations(document))


def named_values(document: Document) -> tuple[str, ...]:
    return (CALLS, KEY) if is_guarded(document) else (CALLS,)


def policy(name: str, *, is_guarded: bool) -> str:
    """One for all environments: what differs are named values."""
    as_client = f"""
    <!-- Who brings no token calls as the client that is registered for the gateway. -->
    <set-header name="Authorization" exists-action="skip">
      <value>Bearer {_value_of(name, KEY)}</value>
    </set-header>"""
    caller = quoteattr("@(context.Subscription?.Id ?? context.Request.IpAddress)")
    calls = quoteattr(_value_of(name, CALLS))
    return f"""\
<policies>
  <inbound>
    <base />
    <rate-limit-by-key calls={calls} renewal-period="60" counter-key={caller} />
    <set-backend-service backend-id={quoteattr(name)} />{as_client if is_guarded else ""}
    <set-header name="X-Request-Id" exists-action="skip">
      <value>@(context.RequestId.ToString())</value>
    </set-header>
    <set-header name="Ocp-Apim-Subscription-Key" exists-action="delete" />
  </inbound>
  <backend>
    <base />
  </backend>
  <outbound>
    <base />
    <set-header name="Server" exists-action="delete" />
  </outbound>
  <on-error>
    <base />
  </on-error>
</policies>
"""


def _value_of(name: str, value: str) -> str:
    """As a policy names it: two braces on each side."""
    return "{" * 2 + f"{name}-{value}" + "}" * 2


def _properties(**properties: object) -> Document:
    return {"properties": properties}
