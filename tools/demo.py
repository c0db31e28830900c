"""`make demo`: upload this repository's guides, a PDF and a Word document, then ask three questions.

Safe to repeat: what the service already holds is not indexed again.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.fixtures.documents import docx, pdf
from tools.client import (
    ROOT,
    ClientError,
    Json,
    ServiceClient,
    UploadFile,
    add_arguments,
    entries,
    show_answer,
    target_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

INDEXING_SECONDS: Final = 180.0
MOST_FILES: Final = 20
_POLL_SECONDS: Final = 1.0
_PAGE: Final = 100
_HELD: Final = frozenset({"queued", "processing", "indexed"})

QUESTIONS: Final = (
    "Where does my API key lie?",
    "When does the last ferry leave the island?",
    "How hot may the kiln get while porcelain is fired?",
)
_FERRY: Final = (
    "Island ferry: a guide for passengers. This first page says who runs the boats. The harbor office has run them "
    "since 1931, with two boats and a crew of nine.",
    "Tickets. A single ticket costs four crowns, and children under twelve pay half. Dogs travel free of charge but "
    "must wear a muzzle on the car deck.",
    "Timetable. The first ferry leaves the mainland at six in the morning. The last ferry leaves the island at a "
    "quarter past ten in the evening, on Sundays an hour earlier.",
)
_KILN: Final = (
    "Pottery workshop, house rules.\n\nAprons hang beside the door. Clay that has dried out goes into the blue barrel.",
    "Firing.\n\nThe kiln may get no hotter than 1280 degrees while porcelain is fired. It cools for two days before "
    "anybody opens it.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when everything was indexed and each question got an answer."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    add_arguments(parser)
    console = Console()
    try:
        with contextlib.closing(ServiceClient(target_of(parser.parse_args(arguments)))) as client:
            _index(console, client)
            answers = [client.ask(question) for question in QUESTIONS]
    except ClientError as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    for answer in answers:
        show_answer(console, answer)
    return 0 if all(answer["answered"] for answer in answers) else 1


def guides(root: Path = ROOT) -> list[UploadFile]:
    """The repository's own guides, the nearest to the reader first."""
    paths = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    return [(path.name, path.read_bytes()) for path in paths if path.is_file()][: MOST_FILES - 2]


def generated() -> list[UploadFile]:
    """A PDF of three pages and a Word document of two."""
    return [("island-ferry.pdf", pdf(_FERRY, title="Island ferry")), ("pottery-workshop.docx", docx(_KILN))]


def _index(console: Console, client: ServiceClient) -> None:
    held = _held_names(client)
    # Generated files carry the time of their making, so their content never repeats; their names do.
    files = [*guides(), *(file for file in generated() if file[0] not in held)]
    batch = client.upload(files)
    for document in entries(batch, "documents"):
        _say_what_became_of(console, document)
    if batch["accepted_files"]:
        _wait_until_indexed(console, client, str(batch["upload_batch_id"]))


def _held_names(client: ServiceClient) -> set[str]:
    names: set[str] = set()
    page = 1
    while True:
        found = entries(client.get("/v1/documents", {"page": page, "limit": _PAGE}), "items")
        names |= {str(document["filename"]) for document in found if document["status"] in _HELD}
        if len(found) < _PAGE:
            return names
        page += 1


def _say_what_became_of(console: Console, document: Json) -> None:
    if document["status"] != "rejected":
        console.print(f"  uploaded  {document['filename']}", highlight=False, markup=False)
    elif document["error_code"] == "duplicate":
        console.print(f"  is there  {document['filename']}", highlight=False, markup=False)
    else:
        raise ClientError(f"{document['filename']} was rejected: {document['error_message']}")


def _wait_until_indexed(console: Console, client: ServiceClient, batch_id: str) -> None:
    deadline = time.monotonic() + INDEXING_SECONDS
    columns = (TextColumn("  indexing"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("indexing", total=100)
        while True:
            state = client.get(f"/v1/documents/uploads/{batch_id}/progress")
            bar.update(task, completed=float(str(state["progress"])))
            if state["progress"] == 100:  # noqa: PLR2004  # percent
                break
            if time.monotonic() > deadline:
                raise ClientError(
                    f"Indexing is not done after {INDEXING_SECONDS:.0f} s. It goes on without this command; "
                    "`make logs` shows what the worker does."
                )
            time.sleep(_POLL_SECONDS)
    failed = [document for document in entries(state, "documents") if document["status"] == "failed"]
    if failed:
        reasons = "\n".join(f"  {document['error_code']}: {document['error_message']}" for document in failed)
        raise ClientError(f"{len(failed)} documents could not be indexed:\n{reasons}")


if __name__ == "__main__":
    sys.exit(main())
