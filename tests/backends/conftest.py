import pytest
import vapoursynth as vs


@pytest.fixture
def said():
    """What VapourSynth's log is told, text by text."""
    texts = []
    handle = vs.core.add_log_handler(lambda kind, text: texts.append(text))
    yield texts
    vs.core.remove_log_handler(handle)
