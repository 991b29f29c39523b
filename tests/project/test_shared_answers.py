"""Which index and which packages of it a project can name, and what is said of all others."""

from __future__ import annotations

import pytest

from bootstrap.project import questions
from bootstrap.project.answers import SourcedValue, resolve
from bootstrap.project.questions import Value
from tests.project.conftest import REPOSITORY

INDEX = "https://packages.example.com/simple"


def told(**given: Value) -> str:
    """What is wrong with these answers; empty where nothing is."""
    provided = {name: SourcedValue(value, "--data") for name, value in given.items()}
    questionnaire = questions.load(REPOSITORY / "copier.yml")
    return "\n".join(map(str, resolve(questionnaire, provided, folder_name="shop").problems))


@pytest.mark.parametrize(
    "index",
    ["", INDEX, f"{INDEX}/", "https://x.example:8443/a/+simple/", "http://127.0.0.1:8080/simple"],
)
def test_an_index_is_an_address(index: str) -> None:
    assert told(package_index=index) == ""


@pytest.mark.parametrize(
    "index",
    [
        *("packages.example.com", "http://packages.example.com/simple", "file:///srv", f"{INDEX} "),
        *(f" {INDEX}", f"{INDEX}?a=b", f"{INDEX}\n", "https://", "https://a b/simple", f'{INDEX}"'),
        *("http://127.0.0.1.example.com/simple", "http://localhost@example.com/"),
    ],
)
def test_what_is_no_address_is_refused(index: str) -> None:
    assert "package_index must " in told(package_index=index)


@pytest.mark.parametrize("index", ["https://me:s3cr3t@x.example/a", "https://me:s3/cr3t@x.example"])
def test_a_password_in_it_is_refused_and_not_repeated(index: str) -> None:
    said = told(package_index=index)
    assert "https://…@x.example" in said
    assert "cr3t" not in said
    assert "UV_INDEX_SHARED_PASSWORD" in told(package_index="https://me:s3cr3t@x.example/a")


@pytest.mark.parametrize(
    "named", ["[]", "[acme]", "[acme-a, 'b2>=2,<3', 'c[x,y-z]~=1.2', 'd==1.*']"]
)
def test_packages_have_names_and_bounds(named: str) -> None:
    assert told(package_index=INDEX, shared_packages=named) == ""


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("acme", "must be a list of names"),
        ("{acme: 1}", "must be a list of names"),
        ("5", "must be a list of names"),
        ("[1]", "must be a list of names"),
        *(
            (f"['{each}']", "is none")
            for each in ("Acme", "a_b", "a.b", "-a", "a ", "a>=", "a>=1,")
        ),
        *(
            (f"['{each}']", "is none")
            for each in ("a;b", 'a"', "a @ https://x", "a[]", "", "a>=1 ")
        ),
        ("[acme, 'acme>=1']", "must not name acme twice"),
        ("[fastapi]", "must not have fastapi"),
        ("[pytest]", "must not have pytest"),
        ("[shop]", "must not have shop"),
        ("[pip]", "must not have pip"),
    ],
)
def test_what_is_no_package_of_it_is_refused(named: str, said: str) -> None:
    assert said in told(project_name="shop", package_index=INDEX, shared_packages=named)


def test_packages_need_an_index() -> None:
    said = told(shared_packages="[acme]")
    assert said == "shared_packages is not asked here: it follows from the answer to package_index"


def test_the_lock_of_uv_and_an_index_do_not_go_together_yet() -> None:
    said = told(packaging="uv", package_index=INDEX)
    assert said == "package_index is not asked here: it follows from the answer to packaging"
