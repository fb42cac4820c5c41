"""The table against independent facts: counts measured on the peer, checksums of the formula."""

from contextlib import nullcontext

import pytest

from tests.golden import formula
from vsrife.errors import ArgumentError
from vsrife.network import table
from vsrife.network.table import IFNETS, VERSIONS
from vsrife.weights import embedded_folder

# Measured on the peer's modules: parameters, multiply-adds per pixel of a pair, modulo.
MEASURED = {
    "4.0": (5_160_980, 40064.625, 32),
    "4.2": (5_156_420, 40064.625, 32),
    "4.5": (5_275_520, 41549.625, 32),
    "4.6": (5_306_256, 41945.625, 32),
    "4.7": (5_325_012, 43564.625, 32),
    "4.10": (5_364_312, 55423.625, 32),
    "4.12.lite": (2_631_804, 33898.75, 32),
    "4.13": (5_364_312, 55423.625, 32),
    "4.14.lite": (2_968_152, 37423.625, 32),
    "4.15.lite": (2_616_476, 26258.75, 32),
    "4.20": (15_376_512, 60721.25, 32),
    "4.21": (9_322_416, 57721.5, 32),
    "4.22.lite": (4_866_052, 25356.625, 32),
    "4.25": (5_664_776, 22218.15625, 64),
    "4.25.lite": (5_622_700, 10694.5390625, 128),
    "4.25.heavy": (21_663_528, 70321.3125, 64),
    "4.26.heavy": (5_723_156, 25286.40625, 64),
}

# SHA-256 of the formula's weights: shapes, keys and numbers all at once.
CHECKSUMS = {
    "4.0": "c217855e7a5932ddeba05e43035b9a5f66a009fd01c978c9ac7dc954c0cc50c5",
    "4.2": "6f7dd8354e7b477c88fa6082a8b357cca1353bd98fa3eb3eb780c988e5e497b0",
    "4.5": "f326dca744c7b66feda3cb9538cb9c1a2afb45f42aa38e2f57aa621767fc94f4",
    "4.6": "dd6e7c996b527e804fe36e35102a83266400acd59910320cb8d910b59fd6c71c",
    "4.7": "a01c1055e1188a08aea4098df80693675a980f17d37bd578e4ab2d75e4af9b26",
    "4.10": "356f893853f94d2fa8c67b7e6c7f4ec524c4065ff0beefd4017ed6de37e29a1f",
    "4.12.lite": "f0974fef9e9fe98774c07141ddbc831991c2692c1a6c3e98a490ccb1930b16bd",
    "4.13": "8e89209a6eb159b1f7a9e5a14bf4233adca27a84d3f941ce08b7b8bc920f176b",
    "4.14.lite": "434cdd7c0a14ea47cdafa4bc249aa8a7ccceab0157698ded45f483aae8045973",
    "4.15.lite": "b2e206a52405eb102fd05fd920905cf65636d601ece1c5774f06fdf3dee0aced",
    "4.20": "86fe20ff7e8dabe1ba7b4a2293723b8e639c7f2332cc02440c7e9a3960bbfe3e",
    "4.21": "5d717be55e89926beed3b131567741bac35e7a04350ac6bd044750f15f39347e",
    "4.22.lite": "41295e98e70edadead82d978557e8d0fa07d819f7a6daa78be4021bf9febb735",
    "4.25": "054b3fee74db7e8d8669d69ac910720691172a5886c7195afd50cae91306bb77",
    "4.25.lite": "2ef1f442d2d2db1fd1ac24cc17388413e48a45ff650ccb392e10814059e5fe89",
    "4.25.heavy": "075def474179762b8a74721550b181afa9b887b74828974e89978ddf591efdf4",
    "4.26.heavy": "ef51bca689b3a2f5116e5b27579e5d0512b13e7f4640269ad021b859d848abba",
}


def test_every_official_row_is_measured():
    assert set(MEASURED) == set(CHECKSUMS) == set(VERSIONS.values())
    assert len(VERSIONS) == 36
    assert set(table.ARCHS) == set(MEASURED) | set(table.EMBEDDED)


@pytest.mark.parametrize("name", MEASURED)
def test_size_cost_and_modulo_are_the_peers(name):
    arch = IFNETS[name]
    assert (table.parameters(arch), table.cost(arch), arch.modulo) == MEASURED[name]


@pytest.mark.parametrize("name", CHECKSUMS)
def test_keys_and_shapes_are_the_official_checkpoints(name):
    assert formula.checksum(formula.make_state(name)) == CHECKSUMS[name]


def test_pictures_of_the_goldens_are_reproduced():
    images = dict(zip("01", formula.make_images(64, 96), strict=True))
    assert formula.checksum(images).startswith("56fe8433144a24fc04c0707fcb7ff6399fdab0d46cca3b65")


@pytest.mark.parametrize("version", VERSIONS)
def test_ensemble_is_refused_exactly_where_features_are_passed_on(version):
    refused = version.startswith(("4.21", "4.22", "4.23", "4.25", "4.26"))
    words = rf"ensemble is not supported in v{version}"
    with pytest.raises(ArgumentError, match=words) if refused else nullcontext():
        assert table.check_options(version, 1, True) is None


@pytest.mark.parametrize(
    ("scale", "unit"), [(0.25, 256), (0.5, 128), (1.0, 64), (2.0, 64), (4.0, 64)]
)
def test_pad_unit_grows_with_coarser_scales_and_never_shrinks(scale, unit):
    assert IFNETS["4.25"].pad_unit(scale) == unit


@pytest.mark.parametrize("scale", [0, 3, -1, "1", None, float("nan")])
def test_other_scales_are_refused_with_the_allowed_ones(scale):
    with pytest.raises(ArgumentError, match=r"scale must be 0\.25, 0\.5, 1\.0, 2\.0, or 4\.0"):
        table.check_options("4.6", scale, False)


@pytest.mark.parametrize(
    ("typed", "near"), [("4.255", "4.25"), ("rife-v4.26", "4.26"), ("4.25-lite", "4.25.lite")]
)
def test_unknown_names_are_answered_with_near_ones(typed, near):
    with pytest.raises(ArgumentError, match=rf"did you mean .*{near}"):
        table.arch_of(typed)


@pytest.mark.parametrize(
    ("name", "numbers", "cost", "most"),
    [("nano", 2_250_000, 15_000, 4_500_000), ("small", 4_600_000, 25_000, 9_300_000)],
)
def test_the_embedded_models_are_small(name, numbers, cost, most):
    row = table.PYRAMIDS[name]
    assert table.parameters(row) < numbers
    assert table.cost(row) <= cost
    size = (embedded_folder / f"{name}.safetensors").stat().st_size
    assert 2 * table.parameters(row) < size < most  # in fp16
