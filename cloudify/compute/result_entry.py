"""What a job left, as an entry of a catalog."""

import json

from cloudify.compute.store.store import Store
from cloudify.model.entry import Entry


def result_entry(store: Store, dataset_id: str, job_id: str) -> Entry | None:
    """Return the entry of the dataset that a job left, None where there is none: not yet, not any more, or never.

    Raises
    ------
    StoreUnavailableError
        If it cannot be told now.
    """
    record = store.jobs.get(job_id)
    if record is None or record.hidden or record.job.state != "successful" or not record.job.result:
        return None
    if record.template and json.loads(record.template)["kind"] == "files":
        return None
    request = json.loads(record.request)
    over = f" over {request['dataset']}" if request["dataset"] else ""
    return Entry(
        dataset_id,
        driver="result",
        href=str(store.blobs.path(record.job.result)),
        title=f"{request['function']['entry']}{over}",
        immutable=True,
        owner=record.job.owner,
    )
