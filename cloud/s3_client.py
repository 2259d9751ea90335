"""The part of S3 that obstore has not: multipart uploads whose parts somebody else sends by presigned addresses.

Built on botocore, which is synchronous: call it from a thread. Keys are relative to the prefix of `objects.url`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cloud.settings import ObjectsSection
from shared.errors import Transient

PLACE_SECONDS = 900
"""How long an address for a part is good for; it must be begun within this time."""
_GONE = frozenset({"NoSuchUpload", "NoSuchKey", "404"})
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Part:
    """A part that arrived. `number` counts from 0, as chunks do."""

    number: int
    size_bytes: int
    tag: str


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A multipart upload that was begun and neither completed nor aborted."""

    key: str
    upload_id: str
    begun: datetime


class S3Client:
    """One bucket. Every method raises Transient when the store does not answer or says no; use from any thread."""

    def __init__(self, section: ObjectsSection) -> None:
        parts = urlsplit(section.url)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        config = Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 3, "mode": "standard"},
            connect_timeout=10, read_timeout=120, max_pool_connections=16,
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
        )  # fmt: skip
        secret = section.secret_key.get_secret_value() if section.secret_key is not None else None
        self._client: Any = botocore.session.get_session().create_client(
            "s3", region_name=section.region, endpoint_url=section.endpoint, config=config,
            aws_access_key_id=section.access_key, aws_secret_access_key=secret,
        )  # fmt: skip

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}/{key}" if self._prefix else key}

    @property
    def endpoint(self) -> str:
        """Where the store answers; the beds name its origin in their settings."""
        return str(self._client.meta.endpoint_url)

    def begin(self, key: str) -> str:
        """Begins a multipart upload and returns its id."""
        return str(self._call("begin", lambda: self._client.create_multipart_upload(**self._place(key)))["UploadId"])

    def sign_part(self, key: str, upload_id: str, number: int, size_bytes: int, md5: str) -> str:
        """An address to which one part may be PUT for `PLACE_SECONDS`, with exactly this length and Content-MD5 (base64)."""
        more = {"UploadId": upload_id, "PartNumber": number + 1, "ContentLength": size_bytes, "ContentMD5": md5}
        with _faults("sign"):
            return str(
                self._client.generate_presigned_url("upload_part", self._place(key) | more, ExpiresIn=PLACE_SECONDS)
            )

    def parts(self, key: str, upload_id: str) -> list[Part] | None:
        """The parts that arrived, None when there is no such upload (any more)."""
        found: list[Part] = []
        marker = 0
        while True:
            page = self._or_gone(
                "list parts of",
                lambda at=marker: self._client.list_parts(  # type: ignore[misc]
                    **self._place(key), UploadId=upload_id, PartNumberMarker=at
                ),
            )
            if page is None:
                return None
            found += [Part(int(p["PartNumber"]) - 1, int(p["Size"]), str(p["ETag"])) for p in page.get("Parts", [])]
            if not page.get("IsTruncated"):
                return found
            marker = int(page["NextPartNumberMarker"])

    def complete(self, key: str, upload_id: str, parts: list[Part]) -> bool:
        """Joins the parts to the object. False when there is no such upload: an earlier call may have joined them."""
        listed = [{"PartNumber": part.number + 1, "ETag": part.tag} for part in sorted(parts, key=lambda p: p.number)]
        done = self._or_gone(
            "complete",
            lambda: self._client.complete_multipart_upload(
                **self._place(key), UploadId=upload_id, MultipartUpload={"Parts": listed}
            ),
        )
        return done is not None

    def abort(self, key: str, upload_id: str) -> None:
        """Forgets an upload and its parts; one that is gone is no error."""
        self._or_gone("abort", lambda: self._client.abort_multipart_upload(**self._place(key), UploadId=upload_id))

    def open_uploads(self, limit: int) -> Iterator[OpenUpload]:
        """Uploads that were begun and not ended, at most `limit`."""
        prefix = f"{self._prefix}/" if self._prefix else ""
        page = self._call(
            "list uploads",
            lambda: self._client.list_multipart_uploads(
                Bucket=self._bucket, Prefix=prefix, MaxUploads=min(limit, 1_000)
            ),
        )
        for found in page.get("Uploads", []):
            yield OpenUpload(str(found["Key"]).removeprefix(prefix), str(found["UploadId"]), found["Initiated"])

    def make_bucket(self) -> None:
        """Makes the bucket where it is missing; for tests and first installations."""
        try:
            self._client.create_bucket(Bucket=self._bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                raise Transient(f"The object store did not make the bucket: {error}.") from error

    def _call(self, deed: str, ask: Callable[[], Found]) -> Found:
        with _faults(deed):
            return ask()

    def _or_gone(self, deed: str, ask: Callable[[], Found]) -> Found | None:
        try:
            with _faults(deed):
                return ask()
        except Transient as error:
            if error.facts.get("code") in _GONE:
                return None
            raise


@contextmanager
def _faults(deed: str) -> Iterator[None]:
    """botocore's errors as Transient; it never takes a 200 with an error in its body for success."""
    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        code = str(found.get("Code", ""))
        raise Transient(f"The object store did not {deed} the upload: {code}.", code=code) from error
    except (BotoCoreError, OSError) as error:
        raise Transient(f"The object store cannot be reached: {type(error).__name__}.") from error
