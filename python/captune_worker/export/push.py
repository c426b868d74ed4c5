"""Puts a folder on the hub, in one commit.

The token is where huggingface_hub looks for it: ``HF_TOKEN``, or what its login left.
"""

from pathlib import Path

import msgspec
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError
from huggingface_hub.utils import disable_progress_bars

from ..errors import Refusal, issue

README = "README.md"
TOKEN_REMEDY = "Set HF_TOKEN to a token that may write there."
FORBIDDEN = (401, 403)


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is asked."""

    folder: str
    """Every file in it is uploaded."""
    readme: str
    """Text of the model card."""
    repository: str
    private: bool
    """Of a repository that is made; one that exists stays as it is."""
    revision: str | None
    message: str
    """Of the commit."""


class Pushed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where it is now; the twin of ``sdk/export/push.ts``."""

    repository: str
    url: str
    commit: str


def push(request: Request) -> Pushed:
    """Makes the repository where there is none, and commits the folder to it.

    Raises:
        Refusal: ``HUB_FORBIDDEN`` where the token does not suffice, and
            ``HUB_PUSH_FAILED``.
    """
    folder = Path(request.folder)
    api = HfApi()
    try:
        made = api.create_repo(
            request.repository, private=request.private, exist_ok=True
        )
        if request.private and not api.model_info(request.repository).private:
            raise _public(request.repository)
        if request.revision is not None:
            api.create_branch(
                request.repository, branch=request.revision, exist_ok=True
            )
        commit = api.create_commit(
            request.repository,
            operations=operations(folder, request.readme),
            commit_message=request.message,
            revision=request.revision,
        )
    except HfHubHTTPError as error:
        if error.response.status_code in FORBIDDEN:
            raise _forbidden(request, error) from error
        raise _failed(request, error) from error
    except (HTTPError, HFValidationError, OSError, ValueError, RuntimeError) as error:
        raise _failed(request, error) from error
    return Pushed(repository=request.repository, url=str(made), commit=commit.oid)


def operations(folder: Path, readme: str) -> list[CommitOperationAdd]:
    """One addition per file, the model card in place of a README that is there."""
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    return [
        CommitOperationAdd(README, readme.encode()),
        *(
            CommitOperationAdd(name, file)
            for file in files
            if (name := file.relative_to(folder).as_posix()) != README
        ),
    ]


def _public(repository: str) -> Refusal:
    problem = issue(
        "repository",
        "exists and is public",
        repository,
        "Set private to false if everybody may see it, or name another.",
    )
    return Refusal("HUB_FORBIDDEN", "Nothing was pushed to the hub", [problem])


def _forbidden(request: Request, error: HfHubHTTPError) -> Refusal:
    reason = f"does not let this token write ({error.response.status_code})"
    problem = issue("repository", reason, request.repository, TOKEN_REMEDY)
    return Refusal("HUB_FORBIDDEN", "Nothing was pushed to the hub", [problem])


def _failed(request: Request, error: Exception) -> Refusal:
    reason = str(error.__cause__ or error).strip() or type(error).__name__
    problem = issue(
        "repository",
        f"could not be pushed to: {reason.splitlines()[0]}",
        request.repository,
        "Try again: what has arrived is not sent twice.",
    )
    return Refusal("HUB_PUSH_FAILED", "Nothing was pushed to the hub", [problem])


def answer(request: Request) -> Pushed:
    """Raises:
    Refusal: as ``push``.
    """
    disable_progress_bars()
    return push(request)
