"""The demonstration, step by step: load people, run the vendor's examples, merge the duplicates, check the sums."""

from collections.abc import Sequence
from http import HTTPStatus

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo import merging, report
from demo.client import Client
from demo.duplicates import Pair
from demo.errors import DemoError
from demo.examples import EXAMPLES, Example
from demo.payloads import alias_requests, track_requests
from demo.people import Json, Profile
from demo.sums import sums_exported, sums_sent
from demo.world import World, make_batches

#: Jobs among which the one with the most kinds of change is shown.
LOOKED_AT = 50


def show(client: Client, console: Console, world: World) -> None:
    """Run every step against *client*; raises DemoError when anything is not as it must be."""
    load(client, console, world)
    run_examples(client, console)
    before = client.export(world.profiles)
    jobs = merge_all(client, console, world)
    job = most_telling(client, jobs)
    report.heading(console, f"What one of these merges, job {job['job_id']}, changed on its survivor, field by field")
    console.print(report.changes_table(job))
    check_sums(client, console, world, before=before, merged=sum(map(is_merged, jobs)))


def load(client: Client, console: Console, world: World) -> None:
    """Load *world*: the accounts first, then the duplicates, so that these are the more recently updated."""
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
    """Make the profiles of the vendor's examples, send the examples, and show what became of them."""
    answered = [(example, run_example(client, example)) for example in EXAMPLES]
    report.heading(console, "The vendor's example requests")
    console.print(report.examples_table(answered))
    for example, jobs in answered:
        outcomes = tuple(map(merging.told_of, jobs))
        if outcomes != example.expected:
            raise DemoError(f"The example '{example.title}' ended as {outcomes}, not as {example.expected}.")


def run_example(client: Client, example: Example) -> Sequence[Json]:
    """Return the jobs of *example*, finished."""
    for profile in example.profiles:
        load_one(client, profile)
    url = merging.ask(client, example.body)["status_url"]
    return merging.follow(client, [url], told=_nobody)[0]


def load_one(client: Client, profile: Profile) -> None:
    """Load *profile* by calls of its own, so that it has a time of its own as updated_at."""
    for body in alias_requests([profile]):
        client.create_aliases(body)
    for body in track_requests([profile]):
        client.track(body)


def merge_all(client: Client, console: Console, world: World) -> tuple[Json, ...]:
    """Merge every pair of *world*, show the outcome of each, and return the jobs.

    Raises DemoError when one did not end as it must.
    """
    batches = list(make_batches(world.families))
    console.print()
    with progress(console) as bar:
        task = bar.add_task(f"Merging pairs in {len(batches)} batches", total=len(world.pairs))
        followed = merging.merge_and_follow(
            client,
            [[pair.update for pair in batch] for batch in batches],
            told=lambda settled: bar.update(task, completed=settled),
        )
    report.heading(console, "The outcome of every merge")
    console.print(report.batches_table(followed))
    console.print(report.kinds_table(world.pairs, followed.jobs))
    merged = sum(map(is_merged, followed.jobs))
    console.print(
        f"{merged:,} of {len(followed.jobs):,} pairs merged in {followed.seconds:.2f} s, from the first POST to the "
        f"last outcome: {merged / followed.seconds:,.0f} merges per second."
    )
    _check_outcomes(world.pairs, followed.jobs)
    return followed.jobs


def _check_outcomes(pairs: Sequence[Pair], jobs: Sequence[Json]) -> None:
    """Raise DemoError, naming the first few, when jobs did not end as their pairs must."""
    surprises = merging.surprises(pairs, jobs)
    if surprises:
        raise DemoError(f"{len(surprises)} merges did not end as they must:\n" + "\n".join(surprises[:10]))


def most_telling(client: Client, jobs: Sequence[Json]) -> Json:
    """Return the job, with its changes, to which the most different rules applied; checks that its orphan is gone."""
    merged = [job["job_id"] for job in jobs if is_merged(job)][:LOOKED_AT]
    looked_at = [client.get(f"/merge/jobs/{job_id}?include=changes") for job_id in merged]
    telling = max(looked_at, key=lambda job: len({change["rule"] for change in job["changes"]}))
    _check_gone(client, telling)
    return telling


def _check_gone(client: Client, job: Json) -> None:
    """Raise DemoError unless the orphan of *job* answers 410 with a link to the survivor."""
    path = f"/profiles/{job['orphan']['braze_id']}"
    answer = client.response(path)
    if answer.status_code != HTTPStatus.GONE or job["survivor"]["braze_id"] not in answer.headers.get("Link", ""):
        raise DemoError(f"GET {path}, an orphan merged away, was answered with {answer.status_code}: {answer.text}")


def check_sums(client: Client, console: Console, world: World, *, before: dict[str, Json], merged: int) -> None:
    """Show that nothing was lost or doubled; raises DemoError when something was."""
    after = client.export(world.profiles)
    sent = sums_sent(world.profiles)
    sums_before, sums_after = sums_exported(before.values()), sums_exported(after.values())
    counts = (len(world.profiles), len(before), len(after))
    report.heading(console, "Nothing lost, nothing doubled")
    console.print(report.sums_table(sent=sent, before=sums_before, after=sums_after, profiles=counts))
    if not sent == sums_before == sums_after:
        raise DemoError("The sums above differ, although a merge may neither lose nor double anything.")
    if counts != (len(world.profiles), len(world.profiles), len(world.profiles) - merged):
        raise DemoError(
            f"{merged:,} merges must leave that many profiles fewer than the {len(world.profiles):,} loaded."
        )


def is_merged(job: Json) -> bool:
    """Return whether *job* merged its orphan."""
    return bool(job["outcome"] == "merged")


def progress(console: Console) -> Progress:
    """Return a progress bar: it moves in a terminal and prints its last state elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _nobody(_settled: int) -> None:
    """Tell nobody how many jobs are settled."""
