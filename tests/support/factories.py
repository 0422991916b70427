"""Creates profiles, history, batches and jobs for the tests: as values, or as rows inserted into the tables."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.db.connections import Connection
from app.db.ids import new_id
from app.db.transaction import Transaction
from app.ledger.lanes import lane_heads
from app.merging.profile import EmailAddress, PhoneNumber, Profile
from app.profiles.store import load_profiles, profile_to_row
from schemas.identifiers import email_key, from_wire, sharing_key, to_e164

NUMBERS = itertools.count(1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
"""Default `created_at` and `updated_at` of profiles."""

Wire = Mapping[str, Any]


def an_email(address: str, *, encrypted: bool = False) -> EmailAddress:
    """Return *address* as profiles store it."""
    return EmailAddress(address=address, key=email_key(address), encrypted=encrypted)


def a_phone(number: str) -> PhoneNumber:
    """Return *number* as profiles store it."""
    return PhoneNumber(number=number, e164=to_e164(number))


def a_profile(
    *, email: str | EmailAddress | None = None, phone: str | PhoneNumber | None = None, **fields: Any
) -> Profile:
    """Return a profile with ids, times and the given *fields*, and no other values."""
    number = next(NUMBERS)
    whole: dict[str, Any] = {
        "workspace_id": 1,
        "id": number,
        "braze_id": f"{number:024x}",
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
        "random_bucket": number % 10_000,
        "email": an_email(email) if isinstance(email, str) else email,
        "phone": a_phone(phone) if isinstance(phone, str) else phone,
    }
    return Profile(**{**whole, **fields})


def ext(value: str) -> Wire:
    """Return the identifier of a profile by external_id, in the format of requests."""
    return {"external_id": value}


def alias(label: str, name: str) -> Wire:
    """Return the identifier of a profile by alias."""
    return {"user_alias": {"alias_label": label, "alias_name": name}}


def by_email(address: str, *prioritization: str) -> Wire:
    """Return the identifier of a profile by email address."""
    return {"email": address, "prioritization": list(prioritization)}


def by_phone(number: str, *prioritization: str) -> Wire:
    """Return the identifier of a profile by phone number."""
    return {"phone": number, "prioritization": list(prioritization)}


class Factory:
    """Writes and reads rows of one new workspace."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        name = f"test-{uuid7()}"
        row = connection.execute("INSERT INTO workspace (name) VALUES (%s) RETURNING workspace_id", [name]).fetchone()
        assert row is not None
        self.workspace_id: int = row["workspace_id"]

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Return the rows of *query*; its first parameter is the workspace_id, the others are *values*."""
        return self.connection.execute(query, [self.workspace_id, *values]).fetchall()

    def profile(self, external_id: str | None = None, **fields: Any) -> Profile:
        """Write a profile with its `user_aliases`, and return it."""
        (number,) = self.connection.execute("SELECT nextval(pg_get_serial_sequence('profile', 'id')) AS id").fetchall()
        named = {"workspace_id": self.workspace_id, "id": number["id"], "external_id": external_id}
        profile = a_profile(**{**named, **fields})
        self.insert(profile)
        return profile

    def insert(self, profile: Profile) -> None:
        """Write the row of *profile* and the rows of its aliases."""
        row = profile_to_row(profile)
        aliases, origins = row.pop("user_aliases"), row.pop("alias_origins")
        columns = sql.SQL(", ").join(map(sql.Identifier, row))
        query = sql.SQL("INSERT INTO profile ({0}) SELECT {0} FROM jsonb_populate_record(NULL::profile, %s)")
        self.connection.execute(query.format(columns), [Jsonb(row)])
        for label, name in aliases.items():
            self.rows(
                "INSERT INTO user_alias (workspace_id, label, name, profile_id, origin_id)"
                " VALUES (%s, %s, %s, %s, %s) RETURNING 1",
                *(label, name, profile.id, origins.get(label)),
            )

    def event(self, profile: Profile, name: str, at: datetime) -> None:
        """Write a custom event whose origin is *profile*."""
        self.rows(
            "INSERT INTO custom_event (workspace_id, origin_id, name, occurred_at) VALUES (%s, %s, %s, %s) RETURNING 1",
            *(profile.id, name, at),
        )

    def load(self, profile: Profile | int) -> Profile | None:
        """Return the current profile, or None if it no longer exists."""
        profile_id = profile if isinstance(profile, int) else profile.id
        return load_profiles(Transaction(self.connection, self.workspace_id), ids=[profile_id]).get(profile_id)

    def batch(
        self,
        updates: Sequence[tuple[Wire, Wire]],
        *,
        kind: str = "merge",
        batch_id: UUID | None = None,
        **columns: Any,
    ) -> list[UUID]:
        """Write a batch of (orphan, survivor) *updates*; return its job ids. Each job gets the values of *columns*."""
        batch_id = batch_id or uuid7()
        self.rows("INSERT INTO batch (workspace_id, id, path) VALUES (%s, %s, '/users/merge') RETURNING 1", batch_id)
        lanes = lane_heads([tuple(sharing_key(from_wire(side)) for side in update) for update in updates])
        return [
            self._job(
                batch_id=batch_id,
                index=index,
                kind=kind,
                lane=lane,
                orphan_identifier=Jsonb(orphan),
                survivor_identifier=Jsonb(survivor),
                **columns,
            )
            for index, (lane, (orphan, survivor)) in enumerate(zip(lanes, updates, strict=True))
        ]

    def job(self, orphan: Wire, survivor: Wire, **columns: Any) -> UUID:
        """Write a batch of one update; return its job's id."""
        (job_id,) = self.batch([(orphan, survivor)], **columns)
        return job_id

    def _job(self, **columns: Any) -> UUID:
        """Write one row of job; return its id."""
        # As in the product: the jobs of one message run in the order of their ids.
        job_id = new_id()
        row = {"workspace_id": self.workspace_id, "id": job_id, "search_keys": [], **columns}
        query = sql.SQL("INSERT INTO job ({}) VALUES ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(map(sql.Placeholder, row))
        )
        self.connection.execute(query, row)
        return job_id

    def set_jobs(self, job_ids: Sequence[UUID], assignments: str) -> None:
        """Set columns of the jobs *job_ids* with the SQL *assignments*."""
        query = f"UPDATE job SET {assignments} WHERE workspace_id = %s AND id = ANY(%s) RETURNING 1"
        self.rows(query, list(job_ids))

    def make_due(self, job_ids: Sequence[UUID]) -> None:
        """Let the next attempts of the jobs *job_ids* be due now."""
        self.set_jobs(job_ids, "due_at = now() - interval '100 years'")

    def row(self, job_id: UUID) -> dict[str, Any]:
        """Return the row of the job."""
        (row,) = self.rows("SELECT * FROM job WHERE workspace_id = %s AND id = %s", job_id)
        return row

    def outcomes(self, job_ids: Sequence[UUID]) -> list[str | None]:
        """Return the outcomes of the jobs, in their order."""
        return [self.row(job_id)["outcome"] for job_id in job_ids]

    def states(self, job_ids: Sequence[UUID]) -> list[str]:
        """Return the states of the jobs, in their order."""
        return [self.row(job_id)["state"] for job_id in job_ids]


@pytest.fixture
def factory(connection: Connection) -> Factory:
    """A factory in a new workspace of the test."""
    return Factory(connection)
