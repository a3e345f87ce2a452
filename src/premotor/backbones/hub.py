"""Files by name from the Hugging Face hub, through the extra `[hub]`."""

from pathlib import Path

from premotor.errors import ConfigError, DataError

SCHEME = "hub:"


def local_file(where: str) -> Path:
    """A file: the path as it is, or the local copy of `hub:OWNER/REPOSITORY/FILE`.

    Raises:
        ConfigError: The name is none of a file on the hub, or the extra is not installed.
        DataError: The hub does not give it.
    """
    if not where.startswith(SCHEME):
        return Path(where)
    owner, _, rest = where.removeprefix(SCHEME).partition("/")
    repository, _, name = rest.partition("/")
    if not (owner and repository and name):
        raise ConfigError(f"{where!r} names no file on the hub; write hub:OWNER/REPOSITORY/FILE")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise ConfigError(
            f"{where} lies on a hub, which needs an extra: pip install 'premotor[hub]'; or fetch "
            "the file yourself and name its path"
        ) from error
    try:
        return Path(hf_hub_download(f"{owner}/{repository}", name))
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{where} cannot be fetched: {reason}; look whether it is there, or fetch it yourself "
            "and name its path"
        ) from error
