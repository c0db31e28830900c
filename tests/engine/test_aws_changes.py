"""Changes of a live stack on AWS: another way to the tasks, another strategy, a domain; users must not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.aws_account import DEV, LISTENER, RULE, SERVICE, account_of
from tests.engine.doubles.tables.aws import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.engine.aws_account import Account
    from tests.engine.doubles.world import Object

pytestmark = [pytest.mark.engine, pytest.mark.cloud, pytest.mark.timeout(1200)]

CANARY = {**DEV, "rag:rollout": {"evidence": "platform", "strategy": "canary"}}
ROLLING = DEV["rag:rollout"]
A_DOMAIN = {"region": REGION, "domain": "rag.example.com", "hosted_zone": "Z0123456789ABC"}
GROUP = "aws:lb/targetGroup:TargetGroup"
ROLLOUT = "pulumi-python:dynamic/aws:EcsRollout"
CHECK = "pulumi-python:dynamic/release:Check"
AGAIN = f"aws ecs update-service --region {REGION} --cluster rag-dev --service rag-dev-service --force-new-deployment"


@pytest.fixture(scope="module")
def rolling(pulumi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A live stack with one target group, without NAT and without a domain; each test leaves it live."""
    with account_of(tmp_path_factory.mktemp("rolling"), pulumi, "dev", DEV) as account:
        yield account


