import pytest

from vsrife.network.sizes import padded_size, round_up, steps


@pytest.mark.parametrize("multiple", [1, 2, 7, 32])
def test_sizes_are_rounded_up_to_whole_steps(multiple):
    for length in range(100):
        whole = min(n for n in range(length, length + multiple) if n % multiple == 0)
        assert round_up(length, multiple) == whole
        assert steps(length, multiple) == len(range(0, length, multiple))
    assert padded_size((33, 64), multiple) == (round_up(33, multiple), round_up(64, multiple))
