"""The base model: complete, verified, and named by the hash of its files."""

import dagster as dg

from kolors_dagster.defs.failures import failing_clearly
from kolors_dagster.defs.metadata import Metadata, measure
from kolors_dagster.defs.outputs import output_file
from kolors_dagster.defs.resources import KolorsResource
from kolors_dagster.defs.run_tags import tag_run
from kolors_dagster.defs.sources import SOURCE_VERSION, base_model_version
from kolors_dagster.files import write_json
from kolors_dagster.kolors.base_model import describe_base_model
from kolors_dagster.paths import data_root


@dg.asset(group_name="model", code_version="1", kinds={"modelscope"})
def base_model(context: dg.AssetExecutionContext, kolors: KolorsResource) -> dg.MaterializeResult:
    """The model that styles are trained on and stories are drawn with; downloaded when it is missing."""
    from kolors_dagster.kolors.download import download_base_model

    metadata: Metadata = {SOURCE_VERSION: base_model_version(kolors.model)}
    with failing_clearly(), measure(metadata):
        model = describe_base_model(kolors.model, download_base_model(kolors.model, data_root()))
        write_json(output_file("base_model"), model.to_json())
    tag_run(context)
    metadata |= {
        "model": model.name,
        "folder": dg.MetadataValue.path(str(model.folder)),
        "size_mib": round(sum(model.sizes.values()) / 2**20, 1),
        "picture_side": model.default_size,
        "default_steps": model.default_steps,
        **({"early_guidance_scale": model.early_guidance_scale} if model.early_guidance_scale else {}),
        "files": dg.MetadataValue.json(model.files),
    }
    return dg.MaterializeResult(data_version=dg.DataVersion(model.version), metadata=metadata)
