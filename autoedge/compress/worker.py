"""The process that runs the user's code and trains: run as ``python -m autoedge.compress.worker``."""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from typing import TYPE_CHECKING, Any

from autoedge.compress.making import make
from autoedge.errors import ModelError
from autoedge.models.worker import begun, plain

if TYPE_CHECKING:
    from collections.abc import Mapping


def serve() -> None:
    """Do the job that this process was started for, telling of it as it goes, and end.

    One line of JSON an event, the last one ``done``, ``refused`` or ``storage``.
    """
    job, out = begun()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # one seed, one result: on the CPU
    tempfile.tempdir = job["work"]  # what the tools leave behind goes where the parent clears up

    def tell(event: Mapping[str, Any]) -> None:
        texts = {key: plain(value) if isinstance(value, str) else value for key, value in event.items()}
        out.write(json.dumps(texts).encode() + b"\n")
        out.flush()

    tell(_done(job, tell))
    os._exit(0)  # no destructor of a library gets the chance to crash after the answer


def _done(job: Mapping[str, Any], tell: Any) -> dict[str, str]:
    try:
        make(job, tell)
    except ModelError as error:
        return {"event": "refused", "reason": str(error)}
    except MemoryError:
        return {"event": "refused", "reason": "it needs more memory than there is"}
    except OSError as error:
        traceback.print_exc()
        return {"event": "storage", "reason": f"{error.strerror or error} ({error.filename})"}
    except Exception as error:  # noqa: BLE001 - the user's code and the libraries raise anything
        traceback.print_exc()
        return {"event": "refused", "reason": f"training failed: {type(error).__name__}: {error}"}
    return {"event": "done"}


if __name__ == "__main__":
    serve()
