"""zarr-python, both formats."""

import zarr

from clients.base import Answers, Client, Job, each_array, one_by_one, versions


def _client(zarr_format: int) -> Client:
    def read(job: Job) -> Answers:
        group = zarr.open_group(job.url, mode="r", zarr_format=zarr_format)  # type: ignore[arg-type]
        return each_array(job, lambda wanted: group[wanted.path][...])  # type: ignore[index, return-value]

    return Client(f"zarr-python v{zarr_format}", versions("zarr"), one_by_one(read))


CLIENTS = [_client(3), _client(2)]
