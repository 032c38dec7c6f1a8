"""The program `dj-process`, kept from installing packages; run by `python -m` with the same arguments.

It changes three things in Data-Juicer 1.6 before handing over to the same function the `dj-process` script
calls. If that function fails, the reason goes to `error.json` in the current folder.
"""

import importlib
import json
import sys
import types
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

ERROR_FILE = "error.json"
MISSING_PACKAGE = "package not installed: "


def main() -> None:
    """Run dj-process; on an error, write what happened and which operator it was, and exit with status 1."""
    _refuse_to_install()
    _leave_out_ray()
    _free_only_loaded_models()
    (script,) = entry_points(group="console_scripts", name="dj-process")
    try:
        script.load()()
    except Exception as error:
        record = {"error": type(error).__name__, "message": str(error), "operator": _failing_operator(error)}
        Path(ERROR_FILE).write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
        sys.exit(1)


def _refuse_to_install() -> None:
    """Data-Juicer runs pip for whatever an operator lacks; here that is an error which names the package."""
    from data_juicer.utils.lazy_loader import LazyLoader

    def refuse(cls: type, package_spec: str, pip_args: Any = None) -> None:
        raise ImportError(MISSING_PACKAGE + package_spec)

    LazyLoader._install_package = classmethod(refuse)


def _leave_out_ray() -> None:
    """Its ray executors are imported even where the default one runs, and need ray (a 75 MB download)."""
    for module, name in (
        ("ray_executor", "RayExecutor"),
        ("ray_executor_partitioned", "PartitionedRayExecutor"),
    ):
        stand_in = types.ModuleType(f"data_juicer.core.executor.{module}")
        setattr(stand_in, name, None)
        sys.modules[stand_in.__name__] = stand_in


def _free_only_loaded_models() -> None:
    """After every operator it frees GPU memory, and imports torch (4 s) only for that."""
    from data_juicer.utils import model_utils

    # `data_juicer.ops` holds a function of the same name, so the module is asked for by its full name.
    base_op: Any = importlib.import_module("data_juicer.ops.base_op")
    free_models = base_op.free_models

    def free_if_any(clear_model_zoo: bool = True) -> None:
        if model_utils.MODEL_ZOO:
            free_models(clear_model_zoo)

    base_op.free_models = free_if_any


def _failing_operator(error: Exception) -> str | None:
    """Return the operator that raised: the one whose method stands in the traceback."""
    from data_juicer.ops.base_op import OP

    trace, found = error.__traceback__, None
    while trace:
        owner = trace.tb_frame.f_locals.get("self")
        found = getattr(owner, "_name", found) if isinstance(owner, OP) else found
        name = trace.tb_frame.f_locals.get("op_name")
        if trace.tb_frame.f_code.co_name == "load_ops" and isinstance(name, str):
            found = name
        trace = trace.tb_next
    return found if isinstance(found, str) else None


if __name__ == "__main__":
    main()
