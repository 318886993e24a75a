"""`POST /webhooks/replicate`: Replicate reports that a prediction has ended.

The call only makes the worker that waits for this prediction poll Replicate at once, so a forged, repeated or lost call
changes no outcome. The `replicate` package verifies the signature (Standard Webhooks).
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

#: Maximum difference between the signed time and now, in seconds.
TOLERANCE_S = 300
PROVIDER = "replicate"


class EndedPrediction(Payload):
    """A prediction; only its id is used."""

    id: Id


class ReplicateWebhook:
    """Publishes the ids of ended predictions to the workers."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            "Receive the end of a Replicate prediction, signed as Standard Webhooks.",
            {204: None},
            body=EndedPrediction,
            problems=(401, 413, 422, 503),
        )
    }

    def __init__(self, client: redis.asyncio.Redis, secret: SecretStr) -> None:
        """Publish through `client` the ids in webhooks signed with `secret`."""
        # Imported only if the secret is set: it takes a third of a second.
        from replicate.webhook import Webhooks, WebhookSigningSecret  # noqa: PLC0415

        self._client = client
        self._validate = Webhooks.validate
        self._secret = WebhookSigningSecret(key=secret.get_secret_value())

    async def on_post(self, req: Request, resp: Response) -> None:
        """Verify the signature and publish the prediction's id."""
        body = await req.stream.read()
        self._verify_signature(req, body)
        try:
            prediction = EndedPrediction.model_validate_json(body)
        except ValidationError as error:
            raise problems.invalid(error) from None
        try:
            await self._client.publish(provider_webhooks(PROVIDER), prediction.id)
        except redis.exceptions.RedisError as error:
            # Replicate repeats the delivery.
            raise Unavailable(f"publishing a webhook: {type(error).__name__}", code="webhook_not_published") from error
        resp.status = HTTPStatus.NO_CONTENT.value

    def _verify_signature(self, req: Request, body: bytes) -> None:
        try:
            self._validate(headers=dict(req.headers), body=body.decode(), secret=self._secret, tolerance=TOLERANCE_S)
        except ValueError:  # raised by the package, and by decoding the headers or the body
            detail = "The webhook's signature is missing, wrong or too old."
            raise Problem(HTTPStatus.UNAUTHORIZED, "webhook_signature", detail) from None
