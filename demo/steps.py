"""The steps of the demo: load profiles, run the vendor's examples, merge the duplicates, check the totals."""

from collections.abc import Sequence
from http import HTTPStatus

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo import merging, report
from demo.client import Client
from demo.duplicates import Pair
from demo.errors import DemoError
from demo.examples import EXAMPLES, Example
from demo.logging_in import log_in_guest
from demo.payloads import alias_requests, track_requests
from demo.people import Json, Profile
from demo.sums import sums_exported, sums_sent
from demo.world import World, make_batches

#: Number of jobs from which the demo prints the one with the most different rules.
CANDIDATES = 50


def run_demo(client: Client, console: Console, world: World) -> None:
    """Run every step; raise DemoError when a result is not as expected."""
    load_world(client, console, world)
    run_examples(client, console)
    log_in_guest(client, console)
    before = client.export(world.profiles)
    jobs = merge_all(client, console, world)
    job = most_varied_job(client, jobs)
    report.print_heading(console, f"Fields of the survivor that one of these merges changed (job {job['job_id']})")
    console.print(report.changes_table(job))
    check_sums(client, console, world, before=before, merged=sum(map(is_merged, jobs)))


def load_world(client: Client, console: Console, world: World) -> None:
    """Load the accounts of *world* first, then the duplicates, which are then the most recently updated."""
    with progress(console) as bar:
        task = bar.add_task("Loading profiles", total=len(world.profiles))
        for profiles in (world.accounts, world.duplicates):
            for body in alias_requests(profiles):
                client.create_aliases(body)
            for body in track_requests(profiles):
                client.track(body)
                bar.advance(task, len(body["attributes"]))
    sent = sums_sent(world.profiles)
    console.print(
        f"Loaded {len(world.profiles):,} profiles of {len(world.accounts):,} people, with {sent.events:,} events, "
        f"{sent.purchases:,} purchases and {sent.sessions:,} sessions."
    )


def run_examples(client: Client, console: Console) -> None:
    """Create the profiles of the vendor's examples, send the examples, and print their outcomes."""
    answered = [(example, run_example(client, example)) for example in EXAMPLES]
    report.print_heading(console, "Outcomes of the vendor's example requests")
    console.print(report.examples_table(answered))
    for example, jobs in answered:
        outcomes = tuple(map(merging.outcome_or_state, jobs))
        if outcomes != example.expected:
            raise DemoError(f"The example '{example.title}' has the outcomes {outcomes} instead of {example.expected}.")


def run_example(client: Client, example: Example) -> Sequence[Json]:
    """Send *example* and return its finished jobs."""
    for profile in example.profiles:
        load_one(client, profile)
    url = merging.post_merges(client, example.body)["status_url"]
    return merging.poll_batches(client, [url], on_progress=lambda _settled: None)[0]


def load_one(client: Client, profile: Profile) -> None:
    """Load *profile* by separate requests, so that its updated_at differs from others."""
    for body in alias_requests([profile]):
        client.create_aliases(body)
    for body in track_requests([profile]):
        client.track(body)


def merge_all(client: Client, console: Console, world: World) -> tuple[Json, ...]:
    """Merge every pair of *world*, print the outcomes, and return the jobs.

    Raises DemoError when an outcome is not the expected one.
    """
    batches = list(make_batches(world.families))
    console.print()
    with progress(console) as bar:
        task = bar.add_task(f"Merging pairs in {len(batches)} batches", total=len(world.pairs))
        finished = merging.merge_and_wait(
            client,
            [[pair.update for pair in batch] for batch in batches],
            on_progress=lambda settled: bar.update(task, completed=settled),
        )
    report.print_heading(console, "Outcomes of all merges")
    console.print(report.batches_table(finished))
    console.print(report.kinds_table(world.pairs, finished.jobs))
    merged = sum(map(is_merged, finished.jobs))
    console.print(
        f"{merged:,} of {len(finished.jobs):,} pairs were merged in {finished.seconds:.2f} s, from the first POST to "
        f"the last outcome: {merged / finished.seconds:,.0f} merges per second."
    )
    _check_outcomes(world.pairs, finished.jobs)
    return finished.jobs


def _check_outcomes(pairs: Sequence[Pair], jobs: Sequence[Json]) -> None:
    """Raise DemoError with the first ten unexpected outcomes, if there are any."""
    unexpected = merging.unexpected_outcomes(pairs, jobs)
    if unexpected:
        raise DemoError(f"{len(unexpected)} merges have unexpected outcomes:\n" + "\n".join(unexpected[:10]))


def most_varied_job(client: Client, jobs: Sequence[Json]) -> Json:
    """Return the job with the most different rules among its changes; check that its orphan is gone."""
    merged = [job["job_id"] for job in jobs if is_merged(job)][:CANDIDATES]
    candidates = [client.get(f"/merge/jobs/{job_id}?include=changes") for job_id in merged]
    varied = max(candidates, key=lambda job: len({change["rule"] for change in job["changes"]}))
    _check_gone(client, varied)
    return varied


def _check_gone(client: Client, job: Json) -> None:
    """Raise DemoError unless a GET of the orphan returns 410 with a link to the survivor."""
    path = f"/profiles/{job['orphan']['braze_id']}"
    answer = client.response(path)
    if answer.status_code != HTTPStatus.GONE or job["survivor"]["braze_id"] not in answer.headers.get("Link", ""):
        raise DemoError(
            f"GET {path}, a merged-away profile, returned {answer.status_code} instead of 410: {answer.text}"
        )


def check_sums(client: Client, console: Console, world: World, *, before: dict[str, Json], merged: int) -> None:
    """Print the totals before and after; raise DemoError when a merge lost or doubled something."""
    after = client.export(world.profiles)
    sent = sums_sent(world.profiles)
    sums_before, sums_after = sums_exported(before.values()), sums_exported(after.values())
    counts = (len(world.profiles), len(before), len(after))
    report.print_heading(console, "Totals before and after the merges: nothing lost, nothing doubled")
    console.print(report.sums_table(sent=sent, before=sums_before, after=sums_after, profiles=counts))
    if not sent == sums_before == sums_after:
        raise DemoError("The totals above differ, but merges must not change them.")
    if counts != (len(world.profiles), len(world.profiles), len(world.profiles) - merged):
        raise DemoError(
            f"{merged:,} merges must reduce the {len(world.profiles):,} loaded profiles by the same number."
        )


def is_merged(job: Json) -> bool:
    return bool(job["outcome"] == "merged")


def progress(console: Console) -> Progress:
    """Return a progress bar; without a terminal it prints its last state."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)
