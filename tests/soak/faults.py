"""Injecting faults: each is in force for some seconds, and ends when what it broke may come back."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from scripts.local.processes import end_processes
from tests.e2e.house import House, kill
from tests.soak.link import Link
from tests.soak.plan import Kind
from tests.soak.site import Site
from tests.waiting import wait_for

DOWN_SECONDS = 5.0
"""How long OpenSearch stays away before somebody starts it again."""
FAR_SECONDS, FAR_DELAY = 12.0, 0.7
"""How long a way is long, and by how many seconds each way."""
CUT_SECONDS = 4.0
FULL_SECONDS = 8.0
"""How long an index stays read-only once OpenSearch has made it so."""
WATERMARKS = "cluster.routing.allocation.disk.watermark"
BLOCK, PROBE = "index.blocks.read_only_allow_delete", "soak-probe"
MORE_THAN_ANY_DISK, NEXT_TO_NOTHING = "900tb", "1mb"


class FaultError(Exception):
    """The fault could not be injected, so nothing was shown by it."""


@dataclass(frozen=True, kw_only=True)
class Injected:
    """When a fault began and ended, and when what was killed answered again, where that is known."""

    began: float
    ended: float
    part_back: float | None = None


def inject(kind: Kind, site: Site, *, amid: Callable[[], None]) -> Injected:
    """Break something, call ``amid`` while it is broken, and end the fault. Raises FaultError."""
    began = time.monotonic()
    match kind:
        case Kind.OPENSEARCH_KILLED:
            return _kill_opensearch(site.house, began, amid)
        case Kind.MODEL_KILLED:
            return _kill_models(site.house, began, amid)
        case Kind.OPENSEARCH_DELAYED:
            return _delay(site.opensearch, began, amid)
        case Kind.MODEL_DELAYED:
            return _delay(site.model, began, amid)
        case Kind.DISK_FULL:
            return _fill_disk(site.house, began, amid)


def _kill_opensearch(house: House, began: float, amid: Callable[[], None]) -> Injected:
    house.kill_opensearch()
    amid()
    time.sleep(max(0.0, began + DOWN_SECONDS - time.monotonic()))
    ended = time.monotonic()
    house.start_opensearch()
    return Injected(began=began, ended=ended, part_back=time.monotonic())


def _kill_models(house: House, began: float, amid: Callable[[], None]) -> Injected:
    """Kill every model server. The platform starts that of an endpoint again, as SageMaker does."""
    servers = house.model_servers()
    if not servers:
        raise FaultError("no model server runs")
    kill(servers)
    end_processes(servers)
    amid()
    return Injected(began=began, ended=time.monotonic())


def _delay(link: Link, began: float, amid: Callable[[], None]) -> Injected:
    link.delay = FAR_DELAY
    time.sleep(FAR_SECONDS)
    link.cut()
    amid()
    time.sleep(CUT_SECONDS)
    link.restore()
    return Injected(began=began, ended=time.monotonic())


def _fill_disk(house: House, began: float, amid: Callable[[], None]) -> Injected:
    """Let OpenSearch take its disk for full, so that it makes the index read-only by itself."""
    set_cluster(house, threshold_enabled="true", **_watermarks(MORE_THAN_ANY_DISK))
    try:
        wait_for(lambda: is_read_only(house) or None, "OpenSearch to make the index read-only")
        amid()
        time.sleep(FULL_SECONDS)
        if not is_read_only(house):
            raise FaultError("the index did not stay read-only")
    finally:
        set_cluster(house, threshold_enabled="true", **_watermarks(NEXT_TO_NOTHING))
    return Injected(began=began, ended=time.monotonic())


def _watermarks(free: str) -> dict[str, str]:
    return {f"watermark.{stage}": free for stage in ("low", "high", "flood_stage")}


def set_cluster(house: House, **disk: str | None) -> None:
    """Set what OpenSearch thinks of disks; it looks at them every ten seconds, as often as it can."""
    values = {f"cluster.routing.allocation.disk.{name}": value for name, value in disk.items()}
    answer = httpx.put(
        f"{house.opensearch}/_cluster/settings",
        json={"transient": {**values, "cluster.info.update.interval": "10s"}},
        timeout=30,
        trust_env=False,
    )
    answer.raise_for_status()


def is_read_only(house: House) -> bool:
    """Whether OpenSearch has made the index read-only, and then really refuses a document for that reason."""
    settings = httpx.get(
        f"{house.opensearch}/images/_settings", params={"flat_settings": "true"}, timeout=30, trust_env=False
    )
    if not all(BLOCK in index["settings"] for index in settings.raise_for_status().json().values()):
        return False
    answer = httpx.put(
        f"{house.opensearch}/images/_doc/{PROBE}", json={"key": PROBE}, timeout=30, trust_env=False
    )
    if answer.is_success or "flood-stage" not in answer.text:
        raise FaultError(f"the index is read-only and takes documents: {answer.status_code} {answer.text}")
    return True
