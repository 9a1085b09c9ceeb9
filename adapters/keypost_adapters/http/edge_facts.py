"""What only the HTTP edge can find wrong."""

from collections.abc import Mapping

from keypost.errors import Fact, Malformed, Missing, Unavailable, Unproven


class BodyMalformed(Malformed):
    """The body is no JSON, or more than JSON."""

    slug = "body_malformed"
    title = "The body is not one JSON object"


class FieldInvalid(Malformed):
    """One field is unknown, missing or of the wrong type; ``field`` is its name."""

    slug = "field_invalid"
    title = "A field of the request is not as documented"

    def __init__(self, detail: str, *, field: str) -> None:
        super().__init__(detail)
        self.field = field


class BodyTooLarge(Malformed):
    """The body has more than 1 MB."""

    slug = "body_too_large"
    title = "The body is larger than 1 MB"


class RequestTooSlow(Malformed):
    """The body did not come within ten seconds."""

    slug = "request_too_slow"
    title = "The request took too long to arrive"


class MediaTypeUnsupported(Malformed):
    """The body says that it is a multipart form."""

    slug = "media_type_unsupported"
    title = "The body has to be JSON, not a multipart form"


class MethodNotAllowed(Malformed):
    """The path exists, the method does not; ``allow`` are those that do."""

    slug = "method_not_allowed"
    title = "This path does not take that method"

    def __init__(self, *, allow: str) -> None:
        super().__init__()
        self.allow = allow


class PathUnknown(Missing):
    """Nothing is served under the path."""

    slug = "path_unknown"
    title = "There is nothing at this path"


class AccessTokenMissing(Unproven):
    """The request carries no access token, or not as RFC 6750 spells it."""

    slug = "access_token_missing"
    title = "The request carries no access token"


class Overloaded(Unavailable):
    """Too many requests are in flight; ``retry_after`` is in seconds."""

    slug = "overloaded"
    title = "The service is busy"

    def __init__(self, *, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class NotReady(Unavailable):
    """A readiness check failed; ``checks`` has all of them."""

    slug = "not_ready"
    title = "The service is not ready"

    def __init__(self, checks: Mapping[str, str]) -> None:
        super().__init__()
        self.checks = dict(checks)


class InternalError(Fact):
    """Something failed that is nobody's business but the operator's."""

    slug = "internal_error"
    title = "The service failed"
