"""The Jinja in `copier.yml`, evaluated as Copier evaluates it."""

from collections.abc import Mapping

from jinja2 import StrictUndefined, Template, TemplateError, Undefined
from jinja2.sandbox import SandboxedEnvironment

from bootstrap.project import questions
from bootstrap.project.questions import Value

Context = Mapping[str, Value]

_UNDEFINED = {"jinja2.StrictUndefined": StrictUndefined, "jinja2.Undefined": Undefined}
# What Jinja and its filters raise for an expression that makes no sense.
_FAILURES = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_TRUE = frozenset({"y", "yes", "t", "true", "on"})
_FALSE = frozenset({"", "n", "no", "f", "false", "off", "~", "null", "none"})


class Expressions:
    """Evaluates expressions with one template's Jinja options; each text is compiled once."""

    def __init__(self, options: Mapping[str, Value]) -> None:
        given = {
            **options,
            "undefined": _UNDEFINED[str(options.get("undefined", "jinja2.Undefined"))],
        }
        # The filters Copier always loads.
        extensions = ["jinja2_ansible_filters.AnsibleCoreFiltersExtension"]
        self._environment = SandboxedEnvironment(extensions=extensions, **given)
        self._compiled: dict[str, Template] = {}

    def render(self, text: str, context: Context) -> str:
        """The text with its expressions replaced by their values."""
        try:
            if text not in self._compiled:
                self._compiled[text] = self._environment.from_string(text)
            return self._compiled[text].render(context)
        except _FAILURES as error:
            raise questions.TemplateError(f"{text.strip()!r} fails: {error}") from error

    def holds(self, condition: bool | str, context: Context) -> bool:
        """Whether a condition (`when`, `ask`) is true."""
        return truth(self.render(condition, context) if isinstance(condition, str) else condition)


def truth(value: Value) -> bool:
    """Copier's own reading of a value as true or false: too lenient for what people give."""
    try:
        return bool(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        pass
    text = value.strip().lower() if isinstance(value, str) else ""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return bool(value)
