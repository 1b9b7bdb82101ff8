"""tensorstore, both drivers."""

from urllib.parse import quote

import tensorstore

from clients.base import Answers, Array, Client, Job, Wanted, each_array, one_by_one, versions


def _client(driver: str) -> Client:
    def read(job: Job) -> Answers:
        def array(wanted: Wanted) -> Array:
            spec = {"driver": driver, "kvstore": f"{job.url}/{quote(wanted.path)}/"}
            return tensorstore.open(spec, read=True).result().read().result()

        return each_array(job, array)

    return Client(f"tensorstore {driver}", versions("tensorstore"), one_by_one(read))


CLIENTS = [_client("zarr3"), _client("zarr")]
