"""State dicts: recognised by keys and shapes, loaded strictly."""

import pytest
import torch

from vsrife.errors import ModelError
from vsrife.network import build
from vsrife.network.state_dict import SURPLUS, recognise
from vsrife.network.table import ARCHS, state_shapes


def blank_state(name: str) -> dict[str, torch.Tensor]:
    return {key: torch.zeros(shape) for key, shape in state_shapes(ARCHS[name]).items()}


@pytest.mark.parametrize("name", ARCHS)
def test_every_row_has_the_tensors_that_its_module_has(name):
    module = {key: tuple(value.shape) for key, value in build(name).state_dict().items()}
    assert module == state_shapes(ARCHS[name])


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("name", ARCHS)
def test_a_state_dict_is_recognised_with_and_without_prefix(name, prefix):
    assert recognise({prefix + key: value for key, value in blank_state(name).items()}) == name


@pytest.mark.parametrize("surplus", SURPLUS)
def test_known_training_parts_are_left_out(surplus):
    state = blank_state("4.6") | {f"module.{surplus}0.weight": torch.zeros(1)}
    assert recognise(state) == "4.6"
    build("4.6", state_dict=state)


def test_other_surplus_is_named():
    state = blank_state("4.6") | {"virus.weight": torch.zeros(1)}
    with pytest.raises(ModelError, match=r"virus\.weight is not part of it"):
        build("4.6", state_dict=state)


def test_a_missing_tensor_is_named():
    state = blank_state("4.6")
    del state["block2.conv0.1.0.bias"]
    with pytest.raises(ModelError, match=r"block2\.conv0\.1\.0\.bias is missing"):
        build("4.6", state_dict=state)
    with pytest.raises(
        ModelError, match=r"nearest is 4\.6, but block2\.conv0\.1\.0\.bias is missing"
    ):
        recognise(state)


def test_another_networks_weights_are_refused_with_the_first_difference():
    with pytest.raises(ModelError, match=r"block0.*instead of \[\d+"):
        build("4.20", state_dict=blank_state("4.13"))


@pytest.mark.parametrize(
    ("rename", "said"),
    [
        (
            lambda key: f"net.{key}",
            r"120 of 120 .* of 4\.6, such as 'net\.block0\.conv0\.0\.0\.weight', perhaps for "
            r"'block0\.conv0\.0\.0\.weight'; rename them",
        ),
        (
            lambda key: key.replace("lastconv", "deconv"),
            r"8 of 120 are .* of 4\.6, such as 'block0\.deconv.*', perhaps for 'block0\.lastconv",
        ),
        (lambda key: key.replace(".weight", "\n") if "block3.conv0.0" in key else key, r"\?"),
    ],
)
def test_tensors_under_other_names_are_no_other_network(rename, said):
    state = {rename(key): value for key, value in blank_state("4.6").items()}
    with pytest.raises(ModelError, match=f"no known network by their names: .*{said}") as caught:
        recognise(state)
    assert "\n" not in str(caught.value)


def test_what_is_no_rife_at_all_is_said_so():
    with pytest.raises(ModelError, match="no RIFE v4 network"):
        recognise({"conv.weight": torch.zeros(3, 3)})
