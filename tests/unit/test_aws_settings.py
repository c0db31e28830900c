"""What a stack on AWS may say, and what it is told when it says something that AWS would refuse halfway through."""

import typing

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import Settings as Application
from components.aws.regions import OPT_IN_REGIONS, WITHOUT_AUTHORITY
from stacks.capacity import LAME_DUCK_SECONDS
from stacks.settings import AwsSettings, SettingsError
from stacks.settings.aws import IDLE_SECONDS, USUAL_PARSE_MEMORY
from stacks.settings.aws_parts import LOG_DAYS
from tests.aws_settings import ACCOUNT, DEV, DOMAIN, PRODUCTION, REGION, ZONE, parse_aws, parse_production
from tests.parsing import FILE, parse_as

pytestmark = pytest.mark.unit

VPC = {
    "id": "vpc-0123456789abcdef0",
    "public_subnets": ["subnet-00000000000000001", "subnet-00000000000000002"],
    "private_subnets": ["subnet-00000000000000003", "subnet-00000000000000004"],
}
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OIDC = {"repository": "owner/name", "environment": "prod"}


def refusal(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_aws(**keys)
    return str(caught.value)


def refusal_in_production(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_production(**keys)
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


def test_a_stack_that_says_nothing_of_its_place_is_told_which_key_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_as(AwsSettings, {"cloud": "aws"})
    assert str(caught.value).startswith("rag:aws: is missing and has no default, so nothing was deployed")


@pytest.mark.parametrize("region", ["eu-central-9", "frankfurt", "", "EU-CENTRAL-1", "cn-north-1"])
def test_a_region_that_aws_has_not_is_refused_with_those_that_it_has(region: str) -> None:
    message = refusal(aws={**DEV, "region": region})
    assert message.startswith(f"rag:aws: region {region!r} is none of AWS's")
    assert "choose one of" in message
    assert REGION in message
    assert FILE in message


@pytest.mark.parametrize("region", sorted(OPT_IN_REGIONS - WITHOUT_AUTHORITY))
def test_a_region_that_is_off_in_new_accounts_must_have_been_enabled(region: str) -> None:
    message = refusal(aws={**DEV, "region": region})
    assert f"region {region} is off in every new account" in message
    assert f"aws account enable-region --region-name {region}" in message
    assert parse_aws(aws={**DEV, "region": region, "opted_in": True}).aws.region == region


@pytest.mark.parametrize("account", ["12345678901", "1234567890123", "12345678901a", 123456789012, True, ""])
def test_an_account_id_is_twelve_digits_in_quotes(account: object) -> None:
    message = refusal(aws={**DEV, "account_id": account})
    assert message.startswith("rag:aws.account_id: is no account id")
    assert "in quotes" in message


def test_an_account_id_keeps_its_leading_zeros() -> None:
    assert parse_aws(aws={**DEV, "account_id": "001234567890"}).aws.account_id == "001234567890"


def test_without_a_domain_there_is_no_tls_so_plain_http_must_be_asked_for() -> None:
    message = refusal(aws={"region": REGION})
    assert "domain is missing, so there is no certificate" in message
    assert "set domain and hosted_zone, or, to try things out, allow_plain_http: true" in message


def test_plain_http_is_refused_in_production() -> None:
    message = refusal_in_production(aws=DEV)
    assert "aws.allow_plain_http is for trying things out" in message
    assert "set aws.domain and aws.hosted_zone instead" in message


def test_plain_http_beside_a_domain_is_refused_because_it_would_do_nothing() -> None:
    assert "allow_plain_http has no effect beside a domain" in refusal(aws={**PRODUCTION, "allow_plain_http": True})


@pytest.mark.parametrize("given_one", [{"domain": DOMAIN}, {"hosted_zone": ZONE}])
def test_a_domain_and_its_hosted_zone_belong_together(given_one: dict[str, str]) -> None:
    assert "domain and hosted_zone belong together" in refusal(aws={**DEV, **given_one})


@pytest.mark.parametrize("domain", ["https://rag.example.com", "rag.example.com/", "rag", "Rag.example.com"])
def test_a_domain_is_a_bare_host_name(domain: str) -> None:
    assert "is no domain name" in refusal(aws={**PRODUCTION, "domain": domain})


@pytest.mark.parametrize("zone", ["example.com", "z0123456789", "/hostedzone/Z0123456789"])
def test_a_hosted_zone_is_named_by_its_id(zone: str) -> None:
    message = refusal(aws={**PRODUCTION, "hosted_zone": zone})
    assert message.startswith("rag:aws.hosted_zone:")
    assert "aws route53 list-hosted-zones" in message


@pytest.mark.parametrize("key", ["rag:stack", "aws:cloudformation:stack-name"])
def test_the_programs_own_tags_and_awss_are_not_for_operators(key: str) -> None:
    assert f"the tag {key!r} is not yours to set" in refusal(aws={**DEV, "tags": {key: "other"}})


def test_tags_over_awss_limits_are_refused() -> None:
    assert "over AWS's limits" in refusal(aws={**DEV, "tags": {"k" * 129: "v"}})
    assert "over AWS's limits" in refusal(aws={**DEV, "tags": {"k": "v" * 257}})
    assert "41 tags are over 40" in refusal(aws={**DEV, "tags": {f"k{at}": "v" for at in range(41)}})
    assert len(parse_aws(aws={**DEV, "tags": {f"k{at}": "v" for at in range(40)}}).aws.tags) == 40


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        ("10.0.0.0/8", "is a /8: AWS refuses more than a /16"),
        ("10.0.0.0/21", "is a /21: AWS refuses more than a /16, and in less than a /20"),
        ("8.8.0.0/16", "is not private"),
        ("172.32.0.0/16", "is not private"),
        ("10.0.0.1/16", "is no block of addresses"),
        ("ten", "is no block of addresses"),
    ],
)
def test_a_block_that_aws_would_refuse_or_that_is_too_small_is_refused(cidr: str, words: str) -> None:
    message = refusal(network={"cidr": cidr})
    assert message.startswith("rag:network.cidr:")
    assert words in message


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "172.31.0.0/18", "192.168.0.0/16", "10.255.240.0/20"])
def test_private_blocks_of_every_size_that_works_are_taken(cidr: str) -> None:
    assert parse_aws(network={"cidr": cidr}).network.cidr == cidr


