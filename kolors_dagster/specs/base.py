"""What all specs share: strict, frozen, and no key that is not known."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

# A name becomes a folder, a partition key and part of a command line.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name is made of a-z, 0-9, '-' and '_', starts with a letter or digit, 63 at most")
    return value


def _check_text(value: str) -> str:
    stripped = value.strip()
    if not stripped:
        raise ValueError("the text is empty")
    return stripped


Name = Annotated[str, AfterValidator(_check_name)]
Text = Annotated[str, AfterValidator(_check_text)]


class Spec(BaseModel):
    """A part of a spec file: strict types, frozen once read, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
