"""Load rules through libnftables, the library behind `nft`, without starting a process."""

import ctypes
import functools

_LIBRARY = "libnftables.so.1"


class NftError(Exception):
    """The rules could not be loaded; the text is the library's first complaint."""


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        raise NftError(f"{_LIBRARY} is missing; on Debian install libnftables1") from None
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_free.argtypes = [ctypes.c_void_p]
    library.nft_ctx_free.restype = None
    library.nft_ctx_buffer_error.argtypes = [ctypes.c_void_p]
    library.nft_ctx_get_error_buffer.argtypes = [ctypes.c_void_p]
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    return library


def available() -> None:
    """Raise `NftError` when the library is not installed."""
    _library()


def load(rules: str) -> None:
    """Load the rules as one transaction, in this thread's network namespace; raises `NftError`.

    The library's own socket lives only for this call, so no child can inherit it.
    """
    library = _library()
    context = library.nft_ctx_new(0)
    if not context:
        raise NftError(f"{_LIBRARY} could not be initialised")
    try:
        library.nft_ctx_buffer_error(context)
        if library.nft_run_cmd_from_buffer(context, rules.encode()):
            complaint = (library.nft_ctx_get_error_buffer(context) or b"").decode(errors="replace")
            raise NftError(complaint.strip().partition("\n")[0] or "libnftables gave no reason")
    finally:
        library.nft_ctx_free(context)
