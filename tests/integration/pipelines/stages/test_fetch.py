import asyncio
from pathlib import Path

from pipelines.stages.fetch import fetch_inputs
from providers.fetch import Fetcher, FetchPolicy
from providers.scratch.folder import FolderScratch
from schemas.common import Product
from schemas.job import Job
from tests.integration.providers.fetch.picture_server import LOOPBACK, answer, picture, serving


async def test_the_inputs_of_a_job_are_fetched_in_groups_of_four(tmp_path: Path) -> None:
    async with serving() as server:

        async def in_company(_path: str, writer: asyncio.StreamWriter) -> None:
            while server.at_once < 4:  # noqa: ASYNC110  the server has no event to wait for
                await asyncio.sleep(0.001)
            writer.write(answer(picture()))

        server.routes = {f"/{number}": in_company for number in range(16)}
        job = Job(
            product=Product.TRYON, task_id="t1", session_id="s1", owner_id="u1", channel="b2c", request_id="r1",
            inputs=tuple(server.url(f"/{number}") for number in range(16)),
        )  # fmt: skip
        fetcher = Fetcher(FetchPolicy(allowed_networks=LOOPBACK))
        scratch = FolderScratch(tmp_path)
        fetched = await fetch_inputs(job, fetcher=fetcher, scratch=scratch)
        assert server.most_at_once == 4
        assert [await scratch.read(name) for name in fetched.input_scratch] == [picture()] * 16
        await fetcher.aclose()