@pytest.mark.parametrize("zones", [1, 5])
def test_a_load_balancer_needs_two_zones_and_the_addresses_are_cut_for_four(zones: int) -> None:
    assert refusal(network={"zones": zones}).startswith("rag:network.zones:")


def test_more_zones_than_the_region_offers_are_refused() -> None:
    message = refusal(aws={**DEV, "region": "us-west-1"}, network={"zones": 3})
    assert "network.zones is 3, but us-west-1 offers an account 2 availability zones" in message
    assert "set network.zones: 2" in message
    assert "network.zones is 4" in refusal(network={"zones": 4})
    assert parse_aws(aws={**DEV, "region": "us-east-1"}, network={"zones": 4}).network.zones_of("dev") == 4


def test_zones_by_name_lie_in_the_region() -> None:
    names = ["eu-central-1a", "eu-central-1b"]
    assert parse_aws(network={"zone_names": names}).network.zones_of("prod") == 2
    assert "eu-west-1a is no zone of aws.region" in refusal(network={"zone_names": ["eu-west-1a", "eu-central-1b"]})
    assert "different zones" in refusal(network={"zone_names": ["eu-central-1a", "eu-central-1a"]})
    assert "different zones" in refusal(network={"zone_names": ["eu-central-1a"]})
    assert "zones and zone_names both say where" in refusal(network={"zone_names": names, "zones": 2})


def test_an_existing_vpc_is_taken_as_it_is() -> None:
    settings = parse_aws(network={"vpc": VPC})
    assert settings.network.vpc is not None
    assert settings.network.vpc.id == VPC["id"]


@pytest.mark.parametrize(
    "more", [{"nat": "single"}, {"zones": 2}, {"cidr": "10.0.0.0/16"}, {"endpoints": True}, {"flow_logs": True}]
)
def test_what_shapes_a_new_network_does_nothing_in_an_existing_one_and_is_refused(more: dict[str, object]) -> None:
    message = refusal(network={"vpc": VPC, **more})
    assert f"{next(iter(more))} shape a network that is created" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"public_subnets": ["subnet-00000000000000001"]}, "public_subnets needs two different subnets"),
        ({"private_subnets": ["subnet-00000000000000003"] * 2}, "private_subnets needs two different subnets"),
        ({"private_subnets": VPC["public_subnets"]}, "stands among public_subnets and private_subnets"),
        ({"id": "my-vpc"}, "rag:network.vpc.id"),
    ],
)
def test_an_existing_vpc_has_two_subnets_of_each_kind_and_none_of_both(change: dict[str, object], words: str) -> None:
    assert words in refusal(network={"vpc": {**VPC, **change}})


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


