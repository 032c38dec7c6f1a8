"""What all specs share: strict, frozen, and no key that is not known."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

# A name becomes a folder, a partition key and part of a command line.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def mistake(message: str, fix: str, *location: int | str) -> PydanticCustomError:
    """Return the ValueError that a validator raises: what is wrong and how to mend it.

    `location` is where in the file (`"panels", 3, "prompt"`), if not in the field being validated.
    """
    context = {"message": message, "fix": fix, "location": location}
    return PydanticCustomError("mistake", "{message}", context)


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise mistake(
            f"{value!r} cannot be a name",
            "use a-z, 0-9, '-' and '_', a letter or digit first, 63 at most",
        )
    return value


def _check_text(value: str) -> str:
    stripped = value.strip()
    if not stripped:
        raise mistake("the text is empty", "write some text")
    return stripped


Name = Annotated[str, AfterValidator(_check_name)]
Text = Annotated[str, AfterValidator(_check_text)]


class Spec(BaseModel):
    """A part of a spec file: strict types, frozen once read, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
