"""The names of a resource, all made from the one word that a person gave."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import inflection

from bootstrap.errors import UsageError
from bootstrap.language import Said

# Tables, columns and their indexes: PostgreSQL cuts names at 63 characters.
LONGEST = 30
_SEPARATORS = " -_."
# fooBar, FooBar, HTTPServer: where a new word begins.
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# What the rules of `inflection` get wrong: singulars that end with an s, and words without plural.
_IRREGULAR = {
    "atlas": "atlases",
    "bias": "biases",
    "bonus": "bonuses",
    "campus": "campuses",
    "canvas": "canvases",
    "echo": "echoes",
    "feedback": "feedback",
    "gas": "gases",
    "hardware": "hardware",
    "hero": "heroes",
    "lens": "lenses",
    "news": "news",
    "software": "software",
    "staff": "staff",
}
_VOWELS = re.compile(r"(?!uni|use|usa|uti|eu|one)[aeiou]|hour|honou?r|heir")


@dataclass(frozen=True)
class ResourceNames:
    """What one resource is called, and what many are: `user_address`, `user_addresses`."""

    singular: str
    plural: str

    @property
    def class_name(self) -> str:
        return "".join(word.capitalize() for word in self.singular.split("_"))

    @property
    def path(self) -> str:
        """Its part of a URL."""
        return self.plural.replace("_", "-")

    @property
    def one(self) -> str:
        """One of them, in prose."""
        return self.singular.replace("_", " ")

    @property
    def a_one(self) -> str:
        """The same with its article; what cannot be counted has none."""
        if self.singular == self.plural:
            return Said("one of the {many}", many=self.many)
        return f"{'an' if _VOWELS.match(self.one) else 'a'} {self.one}"

    @property
    def many(self) -> str:
        """Several of them, in prose."""
        return self.plural.replace("_", " ")

    @property
    def title(self) -> str:
        return self.many.capitalize()


def resource_names(name: str, plural: str | None = None) -> ResourceNames:
    """Name a resource, given in singular or plural and any spelling; a UsageError says why not.

    With a `plural`, the name is the singular as it stands.
    """
    *before, last = words(name)
    if plural is not None:
        names = ResourceNames("_".join((*before, last)), "_".join(words(plural)))
    else:
        one = _singular(last)
        names = ResourceNames("_".join((*before, one)), "_".join((*before, _plural(one))))
    if len(names.plural) > LONGEST or len(names.singular) > LONGEST:
        raise UsageError(
            Said("{name} is too long for a resource.", name=repr(name)),
            why=(
                Said(
                    "its table would be {plural}; a name has at most {longest} characters",
                    plural=names.plural,
                    longest=LONGEST,
                ),
            ),
            next=(Said("choose a shorter one"),),
        )
    return names


def words(name: str) -> Sequence[str]:
    """Split a name into lower-case words of ASCII letters and digits; a UsageError says why not.

    Accents go, as in the names of projects: `Äpfel` becomes `apfel`.
    """
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    strange = sorted({sign for sign in plain if not _is_usable(sign)})
    found = [
        word.lower()
        for part in re.split(f"[{re.escape(_SEPARATORS)}]+", plain)
        for word in _HUMP.split(part)
        if word
    ]
    if strange or not found or not found[0][0].isalpha():
        why = (
            Said("it has {strange}", strange=" ".join(strange))
            if strange
            else Said("it begins with no letter")
        )
        raise UsageError(
            Said("{name} cannot be made a name in Python and SQL.", name=repr(name)),
            why=(why,),
            next=(Said("use letters, digits, spaces, hyphens and underscores: user-address"),),
        )
    return found


def _is_usable(sign: str) -> bool:
    return sign.isascii() and (sign.isalnum() or sign in _SEPARATORS)


def _singular(word: str) -> str:
    known = {plural: singular for singular, plural in _IRREGULAR.items()}
    if word in _IRREGULAR or word in known:
        return known.get(word, word)
    return str(inflection.singularize(word)) or word


def _plural(word: str) -> str:
    return _IRREGULAR.get(word) or str(inflection.pluralize(word))
