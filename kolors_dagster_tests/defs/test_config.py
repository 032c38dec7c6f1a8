import dagster as dg
import pytest

from kolors_dagster.defs.config import (
    PanelOverrides,
    SamplingOverrides,
    TrainingOverrides,
    apply_overrides,
    list_overrides,
)
from kolors_dagster.errors import UserError
from kolors_dagster.specs import PanelSpec, SamplingRecipe, TrainingRecipe


@pytest.mark.parametrize(
    ("overrides", "spec"),
    [(PanelOverrides, PanelSpec), (SamplingOverrides, SamplingRecipe), (TrainingOverrides, TrainingRecipe)],
)
def test_a_form_has_the_fields_and_the_help_of_its_schema(overrides: type[dg.Config], spec: type) -> None:
    assert {n: f.description for n, f in overrides.model_fields.items()} == {
        n: f.description for n, f in spec.model_fields.items()
    }


def test_an_empty_form_changes_nothing() -> None:
    recipe = TrainingRecipe(steps=7)
    assert apply_overrides(recipe, TrainingOverrides()) == recipe
    assert list_overrides(TrainingOverrides()) == []


def test_what_is_filled_in_wins() -> None:
    overrides = TrainingOverrides(rank=4, crop="buckets", precision="fp32", target_modules=["to_q"])
    changed = apply_overrides(TrainingRecipe(), overrides)
    assert (changed.rank, changed.precision, changed.target_modules) == (4, "fp32", ["to_q"])
    assert changed.crop == "buckets"
    assert list_overrides(overrides) == ["rank", "crop", "precision", "target_modules"]


def test_a_bad_value_names_its_field() -> None:
    with pytest.raises(UserError, match=r"rank.*greater than or equal to 1, not 0"):
        apply_overrides(TrainingRecipe(), TrainingOverrides(rank=0))
