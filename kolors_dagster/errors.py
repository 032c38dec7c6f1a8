"""The one error a person can cause: it says what is wrong, where, and how to mend it."""


class UserError(Exception):
    """Something a person can mend; shown as one message, never as a stack trace.

    `problem` says what is wrong and where (file, line, field); `fix` says what to do about it.
    """

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}\n  fix: {fix}")
        self.problem = problem
        self.fix = fix

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, str]]:
        return type(self), (self.problem, self.fix)
