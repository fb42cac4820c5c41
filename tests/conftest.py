import functools
import gc
import importlib
import os
from collections import deque
from contextlib import suppress
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

from tests.support import needs
from vsrife.inference import select
from vsrife.inference.backends import quiet
from vsrife.weights import CACHE_VARIABLE, FOLDER_VARIABLE

# Before a conftest beside the tests imports what reads it
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests import runtimes by themselves, too; what these would send is sent nowhere
for runtime in ("onnxruntime", "openvino"):
    if find_spec(runtime):
        quiet.load(runtime)

# What else than the two below says how programs print; a test that is about one sets it itself.
PRINTING = ("CLICOLOR_FORCE", "FORCE_COLOR", "PYTHON_COLORS")

# The same examples on every run, whatever else the machine does meanwhile. `.ci/slow` asks for
# "random", which looks for new ones, and for more of them.
# how long examples take to draw is the machine's matter, and it may be busy
_SLOW = [HealthCheck.too_slow]
settings.register_profile(
    "same", max_examples=60, derandomize=True, deadline=None, suppress_health_check=_SLOW
)
settings.register_profile(
    "random", max_examples=200, deadline=None, print_blob=True, suppress_health_check=_SLOW
)
settings.load_profile("same")


def pytest_ignore_collect(collection_path):
    """In the light install: leave out modules that cannot be imported there."""
    conftest = collection_path / "conftest.py"
    module = conftest if conftest.is_file() and not conftest.samefile(__file__) else collection_path
    left_out = needs.LIGHT and module.suffix == ".py" and needs.missing(module)
    return True if left_out else None


# Files whose tests take seconds each
LONG = ("test_examples.py", "test_kill.py", "test_memory.py", "test_privacy.py", "test_quality.py")


def pytest_collection_modifyitems(items):
    """Long tests first: at the end, one worker would wait for another."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session):
    """In a fresh clone, compiling the test modules takes 5 s: workers begin at different ones, and
    find the others compiled."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if not worker or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    root = session.config.rootpath
    modules = [path.relative_to(root) for path in sorted(root.glob("tests/**/test_*.py"))]
    first = len(modules) * int(worker[2:]) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for module in modules[first:] + modules[:first]:
        with suppress(Exception, pytest.skip.Exception):  # collecting tells, or leaves it out
            importlib.import_module(".".join(module.with_suffix("").parts))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    with needs.skipping():
        if item.get_closest_marker("cuda"):
            import torch

            if not torch.cuda.is_available():
                if os.environ.get("VSRIFE_REQUIRE_CUDA") == "1":
                    pytest.fail("VSRIFE_REQUIRE_CUDA=1, but there is no CUDA device")
                pytest.skip("no CUDA device")
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    with needs.skipping():
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def _a_user_of_their_own(tmp_path_factory):
    """Also in the processes that tests start: nothing of this user's is read or left behind."""
    home = tmp_path_factory.mktemp("home")
    for name in PRINTING:
        os.environ.pop(name, None)
    os.environ |= {
        CACHE_VARIABLE: "none",
        FOLDER_VARIABLE: str(home / "models"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk():
    """No test cuts the power: that a file is flushed before it is moved, test_library sees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def _quick_collections():
    """VapourSynth collects garbage at the end of every clip.frames(): 0.1 s each with PyTorch's
    modules to look through. What lives on between modules is looked through once."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _the_reference():
    """Where no backend is named: PyTorch. tests/inference proves the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "ON_CPU", ("pytorch", "onnx", "openvino"))
        yield


class Kept(deque):
    """The last few networks that were opened."""

    on = True


@pytest.fixture(scope="module")
def networks_stay():
    """What tests of a module open alike is opened once: that takes longer than most of them.

    A test that is about letting networks go takes `networks_go`, too."""
    kept = Kept(maxlen=16)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("backends.pytorch", "backends.runtime", "graphs.onnx_file"):
            with needs.suppressed():
                networks = importlib.import_module(f"vsrife.inference.{name}")._networks

                def get(key, make, get=networks.get):
                    value = get(key, make)
                    if kept.on and all(value is not each for each in kept):
                        kept.append(value)
                    return value

                patch.setattr(networks, "get", get)
        yield kept


@pytest.fixture
def networks_go(networks_stay, monkeypatch):
    monkeypatch.setattr(networks_stay, "on", False)


@pytest.fixture(scope="session", autouse=True)
def _one_thread_for_a_session():
    """Where no number is asked for: pictures are small, and waiting threads take a core each from
    the other worker. Programs that tests start have as many as users have."""
    with pytest.MonkeyPatch.context() as patch:
        with needs.suppressed():
            from vsrife.inference.ort import sessions

            options = sessions.session_options

            def of_one(ort, chosen, threads=None):
                return options(ort, chosen, threads or 1)

            patch.setattr(sessions, "session_options", of_one)
        with needs.suppressed():
            from vsrife.inference.backends import openvino

            openvino._core().set_property("CPU", {"INFERENCE_NUM_THREADS": 1})
        yield


@pytest.fixture
def said():
    """What VapourSynth's log is told, text by text."""
    import vapoursynth as vs

    texts = []
    handle = vs.core.add_log_handler(lambda kind, text: texts.append(text))
    yield texts
    vs.core.remove_log_handler(handle)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Path of random weights for a row, made once."""
    from tests.support import clips  # loads PyTorch

    folder = tmp_path_factory.mktemp("weights")
    return functools.cache(lambda arch="nano": clips.random_weights(folder, arch))
