"""Rundeck's API, as far as jobs are imported by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from app.rundeck.settings import RundeckSettings

API = 45
SECONDS = 60
ADVICE = {
    HTTPStatus.UNAUTHORIZED: "it does not know the token: RUNDECK_TOKEN",
    HTTPStatus.FORBIDDEN: "the token may not create and update jobs of this project",
    HTTPStatus.NOT_FOUND: "it has no such project (RUNDECK_PROJECT), or is older than 4.10",
}


class RundeckError(Exception):
    """Nothing was imported."""


@dataclass(frozen=True)
class Imported:
    """What became of each job; Rundeck answers 200 where it has refused some, too."""

    succeeded: Sequence[str]
    failed: Mapping[str, str]


def import_jobs(settings: RundeckSettings, definitions: str) -> Imported:
    """Create the jobs, or change those that have the same ids; raises RundeckError."""
    api = f"{settings.rundeck_url.rstrip('/')}/api/{API}"
    url = f"{api}/project/{settings.rundeck_project}/jobs/import"
    try:
        answer = httpx.post(
            url,
            # JSON is YAML, and this is the form that every Rundeck reads.
            params={"fileformat": "yaml", "dupeOption": "update", "uuidOption": "preserve"},
            headers={
                "Accept": "application/json",
                "Content-Type": "application/yaml",
                "X-Rundeck-Auth-Token": settings.rundeck_token.get_secret_value(),
            },
            content=definitions,
            timeout=SECONDS,
        )
        answer.raise_for_status()
        told = answer.json()
        return Imported(
            [job["name"] for job in told["succeeded"]],
            {job["name"]: job.get("error", "no reason given") for job in told["failed"]},
        )
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        why = ADVICE.get(HTTPStatus(status), error.response.text[:500])
        raise RundeckError(f"Rundeck answers {status}: {why}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RundeckError(f"Rundeck at {settings.rundeck_url} is not reached: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RundeckError(f"{url} does not answer as Rundeck does") from error
