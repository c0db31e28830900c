"""What a stack on AWS may say, and what it is told when it says something that AWS would refuse halfway through."""

import typing

import botocore.session
import pytest

from app.settings import Settings as Application
from stacks.settings import AwsSettings, SettingsError
from stacks.settings.aws import IDLE_SECONDS, USUAL_PARSE_MEMORY
from stacks.settings.aws_parts import LOG_DAYS
from tests.aws_settings import ACCOUNT, DEV, REGION, parse_aws, parse_production

pytestmark = pytest.mark.unit

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OIDC = {"repository": "owner/name", "environment": "prod"}


def refusal(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_aws(**keys)
    return str(caught.value)


def test_a_dev_stack_says_where_and_how_it_is_reached_and_gets_the_cheap_choices() -> None:
    settings = parse_aws()
    profile = settings.profile
    assert (profile, settings.bounds.min, settings.bounds.max) == ("dev", 1, 3)
    assert (settings.network.zones_of(profile), settings.network.nat_of(profile)) == (2, "none")
    assert (settings.database.class_of(profile), settings.database.multi_az_of(profile)) == ("db.t4g.micro", False)
    assert (settings.database.backup_days_of(profile), settings.protected) == (1, False)
    assert settings.size == (512, 2048)
    assert settings.rollout.strategy == "rolling"


def test_a_prod_stack_gets_the_choices_that_survive_a_zone() -> None:
    settings = parse_production()
    profile = settings.profile
    assert (settings.bounds.min, settings.bounds.max) == (2, 10)
    assert (settings.network.zones_of(profile), settings.network.nat_of(profile)) == (3, "per-zone")
    assert settings.database.multi_az_of(profile) is True
    assert (settings.database.backup_days_of(profile), settings.protected) == (14, True)
    assert settings.size == (1024, 2048)


def test_any_value_of_a_profile_can_be_overridden() -> None:
    settings = parse_production(
        network={"zones": 2, "nat": "single"},
        database={"instance_class": "db.r7g.large", "multi_az": False, "backup_days": 35, "protect": False},
        service={"cpu": 2048, "memory": 8192, "architecture": "X86_64"},
        observability={"log_days": 7},
    )
    assert (settings.network.zones_of("prod"), settings.network.nat_of("prod")) == (2, "single")
    assert (settings.database.class_of("prod"), settings.database.multi_az_of("prod")) == ("db.r7g.large", False)
    assert (settings.database.backup_days_of("prod"), settings.protected) == (35, False)
    assert (settings.size, settings.service.platform) == ((2048, 8192), "linux/amd64")
    assert settings.observability.log_days_of("prod") == 7


def test_an_image_is_built_for_the_processor_that_runs_it() -> None:
    assert parse_aws().service.platform == "linux/arm64"
    assert parse_aws(service={"architecture": "X86_64"}).service.platform == "linux/amd64"


@pytest.mark.parametrize(("cpu", "memory"), [(512, 512), (256, 4096), (1024, 9216), (300, 1024), (8192, 17408)])
def test_a_size_that_fargate_has_not_is_refused_with_those_that_it_has(cpu: int, memory: int) -> None:
    message = refusal(service={"cpu": cpu, "memory": memory})
    assert message.startswith("rag:service:")
    assert "choose one of" in message


@pytest.mark.parametrize("part", [{"cpu": 512}, {"memory": 2048}])
def test_cpu_and_memory_are_set_together(part: dict[str, int]) -> None:
    assert "cpu and memory belong together" in refusal(service=part)


def test_a_task_too_small_for_its_two_containers_is_refused_with_what_they_need() -> None:
    message = refusal(service={"cpu": 512, "memory": 1024})
    assert "service.memory 1024 MiB is under the 1536 MiB" in message
    assert "raise service.memory" in message
    assert "PARSE_MEMORY_MB 2048" in refusal(app={"environment": {"PARSE_MEMORY_MB": 2048}})
    assert "app.web_processes 8" in refusal(app={"web_processes": 8, "pool_size": 1, "max_overflow": 0})


def test_what_a_parser_may_take_unless_it_is_set_is_the_applications_own_default() -> None:
    assert Application.model_fields["parse_memory_mb"].default == USUAL_PARSE_MEMORY


def test_the_applications_keep_alive_outlives_the_load_balancers_idle_time() -> None:
    assert Application.model_fields["keepalive_seconds"].default > IDLE_SECONDS
    message = refusal(app={"environment": {"KEEPALIVE_SECONDS": 60}})
    assert "app.environment.KEEPALIVE_SECONDS 60 is not above the load balancer's 60 s" in message
    assert "502" in message
    assert parse_aws(app={"environment": {"KEEPALIVE_SECONDS": 61}}).app.environment["KEEPALIVE_SECONDS"] == "61"


@pytest.mark.parametrize("key", ["aws", "create", KEY])
def test_a_key_is_awss_own_a_new_one_or_one_by_its_arn(key: str) -> None:
    assert parse_aws(secrets={"kms_key": key}).secrets.kms_key == key


@pytest.mark.parametrize("key", ["alias/rag", "yes", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/rag", ""])
def test_an_alias_is_no_key_because_it_can_be_moved(key: str) -> None:
    message = refusal(secrets={"kms_key": key})
    assert message.startswith("rag:secrets.kms_key:")
    assert "the ARN of a key" in message


def test_the_trust_in_github_is_created_or_adopted_and_may_have_a_boundary() -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/team/boundary"
    settings = parse_aws(oidc={**OIDC, "provider": "adopt", "permissions_boundary": boundary})
    assert settings.oidc is not None
    assert (settings.oidc.provider, settings.oidc.permissions_boundary) == ("adopt", boundary)
    assert settings.oidc.prefix == "repo:owner/name"
    assert "is no ARN of a policy" in refusal(oidc={**OIDC, "permissions_boundary": "boundary"})
    assert "holds a wildcard" in refusal(oidc={**OIDC, "environment": "*"})


def test_where_pulumi_keeps_its_state_is_named_by_bucket_and_key() -> None:
    settings = parse_aws(oidc={**OIDC, "state_bucket": "team-state", "state_key": KEY})
    assert settings.oidc is not None
    assert (settings.oidc.state_bucket, settings.oidc.state_key) == ("team-state", KEY)
    assert "is no ARN of a key of KMS" in refusal(oidc={**OIDC, "state_key": "alias/state"})
    assert refusal(oidc={**OIDC, "state_bucket": "s3://state"}).startswith("rag:oidc.state_bucket:")


def test_logs_are_kept_for_a_time_that_cloudwatch_has() -> None:
    message = refusal(observability={"log_days": 13})
    assert message.startswith("rag:observability.log_days: 13 days is no choice of CloudWatch")
    assert "7, 14, 30" in message


def test_the_times_that_cloudwatch_has_are_those_that_awss_own_description_names() -> None:
    shape = botocore.session.Session().get_service_model("logs").shape_for("Days")
    named = {int(word.strip(" .<>/p")) for word in shape.documentation.split("values are:")[1].split("</p>")[0]
             .split("To set")[0].replace("and", "").split(",") if word.strip(" .<>/p").isdecimal()}  # fmt: skip
    assert set(LOG_DAYS) == named


def test_a_mail_address_that_is_none_is_refused_because_nobody_would_hear_the_alarms() -> None:
    assert "nobody would hear the alarms" in refusal(observability={"alarm_email": "operations"})


@pytest.mark.parametrize("name", typing.get_args(AwsSettings.model_fields["profile"].annotation))
def test_every_profile_fits_its_own_defaults(name: str) -> None:
    settings = parse_production() if name == "prod" else parse_aws()
    assert settings.connections_of(settings.max_connections).fits


def test_a_misspelled_key_is_an_error_at_every_depth() -> None:
    for keys, named in (
        ({"aws": {**DEV, "regions": "x"}}, "rag:aws.regions"),
        ({"network": {"nats": "none"}}, "rag:network.nats"),
        ({"database": {"multiaz": True}}, "rag:database.multiaz"),
        ({"wafs": True}, "rag:wafs"),
    ):
        assert refusal(**keys).startswith(f"{named}: is no setting")
