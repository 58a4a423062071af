"""The demonstration: the main job end to end on what the package ships, in a home of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from api.access import LOCAL
from api.acquiring import Intake
from api.cli.context import Setup
from api.curating import Bench
from api.growing import Crawl, grow
from api.indexing import make_index
from api.service import Service, open_service, utc_now
from hive_queries.questions import status
from kg_builder import Build
from search import Library, Query, import_articles
from strokemap.errors import UsageError
from strokemap.home import default_root, open_home
from strokemap.keys import Keys
from strokemap.progress import Progress
from strokemap.settings import Settings
from strokemap.topic import load_topic

MATERIAL = Path(__file__).parent / "demonstration"
EXTRACTS = (("north", "ist", "north.ist.csv"), ("river", "synthea", "river"), ("lake", "fhir", "lake"))
Say = Callable[[str], None]


def open_demonstration(settings: Settings, *, explicit: bool) -> Setup:
    """Open the demonstration's home, beside the default one unless a home was named.

    Errors: UsageError where the named home holds real work.
    """
    root = settings.home
    if not explicit and root == default_root():
        root = root.with_name("strokemap-demonstration")
    home = open_home(root, demonstration=True)
    if not home.demonstration:
        raise UsageError(
            "This home was not made by the demonstration, and may hold real work.",
            hint="Name an empty folder: strokemap --home DIR demo.",
            where="--home",
        )
    settings = settings.model_copy(update={"home": root, "map_store": "", "history_store": ""})
    return Setup(settings=settings, home=home, keys=Keys(folder=settings.keys, origin=home.origin))


def demonstrate(setup: Setup, *, progress: Progress, say: Say) -> dict[str, object]:
    """Do the whole job and give the summary; done again, it changes nothing."""
    started = time.monotonic()
    say("Strokemap demonstration: all patients are invented, all pages and articles were written for it.")
    # The library comes first, so that publishing the map makes the text index of both, once.
    import_articles(MATERIAL / "articles.jsonl", library=Library.open(setup.home.library))
    build = _grow_map(setup, progress)
    say(f"Map: {len(build.terms)} terms, {len(build.links)} links.")
    articles = len(make_index(setup.home, progress=progress))
    patients, quarantined = _load_histories(setup, progress)
    say(f"Articles: {articles} to search. Patients: {patients}, with {quarantined} rows in quarantine.")
    samples = json.loads((MATERIAL / "searches.json").read_text(encoding="utf-8"))
    service = open_service(setup.home, setup.keys)
    searches = _search(service, samples["searches"], say)
    recommendations = _recommend(service, samples["patients"], say)
    service.ledger.publish()
    verified = service.ledger.verify()
    say(f"Ledger: {verified.size} entries, verified.")
    return {
        "terms": len(build.terms),
        "links": len(build.links),
        "articles": articles,
        "patients": patients,
        "searches": searches,
        "recommendations": recommendations,
        "ledger": "verified",
        "seconds": round(time.monotonic() - started, 1),
    }


def _grow_map(setup: Setup, progress: Progress) -> Build:
    bench = Bench(home=setup.home, store_url=setup.settings.map_store_url())
    asked = Crawl(topic=load_topic("stroke"), source=str(MATERIAL / "pages.xml"))
    build = grow(asked, bench=bench, now=utc_now(), progress=progress)
    bench.publish(build.digest, progress=progress)
    return build


def _load_histories(setup: Setup, progress: Progress) -> tuple[int, int]:
    intake = Intake(home=setup.home, keys=setup.keys, store_url=setup.settings.history_store_url(), now=utc_now)
    for institution, format_, name in EXTRACTS:
        intake.acquire(MATERIAL / "patients" / name, institution=institution, format=format_, progress=progress)
    patients = intake.make_profiles(progress=progress).patients
    with intake.store() as store:
        quarantined = sum(item.quarantined for item in status(store, work=setup.home.work))
    return patients, quarantined


def _search(service: Service, samples: list[dict[str, str]], say: Say) -> int:
    for sample in samples:
        answer = service.search(Query(text=sample["query"], audience=sample["audience"], limit=3), caller=LOCAL)
        added = ", ".join(term.term for term in answer.expansion[:3])
        say(f"Search “{sample['query']}”" + (f" (+ {added})" if added else ""))
        for result in answer.results[:2]:
            say(f"    {result.title}")
    return len(samples)


def _recommend(service: Service, samples: list[dict[str, str]], say: Say) -> int:
    given = 0
    for sample in samples:
        as_of = date.fromisoformat(sample["as_of"])
        answer = service.recommend(sample["patient"], as_of=as_of, limit=3, caller=LOCAL)
        say(f"Recommended for {sample['patient']} as of {sample['as_of']}: {answer.why}".rstrip(": "))
        for result in answer.results[:2]:
            say(f"    {result.title}: {result.reasons[0].text}")
        given += bool(answer.results)
    return given
