"""Uploading files, and following what becomes of them."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from app.documents import catalog
from app.documents.intake import Incoming, IntakeRules, look_at
from app.documents.receiving import receive
from app.documents.states import BatchState, DocumentStatus
from app.http.dependencies import SessionDep, SettingsDep, TenantDep
from app.http.problems import ProblemError, not_found
from app.http.ratelimit import limit as rate_limit
from app.http.schemas_documents import (
    BatchOut,
    BatchPage,
    BatchProgress,
    BatchSummary,
    IndexingStatus,
    PageLimit,
    PageNumber,
)
from app.settings import Settings

router = APIRouter(prefix="/v1/documents", tags=["uploads"])

_FIELDS = ("files[]", "files")
_MAX_FIELDS = 50
# So many times the allowed number of files are read and counted, for an exact answer; more end the reading.
_COUNTED = 4

_MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files[]"],
                    "properties": {
                        "files[]": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 20,
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            }
        },
    }
}


@router.post(
    "/upload",
    status_code=202,
    dependencies=[Depends(rate_limit("upload"))],
    openapi_extra=_MULTIPART,
)
async def upload(request: Request, tenant: TenantDep, session: SessionDep, settings: SettingsDep) -> BatchOut:
    """Take 1 to 20 files for indexing.

    Each file is judged by itself: `documents` has a row for every file, and a file that cannot be taken is `rejected`
    with an `error_code`. A duplicate names the document that holds the content in `duplicate_of`. What is accepted is
    stored with its indexing job in one transaction before the answer is sent. What only parsing can tell (a password,
    damaged pages) shows up later as a `failed` document.
    """
    form = await _form(request, settings)
    try:
        files = [value for name, value in form.multi_items() if name in _FIELDS and isinstance(value, UploadFile)]
        _check_count(len(files), settings)
        incoming = [await _look_at(file, settings) for file in files]
        batch_id = await receive(session, tenant.tenant_id, incoming)
        await session.commit()
    finally:
        await form.close()
    return _batch_out(await _found(session, tenant.tenant_id, batch_id))


async def _form(request: Request, settings: Settings) -> FormData:
    """The form, its files on disk from 1 MiB on."""
    try:
        return await request.form(max_files=settings.max_documents_per_upload * _COUNTED, max_fields=_MAX_FIELDS)
    except StarletteHTTPException as error:
        if str(error.detail).startswith("Too many files"):
            raise _wrong_count(settings) from error
        raise
    except ClientDisconnect:
        # Nobody reads this answer; it keeps a client that went away out of the log of our own errors.
        raise ProblemError(400, "upload_interrupted", "The upload ended before its last byte; send it again.") from None


def _check_count(count: int, settings: Settings) -> None:
    if count == 0:
        raise ProblemError(
            422, "no_files", "The request holds no file; send files as multipart/form-data in the field `files[]`."
        )
    if count > settings.max_documents_per_upload:
        raise _wrong_count(settings)


def _wrong_count(settings: Settings) -> ProblemError:
    return ProblemError(
        422,
        "too_many_files",
        f"One upload takes at most {settings.max_documents_per_upload} files; none was stored. Send several uploads.",
    )


async def _look_at(file: UploadFile, settings: Settings) -> Incoming:
    rules = IntakeRules(extensions=frozenset(settings.allowed_extensions), max_file_bytes=settings.max_file_bytes)
    return await asyncio.to_thread(look_at, file.file, file.filename, rules)


async def _found(session: SessionDep, tenant_id: UUID, batch_id: UUID) -> BatchState:
    found = await catalog.batch(session, tenant_id, batch_id)
    if found is None:
        raise not_found("upload_batch")
    return found


def _batch_out(state: BatchState) -> BatchOut:
    return BatchOut.model_validate(state, from_attributes=True)


async def _batch(upload_batch_id: UUID, tenant: TenantDep, session: SessionDep) -> BatchState:
    return await _found(session, tenant.tenant_id, upload_batch_id)


BatchDep = Annotated[BatchState, Depends(_batch)]


@router.get("/uploads", dependencies=[Depends(rate_limit("read"))])
async def list_uploads(
    tenant: TenantDep, session: SessionDep, page: PageNumber = 1, limit: PageLimit = 20
) -> BatchPage:
    """The tenant's batches, newest first."""
    found, total = await catalog.batches_page(session, tenant.tenant_id, page=page, limit=limit)
    return BatchPage(items=[BatchSummary.of(state) for state in found], page=page, limit=limit, total=total)


@router.get("/uploads/{upload_batch_id}", dependencies=[Depends(rate_limit("read"))])
async def get_upload(found: BatchDep) -> BatchOut:
    """One batch with all its files, the rejected ones included."""
    return _batch_out(found)


@router.get("/uploads/{upload_batch_id}/progress", dependencies=[Depends(rate_limit("read"))])
async def get_progress(found: BatchDep) -> BatchProgress:
    """How far the batch is. `completed` means that every accepted document can be found; see `status` for the rest."""
    return BatchProgress(
        upload_batch_id=found.upload_batch_id,
        status=found.status,
        progress=found.progress,
        documents=[
            IndexingStatus.of(document)
            for document in found.documents
            if document.status is not DocumentStatus.REJECTED
        ],
    )


@router.delete("/uploads/{upload_batch_id}", status_code=204, dependencies=[Depends(rate_limit("delete"))])
async def delete_upload(upload_batch_id: UUID, tenant: TenantDep, session: SessionDep) -> None:
    """Delete a batch with its documents, chunks and jobs; indexing that is under way ends."""
    if not await catalog.delete_batch(session, tenant.tenant_id, upload_batch_id):
        raise not_found("upload_batch")
    await session.commit()
