"""`/metrics`: metrics of all processes as Prometheus text."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlencode

import redis.asyncio
import redis.exceptions
from falcon.asgi import Request, Response

from api.operations import Media, Operation, Scope
from providers.images import model_watch
from providers.images.retirement import today
from providers.metrics.recorder import Metrics
from providers.records import Records
from providers.served import ServedProducts
from schemas import keys
from schemas.common import JobState, Product, StageName
from schemas.errors import Unavailable
from schemas.tasks import TASK_LISTS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsResource:
    """Counters of all processes from Redis, and current depths of lists, queues and tables."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            "Metrics of all processes as Prometheus text.",
            {200: Media("text/plain")},
            scope=Scope.OPERATE,
            problems=(503,),
        )
    }

    def __init__(self, metrics: Metrics, records: Records, client: redis.asyncio.Redis) -> None:
        """Render `metrics`, counts of jobs from `records` and depths of lists from `client`."""
        self._metrics, self._records, self._client = metrics, records, client

    async def on_get(self, _: Request, resp: Response) -> None:
        """Return the text."""
        try:
            depths, counts, models, workers = await asyncio.gather(
                self._list_depths(),
                self._records.job_counts(),
                model_watch.answers(self._client),
                ServedProducts(self._client).workers(),
            )
            extra = depths | _jobs(counts) | _models(models) | _products(workers or {})
            resp.data = await self._metrics.render(extra)
        except redis.exceptions.RedisError as error:
            raise Unavailable(f"reading metrics: {type(error).__name__}", code="metrics_unavailable") from error
        resp.content_type = CONTENT_TYPE

    async def _list_depths(self) -> dict[str, tuple[str, Mapping[str, float]]]:
        pipeline = self._client.pipeline(transaction=False)
        for name in (*TASK_LISTS.values(), *(f"{keys.BROKER_NAMESPACE}:{stage}" for stage in StageName)):
            pipeline.llen(name)
        depths = await pipeline.execute()
        names = (*(f"product={product}" for product in TASK_LISTS), *(f"stage={stage}" for stage in StageName))
        found = dict(zip(names, depths, strict=True))
        return {
            "darkroom_list_depth": (
                "Tasks in the producers' lists, by product.",
                {name: found[name] for name in names[: len(Product)]},
            ),
            "darkroom_queue_depth": (
                "Messages in the queue, by stage.",
                {name: found[name] for name in names[len(Product) :]},
            ),
        }


def _products(workers: Mapping[Product, int]) -> dict[str, tuple[str, Mapping[str, float]]]:
    return {
        "darkroom_product_workers": (
            "Running workers that make a product; 0: the product is switched off.",
            {f"product={product}": float(workers.get(product, 0)) for product in Product},
        ),
    }


def _jobs(counts: Mapping[str, float]) -> dict[str, tuple[str, Mapping[str, float]]]:
    return {
        "darkroom_jobs": (
            "Jobs in the database, by state; ended ones are estimated above 10,000 jobs.",
            {f"state={state}": counts.get(state, 0.0) for state in JobState},
        ),
        "darkroom_oldest_waiting_seconds": (
            "Age of the oldest waiting job in seconds.",
            {"": counts.get("oldest_waiting_s", 0.0)},
        ),
    }


def _models(answers: Mapping[str, model_watch.StatusAnswer]) -> dict[str, tuple[str, Mapping[str, float]]]:
    offered, days = model_watch.gauges(answers, today())
    return {
        "darkroom_model_offered": ("1 if the provider offers the model in use, else 0.", _labelled(offered)),
        "darkroom_model_days_left": (
            "Days until the provider shuts down the model in use, if that is announced.",
            _labelled(days),
        ),
    }


def _labelled(values: Mapping[tuple[str, str], float]) -> dict[str, float]:
    return {urlencode({"provider": provider, "model": model}): value for (provider, model), value in values.items()}
