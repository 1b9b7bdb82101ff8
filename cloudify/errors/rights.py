"""Failures of who asks, and of what they may not do. What they may not see does not exist: it is not found."""

from cloudify.errors.families import ForbiddenError, UnidentifiedError


class InvalidTokenError(UnidentifiedError):
    """A token that is not, or no longer, good for anything. Its text is never quoted."""

    code = "invalid-token"
    challenge = 'Bearer error="invalid_token"'

    def __init__(self, reason: str) -> None:
        super().__init__(f"the token of this request is not accepted: {reason}; without one, what is public is served")


class TokenNeededError(UnidentifiedError):
    """Something that nobody may do without saying who they are."""

    code = "token-needed"

    def __init__(self, scope: str) -> None:
        super().__init__(f"this needs a token with the scope {scope!r}: send it as 'Authorization: Bearer cld_...'")


class ScopeMissingError(ForbiddenError):
    """A token that is good, but not for this."""

    code = "scope-missing"
    challenge = 'Bearer error="insufficient_scope"'

    def __init__(self, scope: str) -> None:
        super().__init__(f"this needs the scope {scope!r}, which this token does not have; use one that has")
