"""Where in AWS a stack lives: account, region, public name, tags."""

import re
from collections.abc import Mapping
from typing import Self

from pydantic import field_validator, model_validator

from components.aws.regions import OPT_IN_REGIONS, REGIONS, WITHOUT_AUTHORITY
from stacks.settings.aws_rules import PolicyArn, TagText, require_certificate_name, require_tags
from stacks.settings.containers import require_domain
from stacks.settings.model import Model

ACCOUNT = re.compile(r"[0-9]{12}")
HOSTED_ZONE = re.compile(r"Z[A-Z0-9]{3,31}")


class AwsAccount(Model):
    """Where in AWS, and under which public name.

    `account_id` is a guard: with it the program refuses to touch any other account. `hosted_zone` is the id of the
    Route 53 zone that `domain` lies in. `allow_plain_http` is for trying things out, where there is no domain.
    `permissions_boundary` bounds the roles of the stack, in place of the one that a stack with `oidc` makes itself.
    """

    region: str
    opted_in: bool = False
    account_id: str | None = None
    domain: str | None = None
    hosted_zone: str | None = None
    allow_plain_http: bool = False
    permissions_boundary: PolicyArn | None = None
    tags: Mapping[str, TagText] = {}

    @field_validator("account_id", mode="before")
    @classmethod
    def _twelve_digits(cls, value: object) -> object:
        if value is None or (isinstance(value, str) and ACCOUNT.fullmatch(value)):
            return value
        raise ValueError(
            "is no account id, so the guard against foreign accounts would refuse them all; write its 12 digits in "
            "quotes (without them YAML reads a number and drops leading zeros)"
        )

    @field_validator("domain")
    @classmethod
    def _a_domain(cls, value: str | None) -> str | None:
        if value is not None:
            require_certificate_name(require_domain(value))
        return value

    @field_validator("hosted_zone")
    @classmethod
    def _a_zone_id(cls, value: str | None) -> str | None:
        if value is not None and HOSTED_ZONE.fullmatch(value) is None:
            raise ValueError(
                f"{value!r} is no id of a hosted zone, so the certificate could not be validated; "
                "`aws route53 list-hosted-zones` shows it (Z and capital letters and digits)"
            )
        return value

    @field_validator("tags")
    @classmethod
    def _tags_of_operators(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        require_tags(value)
        return value

    @model_validator(mode="after")
    def _a_region_that_the_account_can_use(self) -> Self:
        if self.region not in REGIONS:
            raise ValueError(
                f"region {self.region!r} is none of AWS's, so nothing could be reached; choose one of "
                f"{', '.join(sorted(REGIONS))}"
            )
        if self.region in WITHOUT_AUTHORITY:
            raise ValueError(
                f"region {self.region} has databases whose certificates the image cannot verify yet, so no process "
                "could connect; add its authorities (certificates/README.md says how), or choose another region"
            )
        if self.region in OPT_IN_REGIONS and not self.opted_in:
            raise ValueError(
                f"region {self.region} is off in every new account, and calls would fail with an error about "
                f"credentials; enable it (`aws account enable-region --region-name {self.region}`), then set "
                "opted_in: true here"
            )
        return self

    @model_validator(mode="after")
    def _one_front_door(self) -> Self:
        if (self.domain is None) != (self.hosted_zone is None):
            raise ValueError(
                "domain and hosted_zone belong together: the certificate is validated by, and the name written into, "
                "the zone; set both or none"
            )
        if self.domain is None and not self.allow_plain_http:
            raise ValueError(
                "domain is missing, so there is no certificate and documents and keys would travel in the open; set "
                "domain and hosted_zone, or, to try things out, allow_plain_http: true"
            )
        if self.domain is not None and self.allow_plain_http:
            raise ValueError(
                "allow_plain_http has no effect beside a domain: port 80 only redirects to TLS then; remove one"
            )
        return self
