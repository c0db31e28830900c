"""GitHub's identities and what each may do."""

from typing import cast

import pytest
import yaml

from tests.contracts.kubernetes.stack import EVERYTHING, Json, of_type, outputs_of, recorded
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit


def rules_of(made: Recording, name: str) -> list[Json]:
    return cast(list[Json], made.one(name).inputs["rules"])


def test_trap_a_wildcard_is_not_least_privilege(everything: Recording) -> None:
    for name in ("trust-preview-role", "trust-deploy-role"):
        for rule in rules_of(everything, name):
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
    assert not of_type(everything, "ClusterRole")


def test_a_pull_request_reads_and_never_a_secret_nor_a_log(everything: Recording) -> None:
    for rule in rules_of(everything, "trust-preview-role"):
        assert set(rule["verbs"]) <= {"get", "list", "watch"}
        assert {"secrets", "pods/log", "pods/exec"}.isdisjoint(rule["resources"])


def test_the_environments_user_may_make_what_a_deployment_makes_and_no_rights(everything: Recording) -> None:
    writable = {
        (group, kind)
        for rule in rules_of(everything, "trust-deploy-role")
        if "create" in rule["verbs"]
        for group in rule["apiGroups"]
        for kind in rule["resources"]
    }
    plurals = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}
    own = {"Namespace", "Role", "RoleBinding"}
    for resource in everything.resources:
        if resource.type.startswith("kubernetes:"):
            _, api, kind = resource.type.split(":")
            group = api.rpartition("/")[0].removeprefix("core")
            if kind not in own:
                assert (group, plurals.get(kind, f"{kind.lower()}s")) in writable, resource.type
    assert not {kind for _, kind in writable} & {"roles", "rolebindings", "namespaces", "pods"}


def test_two_subjects_are_bound_each_to_its_own_role(everything: Recording) -> None:
    for name, subject in (("preview", "pull_request"), ("deploy", "environment:production")):
        inputs = everything.one(f"trust-{name}-binding").inputs
        assert [item["name"] for item in inputs["subjects"]] == [f"github:repo:owner/name:{subject}"]
        assert inputs["roleRef"]["name"] == f"rag-github-{name}"


def test_trap_the_subjects_form_is_hard_coded() -> None:
    oidc = {"repository": "owner/name", "environment": "production", "subject_prefix": "repo:owner@1/name@2"}
    made = recorded(oidc=oidc)
    (subject,) = made.one("trust-deploy-binding").inputs["subjects"]
    assert subject["name"] == "github:repo:owner@1/name@2:environment:production"


def test_the_api_server_is_told_whom_to_trust_and_refuses_every_other_repository() -> None:
    document = cast(Json, yaml.safe_load(cast(str, outputs_of(**EVERYTHING)["authentication_configuration"])))
    assert (document["apiVersion"], document["kind"]) == ("apiserver.config.k8s.io/v1", "AuthenticationConfiguration")
    (provider,) = document["jwt"]
    assert provider["issuer"]["url"] == "https://token.actions.githubusercontent.com"
    assert provider["claimValidationRules"] == [{"claim": "repository", "requiredValue": "owner/name"}]
    assert provider["claimMappings"]["username"] == {"claim": "sub", "prefix": "github:"}
