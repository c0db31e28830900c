"""The service's domain: a certificate that ACM issues and renews by itself, and the address that leads to us.

The hosted zone is found by the stack file; components look nothing up.
"""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
from pulumi_aws.acm.outputs import CertificateDomainValidationOption

RECORD_SECONDS = 300
VALIDATION_TIMEOUT = "15m"
"""ACM usually sees the record within five minutes. It never does when the zone is not the one that the domain's
registrar names; an error after 15 minutes says so sooner than the provider's own 75."""


def issued_certificate(
    name: str, domain: str, zone: pulumi.Input[str], child: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The ARN of a certificate for the domain, once it is issued: a listener refuses one that is not.

    The record that proves the domain stays, because ACM asks for it again at every renewal.
    """
    certificate = aws.acm.Certificate(
        f"{name}-certificate", domain_name=domain, validation_method="DNS", key_algorithm="EC_prime256v1", opts=child
    )
    options = certificate.domain_validation_options
    proof = aws.route53.Record(
        f"{name}-certificate-proof",
        zone_id=zone,
        name=options.apply(_record_name),
        type=options.apply(_record_type),
        records=[options.apply(_record_value)],
        ttl=RECORD_SECONDS,
        # ACM asks for the same record for every certificate that an account has for a domain: one may be there.
        allow_overwrite=True,
        opts=child,
    )
    issued = aws.acm.CertificateValidation(
        f"{name}-certificate-issued",
        certificate_arn=certificate.arn,
        validation_record_fqdns=[proof.fqdn],
        opts=pulumi.ResourceOptions.merge(
            child, pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=VALIDATION_TIMEOUT))
        ),
    )
    return issued.certificate_arn


def domain_address(
    name: str, domain: str, zone: pulumi.Input[str], balancer: aws.lb.LoadBalancer, child: pulumi.ResourceOptions
) -> aws.route53.Record:
    """Points the domain at the load balancer: whoever takes the address from the record waits until it leads there."""
    return aws.route53.Record(
        f"{name}-address",
        zone_id=zone,
        name=domain,
        type="A",
        # There is one balancer: its own answer, even an error, tells more than a name without an address.
        aliases=[
            aws.route53.RecordAliasArgs(name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=False)
        ],
        opts=child,
    )


Options = Sequence[CertificateDomainValidationOption] | None
"""One for each name in the certificate, so one here. None only where no provider answers, in tests."""


def _record_name(options: Options) -> str:
    return (options[0].resource_record_name if options else None) or ""


def _record_type(options: Options) -> str:
    return (options[0].resource_record_type if options else None) or "CNAME"


def _record_value(options: Options) -> str:
    return (options[0].resource_record_value if options else None) or ""
