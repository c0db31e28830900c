"""What the service reads from its environment, and what it refuses."""

import re
from pathlib import Path

import pytest

from app.cpus import usable_cpus
from app.settings import Settings, SettingsError, load_settings

pytestmark = pytest.mark.unit

URL = "postgresql://rag:p%25w%2Fd@db.internal:5433/rag"
PASSWORD = "p%w/d"


@pytest.fixture(autouse=True)
def only_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.environment_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", URL)


def refusal(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_the_database_url_is_all_that_is_required() -> None:
    assert load_settings().app_name == "rag-service"
    required = {name for name, known in Settings.environment_names().items() if known.required}
    assert required == {"DATABASE_URL"}


def test_what_is_secret_is_known_to_the_platform() -> None:
    secret = {name for name, known in Settings.environment_names().items() if known.secret}
    assert secret == {"DATABASE_URL", "BOOTSTRAP_API_KEY"}


def test_a_plain_postgresql_url_gets_the_driver_and_keeps_its_password() -> None:
    url = load_settings().sqlalchemy_url
    assert url.drivername == "postgresql+psycopg"
    assert url.password == PASSWORD


def test_no_secret_shows_in_the_settings_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "rag_abcdefgh_" + "s" * 43
    monkeypatch.setenv("BOOTSTRAP_API_KEY", key)
    words = repr(load_settings()) + str(load_settings())
    assert "p%25w" not in words
    assert PASSWORD not in words
    assert key not in words


def test_a_missing_database_url_is_named_with_its_consequence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(SettingsError, match="DATABASE_URL is not set, and the service cannot run without it"):
        load_settings()


def test_an_unresolved_key_vault_reference_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = "@Microsoft.KeyVault(SecretUri=https://vault.example/secrets/url)"
    message = refusal(monkeypatch, DATABASE_URL=reference, BOOTSTRAP_API_KEY=reference)
    assert "DATABASE_URL is an unresolved Key Vault reference" in message
    assert "BOOTSTRAP_API_KEY is an unresolved Key Vault reference" in message
    assert "key_vault_reference_identity" in message


@pytest.mark.parametrize("password", ["changeme", "ChangeThis", "todo"])
def test_a_placeholder_password_is_refused(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    message = refusal(monkeypatch, DATABASE_URL=f"postgresql://rag:{password}@db/rag")
    assert "DATABASE_URL has a placeholder as its password" in message
    assert password not in message


@pytest.mark.parametrize("url", ["mysql://u:hidden-one@h/d", "hidden-one", "postgresql://u:hidden-one@h:port/d"])
def test_another_kind_of_url_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    message = refusal(monkeypatch, DATABASE_URL=url)
    assert "DATABASE_URL is not a PostgreSQL URL" in message
    assert "hidden-one" not in message


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"CHUNK_SIZE": "200", "CHUNK_OVERLAP": "200"}, "CHUNK_OVERLAP is not below CHUNK_SIZE"),
        ({"CHUNK_SIZE": "100", "CHUNK_OVERLAP": "1", "MIN_CHUNK_SIZE": "101"}, "MIN_CHUNK_SIZE is above CHUNK_SIZE"),
        ({"MAX_FILE_SIZE_MB": "300"}, "MAX_FILE_SIZE_MB is above MAX_UPLOAD_SIZE_MB"),
        ({"CORS_ORIGINS": "*", "CORS_ALLOW_CREDENTIALS": "true"}, "would let every site act"),
        ({"RETRIEVAL_METHOD": "hybrid"}, "RETRIEVAL_METHOD names something that is not available yet"),
        ({"LLM_PROVIDER": "openai"}, "LLM_PROVIDER names something that is not available yet"),
        ({"EMBEDDING_PROVIDER": "google"}, "EMBEDDING_PROVIDER names something that is not available yet"),
        ({"LLM_PROVIDER": "keyword"}, "LLM_PROVIDER names something that is not available yet"),
        ({"RATE_LIMIT_QUERY": "often"}, "RATE_LIMIT_QUERY is not a rate"),
        ({"RATE_LIMIT_STORAGE_URL": "redis://cache"}, "RATE_LIMIT_STORAGE_URL names a storage that is not available"),
        ({"ALLOWED_EXTENSIONS": "pdf,exe"}, "ALLOWED_EXTENSIONS may name pdf, docx, txt and md"),
        ({"API_PORT": "70000"}, "API_PORT"),
        ({"DB_POOL_SIZE": "many"}, "DB_POOL_SIZE"),
        ({"APP_RELEASE": "latest"}, "APP_RELEASE"),
        ({"BOOTSTRAP_API_KEY": "not-a-key"}, "BOOTSTRAP_API_KEY is not an API key of this service"),
    ],
)
def test_values_that_cannot_work_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], expected: str
) -> None:
    assert expected in refusal(monkeypatch, **values)


