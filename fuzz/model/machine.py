"""The state machine: sends each request to the product and to the model, and compares both step by step."""

from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fuzz.model import strategies as some
from fuzz.model.agreement import Disagreement, agree
from fuzz.model.people import Json, Person
from fuzz.model.real import Real
from fuzz.model.shown import CHOSEN, comparable, shown
from fuzz.model.undoing import Merge
from fuzz.model.world import Job, World
from fuzz.product import Product


class Profiles(RuleBasedStateMachine):
    """Random requests and lanes, in any order; after each step every profile is exported and compared."""

    #: The product that all examples share. Each example has its own workspace.
    product: ClassVar[Product]
    #: Jobs of all examples by outcome.
    outcomes: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.real = Real(self.product)
        #: Waiting jobs, by the product's id of them.
        self.waiting: dict[str, Job] = {}
        #: The batch of each job.
        self.batches: dict[str, str] = {}
        #: The jobs of the last message, to deliver it once more.
        self.ran: Sequence[UUID] = []
        self.changed = True

    @initialize(body=some.crowds)
    def begin(self, body: Json) -> None:
        """Begin with a few people."""
        self.track(body)

    @rule(body=some.tracks())
    def track(self, body: Json) -> None:
        """Track attributes and activity of people."""
        if body:
            answer = self.real.ask("/users/track", body)
            lost = self.world.track(body)
            self.changed = True
            for array, objects in body.items():
                count = len(objects) - sum(each == array for each, _ in lost)
                agree(f"The count of {array}", actual=answer[f"{array}_processed"], expected=count)
            warned = [(each["input_array"], each["index"]) for each in answer.get("warnings", [])]
            agree(
                "The lost objects without a warning", actual=[each for each in lost if each not in warned], expected=[]
            )

    @rule(aliases=some.new_aliases)
    def give_aliases(self, aliases: list[Json]) -> None:
        """Give people aliases."""
        answer = self.real.ask("/users/alias/new", {"user_aliases": aliases})
        lost = self.world.give_aliases(aliases)
        self.changed = True
        agree("The aliases not given", actual=[each["index"] for each in answer.get("warnings", [])], expected=lost)

    @rule(updates=some.merges)
    def merge(self, updates: list[Json]) -> None:
        """Request merges, which wait."""
        answer = self.real.ask("/users/merge", {"merge_updates": updates}, HTTPStatus.ACCEPTED)
        jobs = [
            Job(kind="merge", orphan=each["identifier_to_merge"], survivor=each["identifier_to_keep"])
            for each in updates
        ]
        self._wait(answer["batch_id"], jobs)

    @rule(body=some.identifications)
    def identify(self, body: Json) -> None:
        """Request identifications, which wait as after `Prefer: respond-async`."""
        self._identify(body)

    @rule(body=some.identifications, survivor=some.identifiers)
    def identify_and_continue(self, body: Json, survivor: Json) -> None:
        """Identify people, wait as the response does, then track and merge the same external_ids at once."""
        batch_id = self._identify(body)
        while any(self.batches[job_id] == batch_id for job_id in self.waiting):
            for lane in self._claim():
                self._run_message(lane)
        named = sorted({each["external_id"] for objects in body.values() for each in objects})
        if named:
            orphans = [{"external_id": each} for each in named]
            self.track({"attributes": [{**each, "logged_in": True} for each in orphans]})
            self.merge([{"identifier_to_merge": each, "identifier_to_keep": survivor} for each in orphans])

    def _identify(self, body: Json) -> str:
        """Send a request to identify people; return the id of its batch."""
        answer = self.real.ask("/users/identify", body)
        jobs = [
            Job(
                kind="identify",
                orphan={name: value for name, value in each.items() if name != "external_id"},
                survivor={"external_id": each["external_id"]},
            )
            for array in ("aliases_to_identify", "emails_to_identify", "phone_numbers_to_identify")
            for each in body.get(array, [])
        ]
        self._wait(answer["batch_id"], jobs)
        batch_id: str = answer["batch_id"]
        return batch_id

    @rule(body=some.deletions)
    def delete(self, body: Json) -> None:
        """Delete people."""
        self.real.ask("/users/delete", body)
        self.world.delete(body)
        self.changed = True

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def run(self, data: st.DataObject) -> None:
        """Run the waiting lanes in any order, packed into messages in any way."""
        lanes = self._claim()
        order = data.draw(st.permutations(range(len(lanes))), label="order of the lanes")
        size = data.draw(st.integers(1, 5), label="lanes in a message")
        for start in range(0, len(lanes), size):
            message = [job_id for place in order[start : start + size] for job_id in lanes[place]]
            self._run_message(message)

    @precondition(lambda self: not self.waiting and self.world.undoable())
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        """Undo a merge whose survivor no request changed since."""
        self.undo_merge(data.draw(st.sampled_from(self.world.undoable()), label="merge to undo"))

    def undo_merge(self, merge: Merge) -> None:
        """Undo *merge* in the product and in the model, and compare the outcomes."""
        answer = self.real.ask(f"/merge/jobs/{merge.job_id}/undo", {}, HTTPStatus.ACCEPTED)
        for lane in self.real.claim():
            self.real.run(lane)
        expected = self.world.undo(merge)
        undone = orjson.loads(self.real.get(f"/merge/jobs/{answer['job_id']}").body)
        self.outcomes[expected] += 1
        self.changed = True
        agree(f"The undo (reason: {undone['reason']!r})", actual=undone["outcome"], expected=expected)

    @precondition(lambda self: not self.waiting)
    @rule(updates=some.merges, body=some.tracks(), data=st.data())
    def merge_and_undo(self, updates: list[Json], body: Json, data: st.DataObject) -> None:
        """Merge, perhaps track more, and undo one of the merges if no request changed its survivor since."""
        self.merge(updates)
        for lane in self._claim():
            self._run_message(lane)
        self.profiles_agree()
        if data.draw(st.booleans(), label="whether to track more"):
            self.track(body)
        if not self.waiting and self.world.undoable():
            self.undo(data)

    @precondition(lambda self: not self.waiting)
    @rule(kind=st.sampled_from(("email", "phone")))
    def merge_duplicates(self, kind: str) -> None:
        """Merge the profiles that share an address with a run over duplicates."""
        for lane in self.real.run_over_duplicates(kind):
            self.real.run(lane)
        self.world.merge_duplicates(kind)
        self.outcomes["duplicates"] += 1
        self.changed = True

    @precondition(lambda self: self.ran)
    @rule()
    def deliver_again(self) -> None:
        """Deliver the last message once more, which must have no effect."""
        self.real.run(self.ran)
        self.changed = True

    @precondition(lambda self: self.changed)
    @invariant()
    def profiles_agree(self) -> None:
        """The product and the model have the same profiles, and all identifiers name the same profiles."""
        self.changed = False
        self._compare_profiles()
        self._compare_identifiers()
        self._compare_gone()

    def _wait(self, batch_id: str, jobs: list[Job]) -> None:
        """Store that *jobs* wait."""
        accepted = self.real.jobs_of(batch_id)
        self.waiting |= {each["job_id"]: job for each, job in zip(accepted, jobs, strict=True)}
        self.batches |= {each["job_id"]: batch_id for each in accepted}

    def _claim(self) -> list[tuple[UUID, ...]]:
        """Return the lanes that may run, and check that none overtakes an identify with the same identifier."""
        lanes = self.real.claim()
        for job_id in (str(each) for lane in lanes for each in lane):
            for other_id, other in self.waiting.items():
                if other.kind == "identify" and other_id < job_id and self.batches[other_id] != self.batches[job_id]:
                    shared = other.names() & self.waiting[job_id].names()
                    agree(
                        f"What {self.waiting[job_id]} shares with the unfinished {other}", actual=shared, expected=set()
                    )
        agree("Whether any lane may run", actual=bool(lanes), expected=bool(self.waiting))
        return lanes

    def _run_message(self, message: Sequence[UUID]) -> None:
        """Run one message and compare its jobs."""
        self.real.run(message)
        # Ids sort by creation time: the jobs of a message run in the order of the requests.
        self.compare_jobs([str(job_id) for job_id in sorted(message)])
        self.ran = message
        self.changed = True

    def compare_jobs(self, job_ids: list[str]) -> None:
        """Run the same jobs in the model, and compare their outcomes."""
        for job_id in job_ids:
            job = self.waiting.pop(job_id)
            ended = self.world.run(job)
            job_json = orjson.loads(self.real.get(f"/merge/jobs/{job_id}").body)
            self.outcomes[ended.outcome] += 1
            if ended.outcome == "merged":
                self.world.merges[-1].job_id = job_id

            what = f"{job} (reason: {job_json['reason']!r})"
            agree(what, actual=(job_json["state"], job_json["outcome"]), expected=("finished", ended.outcome))
            for side, person in (("orphan", ended.orphan), ("survivor", ended.survivor)):
                agree(f"The {side} of {what}", actual=_braze_id(job_json[side]), expected=person and person.braze_id)

    def _compare_profiles(self) -> None:
        """Compare all data of every live profile."""
        users = self.real.everybody()
        by_id = {user["braze_id"]: user for user in users}
        known = [person for person in self.world.people if person.braze_id is not None]

        agree(
            "The list of missing profiles", actual=[each for each in known if each.braze_id not in by_id], expected=[]
        )
        for person in self.world.people:
            user = by_id.pop(person.braze_id) if person.braze_id else self._meet(person, by_id)
            agree(f"Profile {_who(user)}", actual=comparable(user), expected=shown(person))
            _check_what_stays(person, user)
        agree("The list of unexpected profiles", actual=list(by_id.values()), expected=[])

    def _meet(self, person: Person, by_id: dict[str, Json]) -> Json:
        """Find the product's new profile for *person*, remove it from *by_id* and return it."""
        known = {each.braze_id for each in self.world.people}
        expected = shown(person)
        for braze_id, user in by_id.items():
            if braze_id not in known and _who(user) == _who(expected):
                person.braze_id = braze_id
                return by_id.pop(braze_id)
        raise Disagreement(f"There is no profile for {expected}; there are {list(by_id.values())}.")

    def _compare_identifiers(self) -> None:
        """Compare the profile of every identifier in an export."""
        names = [{"alias_label": label, "alias_name": name} for label in some.LABELS for name in some.NAMES]
        answer = self.real.ask(
            "/users/export/ids",
            {"external_ids": list(some.EXTERNAL_IDS), "user_aliases": names, "fields_to_export": ["braze_id"]},
        )
        found = [self.world.by_external_id(each) for each in some.EXTERNAL_IDS] + list(map(self.world.by_alias, names))
        expected = list(dict.fromkeys(person.braze_id for person in found if person is not None))
        unknown = [each for each in some.EXTERNAL_IDS if self.world.by_external_id(each) is None]

        agree("The exported profiles", actual=[user["braze_id"] for user in answer["users"]], expected=expected)
        agree("The unknown external_ids", actual=answer.get("invalid_user_ids", []), expected=unknown)

    def _compare_gone(self) -> None:
        """Compare the responses of the URLs of the last few merged-away and deleted profiles."""
        for person in self.world.gone[-3:]:
            answer = self.real.get(f"/profiles/{person.braze_id}")
            link = f'</profiles/{person.live().braze_id}>; rel="canonical"'
            response = (answer.status, answer.headers.get("link"))
            agree("The URL of an orphan", actual=response, expected=(HTTPStatus.GONE, link))
        for person in self.world.deleted[-3:]:
            status = self.real.get(f"/profiles/{person.braze_id}").status
            agree("The URL of a deleted profile", actual=status, expected=HTTPStatus.NOT_FOUND)


def _braze_id(side: Json | None) -> Any:
    """Return the braze_id of one side of a job."""
    return None if side is None else side["braze_id"]


def _who(user: Json) -> tuple[Any, ...]:
    """Return the members that identify a new profile."""
    return user.get("external_id"), user["user_aliases"], user.get("email"), user.get("phone"), user.get("devices")


def _check_what_stays(person: Person, user: Json) -> None:
    """Check that the constant members never change, and that updated_at changes only with an update."""
    chosen = {name: user[name] for name in CHOSEN}
    before, person.seen = person.seen, {"chosen": chosen, "touched": person.touched, "updated_at": user["updated_at"]}
    if before:
        agree("What never changes", actual=chosen, expected=before["chosen"])
        if before["touched"] == person.touched:
            agree(f"The update of {_who(user)}", actual=user["updated_at"], expected=before["updated_at"])
