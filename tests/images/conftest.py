import pytest

from tests.images.mixing import mixing


@pytest.fixture
def network():
    """Every network mixes: what a new frame must be is known exactly."""
    with mixing() as session:
        yield session
