"""`POST /webhooks/replicate`: Replicate says that a prediction has ended.

The call only makes the worker that waits for this prediction ask Replicate about it, so one that is forged, repeated or
lost changes nothing. Verified as Standard Webhooks by the `replicate` package.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

import redis.asyncio
import redis.exceptions
from falcon.asgi import Request, Response
from pydantic import SecretStr, ValidationError

from api import problems
from api.operations import Operation
from api.problems import Problem
from schemas.common import Id, Payload
from schemas.errors import Unavailable
from schemas.keys import provider_webhooks

#: A webhook that was signed longer ago, or further in the future, is refused: seconds.
TOLERANCE_S = 300
PROVIDER = "replicate"


class EndedPrediction(Payload):
    """The part of a prediction that is used: its id."""

    id: Id


class ReplicateWebhook:
    """Passes the ids of ended predictions on to the workers."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            "Replicate says that a prediction has ended; signed as Standard Webhooks.",
            {204: None},
            body=EndedPrediction,
            problems=(401, 413, 422, 503),
        )
    }

    def __init__(self, client: redis.asyncio.Redis, secret: SecretStr) -> None:
        """Publish through `client` what is signed with `secret`."""
        # The package takes a third of a second to import, and is needed by those who set the secret only.
        from replicate.webhook import Webhooks, WebhookSigningSecret  # noqa: PLC0415

        self._client = client
        self._validate = Webhooks.validate
        self._secret = WebhookSigningSecret(key=secret.get_secret_value())

    async def on_post(self, req: Request, resp: Response) -> None:
        """Publish the prediction's id, whether or not anybody waits for it."""
        body = await req.stream.read()
        self._verify(req, body)
        try:
            prediction = EndedPrediction.model_validate_json(body)
        except ValidationError as error:
            raise problems.invalid(error) from None
        try:
            await self._client.publish(provider_webhooks(PROVIDER), prediction.id)
        except redis.exceptions.RedisError as error:
            # Replicate delivers it again.
            raise Unavailable(f"publishing a webhook: {type(error).__name__}", code="webhook_not_published") from error
        resp.status = HTTPStatus.NO_CONTENT.value

    def _verify(self, req: Request, body: bytes) -> None:
        try:
            self._validate(headers=dict(req.headers), body=body.decode(), secret=self._secret, tolerance=TOLERANCE_S)
        except ValueError:  # all that the package raises, and what its decoding of headers and ours of the body raise
            detail = "The webhook's signature is missing, wrong or too old."
            raise Problem(HTTPStatus.UNAUTHORIZED, "webhook_signature", detail) from None
