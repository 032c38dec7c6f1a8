"""What ModelScope's downloader gets wrong, mended inside the process that runs it.

Measured with modelscope 1.40 against a hub with faults: the body of an HTTP error is stored as if it were the
file and found there by every later attempt; a file that came in half is fetched from its start again; and a
file that changed on the hub is never looked at again, for it is remembered by its address alone. Archives
are looked into at modelscope.cn even where MODELSCOPE_ENDPOINT names another hub.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO


class _RangeIgnored(Exception):
    """The server was asked for the rest of a file and sends all of it."""


def mend_downloads() -> None:
    """Make the client refuse HTTP errors, go on with half files, see changed ones, and keep to its hub."""
    from modelscope.msdatasets.utils import hf_datasets_util, hf_file_utils

    hf_file_utils._request_with_retry_ms = _refusing_errors(hf_file_utils._request_with_retry_ms)
    hf_file_utils.http_get_ms = _resuming(hf_file_utils.http_get_ms)
    hf_datasets_util.get_from_cache_ms = _with_etag(hf_file_utils.get_from_cache_ms)
    endpoint = os.environ.get("MODELSCOPE_ENDPOINT", "").rstrip("/")
    if endpoint:
        hf_datasets_util.get_endpoint = lambda: endpoint


def _refusing_errors(request: Callable[..., Any]) -> Callable[..., Any]:
    def checked(method: str, url: str, **options: Any) -> Any:
        response = request(method, url, **options)
        if method == "GET":
            asked_for_rest = "Range" in (options.get("headers") or {})
            if asked_for_rest and response.status_code == 200:
                response.close()
                raise _RangeIgnored
            if not (asked_for_rest and response.status_code == 416):  # 416: there is no rest, it is whole
                response.raise_for_status()
        return response

    return checked


def _resuming(get: Callable[..., Any]) -> Callable[..., Any]:
    def resuming(url: str, temp_file: BinaryIO, resume_size: int = 0, **options: Any) -> Any:
        # The name of a half file holds a hash of the ETag; without one it may be half of another version.
        if resume_size and "." not in Path(temp_file.name).stem:
            resume_size = _empty(temp_file)
        try:
            return get(url, temp_file, resume_size=resume_size, **options)
        except _RangeIgnored:
            return get(url, temp_file, resume_size=_empty(temp_file), **options)

    return resuming


def _empty(file: BinaryIO) -> int:
    file.truncate(0)
    return 0


def _with_etag(get_from_cache: Callable[..., Any]) -> Callable[..., Any]:
    def with_etag(url: str, **options: Any) -> Any:
        return get_from_cache(url, **{**options, "use_etag": True, "resume_download": True})

    return with_etag
