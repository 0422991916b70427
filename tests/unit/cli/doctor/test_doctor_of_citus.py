"""The doctor's findings about the nodes of Citus."""

from collections.abc import Iterable
from typing import Any

from cli.doctor.citus import find_imbalance, find_open_functions, find_settings, find_unreachable
from cli.doctor.findings import Finding, Level

SETTINGS = {"max_prepared_transactions": 100, "announces": True, "may_log_in": True, "open_functions": []}


def node(*, active: bool = True, reachable: bool = True, **settings: Any) -> dict[str, Any]:
    """Return a row of the query that lists the nodes."""
    answer = {**SETTINGS, **settings} if reachable else {}
    return {"name": "db2:5432", "is_active": active, "is_reachable": reachable, "settings": answer}


def sentences(findings: Iterable[Finding]) -> list[str]:
    """Return the sentences of *findings*."""
    return [finding.sentence for finding in findings]


def test_a_node_that_answers_and_has_the_settings_has_no_finding() -> None:
    nodes = [node()]

    assert [*find_unreachable(nodes), *find_settings(nodes), *find_open_functions(nodes)] == []


def test_a_node_that_does_not_answer_is_named_with_the_consequence() -> None:
    nodes = [node(reachable=False)]

    (finding,) = find_unreachable(nodes)

    assert finding.level == Level.WRONG
    assert finding.sentence.startswith("The node db2:5432 does not answer: requests for its workspaces get 503")
    assert [*find_settings(nodes), *find_open_functions(nodes)] == []


def test_a_node_that_is_not_active_is_named() -> None:
    assert sentences(find_unreachable([node(active=False)])) == ["The node db2:5432 is not active."]


def test_each_missing_setting_of_a_node_is_a_finding() -> None:
    found = sentences(find_settings([node(max_prepared_transactions=0, announces=False, may_log_in=False)]))

    assert [sentence.partition(",")[0] for sentence in found] == [
        "On the node db2:5432 max_prepared_transactions is 0",
        "The node db2:5432 has no table of announcements: work of its workspaces is found up to 30 s late.",
        "On the node db2:5432 the role mergelane_app may not log in",
    ]


def test_functions_that_every_role_may_call_are_named_once() -> None:
    (finding,) = find_open_functions([node(open_functions=["list_work", "all_workspaces", "list_work"])])

    assert "every role may call all_workspaces, list_work, which" in finding.sentence


def test_one_more_shard_is_balanced_and_twice_as_many_shards_are_not() -> None:
    even = [{"name": "db2:5432", "shards": 11}, {"name": "db3:5432", "shards": 10}]
    uneven = [{"name": "db2:5432", "shards": 20}, {"name": "db3:5432", "shards": 10}]

    assert [*find_imbalance(even)] == []
    assert [finding.level for finding in find_imbalance(uneven)] == [Level.NOTICE]