def test_every_wrong_key_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, API_PORT="0", MMR_LAMBDA="2", RATE_LIMIT_READ="x")
    assert all(name in message for name in ("API_PORT", "MMR_LAMBDA", "RATE_LIMIT_READ"))


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_EXTENSIONS", "PDF, .md")
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example , https://b.example")
    settings = load_settings()
    assert settings.allowed_extensions == ("pdf", "md")
    assert settings.cors_origins == ("https://a.example", "https://b.example")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "")
    monkeypatch.setenv("APP_RELEASE", "")
    assert load_settings().api_port == 8000
    assert load_settings().app_release is None


def test_the_rate_of_each_class_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT_DELETE", "3/second")
    settings = load_settings()
    assert settings.rate("delete") == "3/second"
    assert settings.rate("upload") == "10/hour"


def test_debug_wins_over_the_log_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "warning")
    assert load_settings().effective_log_level == "WARNING"
    monkeypatch.setenv("DEBUG", "true")
    assert load_settings().effective_log_level == "DEBUG"


def test_every_variable_is_used_by_the_service() -> None:
    root = Path(__file__).resolve().parents[2]
    sources = [*(root / "app").rglob("*.py"), root / "gunicorn_conf.py"]
    code = "\n".join(path.read_text() for path in sources if not path.name.startswith("settings"))
    code += (root / "app/settings.py").read_text().split("def sqlalchemy_url")[1]
    unused = {name for name in Settings.model_fields if not re.search(rf"\.{name}\b", code)}
    # Refused unless they name the only thing there is, which is their effect today.
    assert unused <= {"llm_provider", "embedding_provider", "retrieval_method", "rate_limit_storage_url"}


def test_workers_follow_the_container_quota_of_cgroup_v2(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert usable_cpus(tmp_path) == 1


def test_workers_follow_the_container_quota_of_cgroup_v1(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("30000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == 1


@pytest.mark.parametrize("content", ["max 100000\n", "", "nonsense", "5000 0"])
def test_without_a_usable_quota_workers_follow_the_processors(tmp_path: Path, content: str) -> None:
    (tmp_path / "cpu.max").write_text(content)
    assert usable_cpus(tmp_path) == usable_cpus(tmp_path / "absent") >= 1


def test_nothing_but_the_settings_reads_the_environment() -> None:
    app = Path(__file__).resolve().parents[2] / "app"
    # To write a variable, for a library that takes it from nowhere else, is not to read it.
    reads = re.compile(r"\bos\.(environ\b(?!\[[^]]+\] = )|getenv)|\bfrom os import .*\b(environ|getenv)\b")
    readers = {str(path.relative_to(app)) for path in app.rglob("*.py") if reads.search(path.read_text())}
    # The parser chooses what its child inherits; the health check stands alone, and asks the port of the service.
    assert readers <= {"settings.py", "ingestion/parser.py", "healthcheck.py"}