@pytest.fixture(scope="module")
def canary(pulumi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A live stack with two target groups; the tests change it in their order."""
    with account_of(tmp_path_factory.mktemp("canary"), pulumi, "dev", CANARY) as account:
        yield account


def change(account: Account, **keys: object) -> None:
    """Another configuration, by the keys' names without `rag:`."""
    account.engine.config.update({f"rag:{name}": value for name, value in keys.items()})


def way(account: Account, *types: str) -> dict[str, Object]:
    """What stands between users and tasks: the objects of these types, or all of it."""
    wanted = types or (SERVICE, RULE, GROUP, LISTENER)
    return {key: one for key, one in account.world.objects().items() if one["type"] in wanted}


def users(account: Account) -> str:
    """`primary` or `alternate`: the group that all users meet by the rule of the listener."""
    listeners = {str(one["state"]["arn"]) for one in way(account, LISTENER).values()}
    rules = [rule for listener in listeners for rule in (account.ecs.services.weights(listener) or {}).values()]
    (weights,) = rules
    (group,) = [name for name, weight in weights.items() if weight == 100]
    return "primary" if "-primary-" in group else "alternate"


def lead_users_to(account: Account, group: str) -> None:
    if users(account) != group:
        account.ecs.services.deploy_again(account.service())
    assert users(account) == group


def revision(account: Account) -> Mapping[str, object]:
    """What the service runs, and how it is reached."""
    running = account.ecs.services.running(account.service())
    assert running is not None
    return running.target


def moments(account: Account, since: int) -> list[tuple[str, str]]:
    """What was asked of the provider since then, in order: method and logical name."""
    calls = account.world.calls()[since:]
    return [(call["method"], call["urn"].rpartition("::")[2]) for call in calls if not call["preview"]]


def test_another_network_of_the_same_release_is_followed_and_its_way_back_fails_the_update(rolling: Account) -> None:
    rolling.settle()
    digest, before = rolling.serves(), revision(rolling)
    change(rolling, network={"nat": "single"})
    rolling.ecs.services.rollbacks.append("tasks failed to start: no way to the registry.")
    failed = rolling.up().require_failure()
    assert f"release {digest.removeprefix('sha256:')[:12]} was taken back with its new settings" in failed.output
    assert "no way to the registry" in failed.output
    assert revision(rolling) == before

    result = rolling.up().require()
    assert {step.type for step in result.changes} >= {ROLLOUT, CHECK}
    assert [step for step in result.changes if step.type == SERVICE] == [], "the provider believes that all is done"
    now = revision(rolling)
    assert now["networkConfiguration"] != before["networkConfiguration"]
    assert "'assignPublicIp': 'DISABLED'" in str(now["networkConfiguration"])
    assert rolling.serves() == digest
    assert rolling.engine.preview().require().changes == ()


def test_users_are_asked_again_after_another_network_of_the_same_release(rolling: Account) -> None:
    rolling.settle()
    change(rolling, network={"nat": "none"})
    result = rolling.up().require()
    assert {step.type for step in result.changes} >= {SERVICE, ROLLOUT, CHECK}
    assert "'assignPublicIp': 'ENABLED'" in str(revision(rolling)["networkConfiguration"])


def test_with_a_new_domain_port_80_leads_to_tls_only_when_that_is_there(rolling: Account) -> None:
    rolling.settle()
    since = len(rolling.world.calls())
    change(rolling, aws=A_DOMAIN)
    rolling.up().require()
    done = moments(rolling, since)
    redirect = done.index(("Update", "balancer-http"))
    earlier = ("balancer-certificate-issued", "balancer-https", "balancer-address")
    assert all(done.index(("Create", name)) < redirect for name in earlier)


def test_each_release_of_a_canary_moves_users_to_the_other_group_and_pulumi_leaves_them_there(canary: Account) -> None:
    canary.settle()
    before, digest = users(canary), canary.serves()
    canary.release("a second release")
    result = canary.up().require()
    assert users(canary) != before
    assert canary.serves() == canary.digest() != digest
    assert {step.type for step in result.changes}.isdisjoint({RULE, GROUP, LISTENER})
    assert canary.engine.preview().require().changes == ()


@pytest.mark.parametrize("keys", [{"rollout": ROLLING}, {"aws": A_DOMAIN}], ids=["rolling", "domain"])
def test_a_change_that_leads_users_to_an_empty_group_is_refused_before_anything_is_touched(
    canary: Account, keys: Mapping[str, object]
) -> None:
    canary.settle()
    lead_users_to(canary, "alternate")
    present, objects = dict(canary.engine.config), canary.world.objects()
    change(canary, **keys)
    refused = canary.engine.preview().require_failure()
    canary.engine.config.update(present)
    assert "this change would take the service down: users are in the second target group" in refused.output
    assert f"`{AGAIN}`" in refused.output
    assert canary.world.objects() == objects


def test_nothing_that_users_need_goes_when_such_a_change_is_made_without_a_preview(canary: Account) -> None:
    canary.settle()
    lead_users_to(canary, "alternate")
    present, before = dict(canary.engine.config), way(canary)
    change(canary, aws=A_DOMAIN)
    assert "would take the service down" in canary.up().require_failure().output
    assert before.items() <= way(canary).items()
    assert users(canary) == "alternate"
    canary.engine.config.update(present)
    canary.up().require()
    assert way(canary) == before


def test_a_domain_moves_users_to_another_rule_while_they_are_in_the_first_group(canary: Account) -> None:
    canary.settle()
    lead_users_to(canary, "primary")
    change(canary, aws=A_DOMAIN)
    canary.up().require()
    (rule,) = way(canary, RULE).values()
    assert str(rule["state"]["arn"]) in str(revision(canary)["loadBalancers"])
    assert users(canary) == "alternate", "the release with the other rule moved them"


def test_a_canary_becomes_rolling_while_users_are_in_the_first_group_and_the_second_goes(canary: Account) -> None:
    canary.settle()
    lead_users_to(canary, "primary")
    change(canary, rollout=ROLLING)
    result = canary.up().require()
    assert {step.type for step in result.changes} >= {SERVICE, ROLLOUT, CHECK}
    (group,) = way(canary, GROUP).values()
    assert way(canary, RULE) == {}
    told = str(revision(canary)["loadBalancers"])
    assert str(group["state"]["arn"]) in told
    assert "advancedConfiguration" not in told
    assert canary.serves() == canary.digest()


def test_one_group_becomes_two_without_a_question(canary: Account) -> None:
    canary.settle()
    asked = canary.ecs.calls.count("DescribeRules")
    change(canary, rollout=CANARY["rag:rollout"])
    canary.up().require()
    assert canary.ecs.calls.count("DescribeRules") == asked
    assert users(canary) == "alternate"
