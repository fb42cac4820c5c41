"""Who is at work in a Dask cluster."""

from __future__ import annotations

from tests.support.needs import package
from vsrife.rendering.jobs import cluster


def test_workers_are_known_whatever_the_clients_timer_does():
    """The client asks for news by itself, without workers; a render must not take that for all."""
    package("distributed")
    import dask
    import distributed

    always = {"distributed.client.scheduler-info-interval": "1ms"}
    with (
        dask.config.set(always),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0",
            protocol="inproc",
        ) as made,
        distributed.Client(made.scheduler_address, set_as_default=False) as client,
    ):  # fmt: skip
        known = list(made.scheduler.workers)
        assert known
        assert all(cluster._workers(client) == known for _ in range(300))


def test_a_scheduler_that_has_gone_has_no_workers():
    class Gone:
        def nthreads(self):
            raise OSError("Timed out trying to connect")

    assert cluster._workers(Gone()) == []
