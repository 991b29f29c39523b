"""Failures as problem documents (RFC 9457): raised anywhere, answered alike, typed in OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field
from sqlalchemy.exc import IntegrityError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from app.core.engines import CommitOutcomeUnknown, DatabaseUnavailable
from app.core.logging import correlation_id

logger = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
IF_MATCH = ("header", "if-match")
WHICH_STATE = "say which state you change: send If-Match with the ETag you have read, or *"
FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")


class Problem(BaseModel):
    """A problem document: what went wrong with one request."""

    type: str = Field(default="about:blank", description="Identifies the kind of problem.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The HTTP status code.")
    detail: str = Field(description="What went wrong this time.")
    instance: str = Field(description="The path that was asked for.")
    correlation_id: str = Field(description="Quote it in a report: the logs carry it too.")


class FieldError(BaseModel):
    """One thing that is wrong with the input."""

    location: str = Field(description="Where, as in `body.email` or `query.limit`.")
    message: str


class ValidationProblem(Problem):
    """The problem document of input that breaks a rule, with every rule it breaks."""

    errors: list[FieldError]


class ProblemError(Exception):
    """Raise a subclass to answer with its status; `detail` is what the client reads."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers: dict[str, str] = {}


class NotFound(ProblemError):
    """What was asked for does not exist."""

    status = HTTPStatus.NOT_FOUND


class Conflict(ProblemError):
    """The request contradicts what is stored."""

    status = HTTPStatus.CONFLICT


class PreconditionFailed(ProblemError):
    """What the client has seen is not what is stored any more."""

    status = HTTPStatus.PRECONDITION_FAILED


class PreconditionRequired(ProblemError):
    """The request changes something without saying which state of it the client has seen."""

    status = HTTPStatus.PRECONDITION_REQUIRED


class TooLarge(ProblemError):
    """The request's body is larger than what is accepted."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class InvalidInput(ProblemError):
    """One field breaks a rule that its schema cannot express."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, location: str, message: str) -> None:
        """Name the field, as in `query.cursor`, and the rule."""
        super().__init__(f"{location}: {message}")
        self.error = FieldError(location=location, message=message)


def problem(request: Request, status: int, detail: str) -> Problem:
    return Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        correlation_id=correlation_id(),
    )


def respond(document: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(document.model_dump_json(), document.status, headers, media_type=MEDIA_TYPE)


def _invalid(request: Request, errors: list[FieldError]) -> Response:
    detail = "; ".join(f"{error.location}: {error.message}" for error in errors)
    base = problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return respond(ValidationProblem(**base.model_dump(), errors=errors))


def answer(request: Request, error: ProblemError | DatabaseUnavailable) -> Response:
    """Return what a client is answered; for what is raised where no endpoint is, too."""
    if isinstance(error, DatabaseUnavailable):
        return _database_away(request, error)
    if isinstance(error, InvalidInput):
        return _invalid(request, [error.error])
    return respond(problem(request, error.status, error.detail), error.headers)


def _database_away(request: Request, error: DatabaseUnavailable) -> Response:
    logger.warning("database.away", error=str(error))
    detail = "the database cannot be reached now; nothing was changed, and it is worth repeating"
    document = problem(request, HTTPStatus.SERVICE_UNAVAILABLE, detail)
    return respond(document, {"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _on_problem(request: Request, error: Exception) -> Response:
    return answer(request, cast("ProblemError | DatabaseUnavailable", error))


async def _on_integrity_error(request: Request, error: Exception) -> Response:
    """Answer what no service has caught: a value that is taken, a row that others refer to."""
    logger.warning("database.refused", exc_info=error)
    detail = "it contradicts what is stored: a value is taken, or something else refers to it"
    return respond(problem(request, HTTPStatus.CONFLICT, detail))


async def _on_unconfirmed(request: Request, error: Exception) -> Response:
    logger.error("database.unconfirmed", exc_info=error)
    detail = "the database was lost during the commit: it is not known whether anything was changed"
    # A feature may know what to do about that.
    detail += getattr(request.state, "if_unconfirmed", "")
    return respond(problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    raised = cast("HTTPException", error)
    headers = dict(raised.headers or {})
    if raised.status_code == HTTPStatus.NOT_MODIFIED:
        return Response(None, raised.status_code, headers)
    if raised.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers |= _allowed(request)
    return respond(problem(request, raised.status_code, str(raised.detail)), headers)


def _allowed(request: Request) -> dict[str, str]:
    """Name every method of the path; the router knows only those of its first route there."""
    path = getattr(request.scope.get("route"), "path_format", None)
    methods = {each.upper() for each in request.app.openapi()["paths"].get(path, ())}
    if "GET" in methods:
        methods.add("HEAD")
    return {"Allow": ", ".join(sorted(methods))} if methods else {}


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    raised = cast("RequestValidationError", error)
    if _is_unsupported(request, raised.body):
        detail = "the body is of a type that this endpoint does not read"
        return respond(problem(request, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail))
    found = raised.errors()
    if any(item["loc"] == IF_MATCH and item.get("type") == "missing" for item in found):
        return answer(request, PreconditionRequired(WHICH_STATE))
    errors = [
        FieldError(location=".".join(map(str, item["loc"])), message=item["msg"]) for item in found
    ]
    return _invalid(request, errors)


def _is_unsupported(request: Request, body: object) -> bool:
    """Say whether the body was left alone for its type: JSON stays bytes, a form stays empty."""
    sent = request.headers.get("content-type", "")
    is_form = sent.lower().startswith(FORM_TYPES)
    return isinstance(body, bytes) or (isinstance(body, FormData) and bool(sent) and not is_form)


def install_errors(app: FastAPI) -> None:
    """Answer every failure of `app` with a problem document, and say so in its OpenAPI."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(DatabaseUnavailable, _on_problem)
    app.add_exception_handler(CommitOutcomeUnknown, _on_unconfirmed)
    app.add_exception_handler(IntegrityError, _on_integrity_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Build the OpenAPI document once, each operation with the problems it can answer with."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        components = schema.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        for model in (Problem, ValidationProblem):
            document = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(document.pop("$defs", {}))
            schemas[model.__name__] = document
        for path in schema["paths"].values():
            for operation in path.values():
                _declare_problems(operation["responses"])
        app.openapi_schema = schema
    return app.openapi_schema


def _declare_problems(responses: dict[str, Any]) -> None:
    for status in [code for code in responses if code.startswith(("4", "5"))]:
        # An answer with a model of its own is none of ours; FastAPI's own 422 is.
        if "content" not in responses[status] or status == "422":
            model = ValidationProblem if status == "422" else Problem
            responses[status] = _response(HTTPStatus(int(status)).phrase, model)
    responses["default"] = _response("Any other problem", Problem)


def _response(description: str, model: type[Problem]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
