"""The manifest of a projection: what it holds, and the size and SHA-256 of each file, to tell whether all is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from kg_builder.model import Build, Digest, Site
from strokemap.errors import ProjectionMissing

FORMAT = "strokemap-projection-1"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a projection holds, and the size and SHA-256 of each of its files."""

    digest: Digest
    topic: str
    longest_name: int
    site: Site
    files: Mapping[str, tuple[int, str]]


def missing(folder: Path, what: str) -> ProjectionMissing:
    """Give the error for a projection that is missing, damaged or of another format."""
    return ProjectionMissing(
        f"The projection of this build is {what}.",
        hint=f"Make it again from the map store: strokemap builds publish {folder.name}",
        where=str(folder),
    )


def check_files(folder: Path) -> Manifest:
    """Read the manifest and hold every file's size against it. Errors: ProjectionMissing."""
    try:
        manifest = _parse_manifest((folder / _MANIFEST).read_text(encoding="utf-8"))
        sizes = {name: (folder / name).stat().st_size for name in manifest.files}
    except FileNotFoundError:
        raise missing(folder, "not whole" if folder.exists() else "not on this machine") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise missing(folder, "damaged or of another format") from None
    if sizes != {name: size for name, (size, _) in manifest.files.items()}:
        raise missing(folder, "damaged")
    return manifest


def _parse_manifest(text: str) -> Manifest:
    fields = json.loads(text)
    if fields.pop("format") != FORMAT:
        raise ValueError
    files = {name: (size, sha256) for name, (size, sha256) in fields.pop("files").items()}
    return Manifest(files=files, site=Site(**fields.pop("site")), **fields)


def unharmed(folder: Path, *, digest: Digest) -> bool:
    """Tell whether the projection of this build is there, every byte as it was written."""
    try:
        manifest = check_files(folder)
        hashes = {name: _sha256(folder / name) for name in manifest.files}
    except (ProjectionMissing, OSError):
        return False
    return manifest.digest == digest and hashes == {name: sha256 for name, (_, sha256) in manifest.files.items()}


def write_manifest(build: Build, *, longest_name: int, folder: Path) -> None:
    """Record all files of the folder; written last."""
    manifest = Manifest(
        digest=build.digest,
        topic=build.topic.name,
        longest_name=longest_name,
        site=build.made.site,
        files={path.name: (path.stat().st_size, _sha256(path)) for path in sorted(folder.iterdir())},
    )
    text = json.dumps({"format": FORMAT} | asdict(manifest), indent=1, sort_keys=True)
    (folder / _MANIFEST).write_text(f"{text}\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