def test_an_unknown_instance_class_is_an_error_that_says_how_to_choose() -> None:
    message = refusal(database={"instance_class": "db.m5.large"})
    assert message.startswith("rag:database.instance_class: 'db.m5.large' is no instance class that is known here")
    assert "choose db.t4g.micro" in message


def test_storage_below_gp3s_least_and_a_limit_without_room_are_refused() -> None:
    assert refusal(database={"storage_gb": 19}).startswith("rag:database.storage_gb:")
    assert "max_storage_gb 109 leaves storage_gb 100 no room" in refusal(
        database={"storage_gb": 100, "max_storage_gb": 109}
    )
    assert parse_aws(database={"storage_gb": 100, "max_storage_gb": 110}).database.max_storage_gb == 110


@pytest.mark.parametrize("days", [0, 36])
def test_backups_are_never_off_and_rds_keeps_them_35_days_at_most(days: int) -> None:
    assert refusal(database={"backup_days": days}).startswith("rag:database.backup_days:")


def test_a_database_too_small_for_the_pools_is_refused_with_the_numbers_and_the_key() -> None:
    message = refusal(replicas={"min": 1, "max": 10})
    assert "connection budget" in message
    assert "database.instance_class" in message
    assert "max_connections 112" in message
    assert (
        parse_aws(replicas={"min": 1, "max": 10}, database={"instance_class": "db.t4g.medium"}).max_connections == 450
    )


def test_the_budget_leaves_what_rds_keeps_for_itself() -> None:
    settings = parse_aws()
    assert settings.connections_of(112).peak == 12 * 5 + 6 * 3 + 1 + 2 + 10


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


@pytest.mark.parametrize("strategy", ["rolling", "blue-green", "canary"])
def test_every_strategy_has_defaults_of_its_own(strategy: str) -> None:
    rollout = parse_aws(rollout={"strategy": strategy}).rollout
    assert rollout.bake == (0 if strategy == "rolling" else 2)
    assert rollout.canary == (10 if strategy == "canary" else None)


@pytest.mark.parametrize(
    ("rollout", "words"),
    [
        ({"bake_minutes": 3}, "bake_minutes does nothing in a rolling release"),
        ({"canary_percent": 10}, "canary_percent does nothing with strategy rolling"),
        ({"strategy": "blue-green", "canary_percent": 10}, "canary_percent does nothing with strategy blue-green"),
        ({"strategy": "canary", "canary_percent": 91}, "rag:rollout.canary_percent"),
        ({"strategy": "linear"}, "rag:rollout.strategy"),
        ({"drain_seconds": 29}, "drain_seconds 29 is under graceful_seconds 30"),
    ],
)
def test_a_key_that_does_nothing_with_a_strategy_or_cuts_requests_is_refused(
    rollout: dict[str, object], words: str
) -> None:
    assert words in refusal(rollout=rollout)


def test_a_bake_time_that_breaks_the_promise_of_15_minutes_is_refused() -> None:
    assert "a release could take" in refusal(rollout={"strategy": "canary", "bake_minutes": 4})
    assert parse_aws(rollout={"strategy": "blue-green", "bake_minutes": 5}).times.rollout <= 900


def test_a_start_up_that_breaks_the_promise_of_5_minutes_is_refused_where_one_task_runs() -> None:
    message = refusal(rollout={"startup_seconds": 40})
    assert "a failed release could take" in message
    assert parse_production(rollout={"startup_seconds": 40}).times.rollback <= 300


@given(graceful=st.integers(1, 60), fewest=st.integers(1, 10))
def test_whatever_is_accepted_lets_a_container_stop_before_fargate_kills_it(graceful: int, fewest: int) -> None:
    keys = {"rollout": {"graceful_seconds": graceful, "drain_seconds": 60, "startup_seconds": 10}}
    try:
        settings = parse_production(**keys, replicas={"min": fewest, "max": 10})
    except SettingsError as error:
        assert "could take" in str(error)  # noqa: PT017  # why: hypothesis draws both kinds
        return
    assert graceful + LAME_DUCK_SECONDS < settings.times.stop <= 120


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


@pytest.mark.parametrize("region", sorted(WITHOUT_AUTHORITY))
def test_a_region_whose_databases_the_image_cannot_verify_is_refused(region: str) -> None:
    message = refusal(aws={**DEV, "region": region, "opted_in": True})
    assert f"region {region} has databases whose certificates the image cannot verify yet" in message
    assert "certificates/README.md says how" in message
