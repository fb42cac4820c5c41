"""How errors say what is missing."""

import pytest

from vsrife.errors import BackendError, needing


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'gone.inner'", name="gone.inner"), "gone.inner"),
        (ImportError("libgone.so: cannot open\nshared object file"), "libgone.so: cannot open sha"),
    ],
    ids=["missing", "broken"],
)
def test_what_is_needed_and_the_extra_that_brings_it_are_named(error, said):
    with pytest.raises(BackendError) as raised, needing("the thing", "extra"):
        raise error
    assert str(raised.value).startswith(f"the thing needs what is not installed: {said}")
    assert str(raised.value).endswith('; pip install ".[extra]"')


@pytest.mark.parametrize(
    "line", ["import vsrife.gone", "from vsrife.errors import gone", "import vsrife.gone.inner"]
)
def test_what_is_missing_in_our_own_package_is_a_bug_that_no_other_mends(line):
    with pytest.raises(ImportError, match="vsrife"), needing("the thing", "extra"):
        exec(line)


def test_a_package_whose_name_begins_like_ours_is_not_ours():
    with pytest.raises(BackendError, match="vsrife_extras"), needing("the thing", "extra"):
        raise ModuleNotFoundError("No module named 'vsrife_extras'", name="vsrife_extras")
