"""What is fixed for a stack's life through the real engine: refused in the preview, and nothing is touched."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

import pytest

from tests.engine.doubles.rules import Table
from tests.engine.doubles.tables.aws import ACCOUNT, AWS, FUNCTIONS, REGION
from tests.engine.doubles.tables.random import RANDOM
from tests.engine.harness import Engine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.harness import Result
    from tests.engine.sources import Sources

pytestmark = [pytest.mark.engine, pytest.mark.cloud, pytest.mark.timeout(900)]

PROGRAM = """
from components.aws.network import Network
from components.aws.secrets import Secrets, SecretsArgs
from stacks.aws_args import network_args
from stacks.aws_place import find_place
from stacks.settings import AwsSettings, read_settings

settings = read_settings()
assert isinstance(settings, AwsSettings)
place = find_place(settings)
Network("network", network_args(settings, place, app_port=8000, boundary=None), place.options())
Secrets(
    "secrets",
    SecretsArgs(
        prefix=place.prefix,
        database_url="postgresql://host/rag",
        kms_key=settings.secrets.kms_key,
        recovery_days=0,
        account=place.account,
    ),
    place.options(),
)
"""
CALLER = "aws:index/getCallerIdentity:getCallerIdentity"
ANOTHER_ACCOUNT = Table(
    resources=AWS.resources, functions={**FUNCTIONS, CALLER: {**FUNCTIONS[CALLER], "accountId": "123456789012"}}
)
SHOW_CONFIGURATION = {"pulumi:pulumi:Stack", "pulumi:providers:pulumi-python"}
NETWORK, SECRETS = {"zones": 2}, {"kms_key": "create"}


@pytest.fixture
def engine(pulumi: Path, tmp_path: Path, sources: Sources) -> Engine:
    """A stack that is up, of which only the place, the network and the secrets are made."""
    (sources.folder / "__main__.py").write_text(PROGRAM)
    config: dict[str, object] = {
        "rag:cloud": "aws",
        "rag:aws": {"region": REGION, "allow_plain_http": True},
        "rag:network": NETWORK,
        "rag:secrets": SECRETS,
    }
    made = Engine.create(folder=tmp_path / "engine", program=sources.folder, pulumi=pulumi, config=config)
    for package, table in (("aws", AWS), ("random", RANDOM)):
        made.doubles.install(package, table)
    made.up().require()
    return made


def refused(engine: Engine, *told: str, update: bool = True) -> None:
    """Holds a preview, and an update without one, to the refusal and to touching nothing."""
    before = recorded(engine), engine.doubles.world.objects()
    for run in (engine.preview, engine.up) if update else (engine.preview,):
        result = run().require_failure()
        assert all(part in result.output for part in (*told, "Nothing was changed")), result.output
        assert "Traceback" not in result.output
        assert changes(result) == []
    assert recorded(engine) == before[0]
    assert engine.doubles.world.objects() == before[1]


def changes(result: Result) -> list[str]:
    """What a run changes of the stack's own resources."""
    return [step.name for step in result.changes if not step.is_implicit]


def recorded(engine: Engine) -> list[object]:
    """The real things in the state, but for what shows the configuration of the last run, whatever became of it.

    Secrets are encrypted anew whenever the state is written.
    """
    state = re.sub(r'"ciphertext": "[^"]+"', '"ciphertext": ""', engine.export())
    resources = cast("list[dict[str, object]]", json.loads(state)["deployment"]["resources"])
    return [one for one in resources if one["custom"] and one["type"] not in SHOW_CONFIGURATION]


def test_every_fixed_key_is_refused_in_the_preview_and_nothing_is_touched(engine: Engine) -> None:
    elsewhere = {
        "vpc": {
            "id": "vpc-0123456789abcdef0",
            "public_subnets": ["subnet-00000000000000001", "subnet-00000000000000002"],
            "private_subnets": ["subnet-00000000000000003", "subnet-00000000000000004"],
        }
    }
    usual = dict(engine.config)
    engine.config |= {
        "rag:name": "search",
        "rag:aws": {"region": "eu-west-1", "allow_plain_http": True},
        "rag:network": {"cidr": "10.30.0.0/16"},
        "rag:secrets": {"kms_key": "aws"},
    }
    # The region is the one that the provider is configured with: an update must not come that far either.
    refused(
        engine,
        "name is fixed while the stack lives and would change from rag-test to search-test",
        "aws.region is fixed while the stack lives",
        "network.cidr is fixed while the stack lives",
        "secrets.kms_key would change from create to aws",
    )
    for network, told in (
        (elsewhere, "network.vpc is fixed while the stack lives and would change from none to vpc-0123456789abcdef0"),
        ({"zone_names": [f"{REGION}b", f"{REGION}a"]}, "network.zone_names would no longer begin with"),
    ):
        engine.config = {**usual, "rag:network": network}
        refused(engine, told, update=False)
    engine.config = usual
    assert changes(engine.preview().require()) == []


def test_credentials_of_another_account_are_refused_before_anything_is_looked_for_there(engine: Engine) -> None:
    engine.doubles.install("aws", ANOTHER_ACCOUNT)
    refused(engine, f"aws.account_id is fixed while the stack lives and would change from {ACCOUNT} to 123456789012")


def test_a_third_zone_is_added_and_two_are_not_gone_back_to(engine: Engine) -> None:
    engine.config["rag:network"] = {"zones": 3}
    added = engine.up().require()
    assert added.changed("update") == ["lasting-place-record"]
    assert {"network-public-2", "network-database-2"} <= set(added.changed("create"))
    assert added.changed("delete", "replace") == []
    engine.config["rag:network"] = NETWORK
    refused(engine, "network.zones would go from 3 to 2")


def test_a_stack_that_is_older_than_the_record_takes_it_and_holds_to_it_from_then_on(
    engine: Engine, sources: Sources
) -> None:
    """An older stack is one in whose state the record is missing: here it is taken out of the program and put back."""
    place = sources.folder / "stacks" / "aws_place.py"
    now = place.read_text()
    without = now.replace("opts=pulumi.ResourceOptions(depends_on=[told]),", "")
    without = without.replace("depends_on=[self.lasting, *first]", "depends_on=list(first)")
    lines = [line for line in without.splitlines() if 'Lasting("lasting-' not in line]
    without = "\n".join(lines).replace("    lasting: Lasting\n", "")
    place.write_text(without)
    engine.up().require()
    assert "Lasting" not in engine.export()

    place.write_text(now)
    taken = engine.up().require()
    assert taken.changed("create") == sorted(
        ["lasting-place", "lasting-place-record", "lasting-settings", "lasting-settings-record"]
    )
    assert taken.changed("update", "delete", "replace") == []
    engine.config["rag:network"] = {"cidr": "10.30.0.0/16"}
    refused(engine, "network.cidr is fixed while the stack lives")


def test_it_goes_with_the_stack_and_last(engine: Engine) -> None:
    removed = [step.name for step in engine.destroy().require().steps if step.done and not step.is_implicit]
    assert set(removed[-5:]) >= {"lasting-place-record", "lasting-settings-record"}
    assert engine.resources() == []
