"""vsrife models: tables for people, JSON for programs, exit codes for scripts."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.servers import serve
from tests.support.states import random_state, save_pickle
from tests.support.store import add_rows, own_store, server
from vsrife import __main__ as as_module
from vsrife import cli
from vsrife.cli import main
from vsrife.network.table import EMBEDDED, ROWS, cost, known_models, parameters
from vsrife.weights import find, folders

__all__ = ["add_rows", "own_store", "server"]  # fixtures

ROW = """
[model.tiny]
arch = "nano"
file = "flownet_tiny.pkl"
sources = ["{address}/tiny.pkl"]
good_at = "Tests."
"""


@pytest.fixture
def tiny(server, add_rows, tmp_path):
    """A model to fetch; gives the bytes of its published file."""
    add_rows(ROW.format(address=server.address))
    body = save_pickle(tmp_path / "published.pkl", random_state("nano")).read_bytes()
    server.pages["/tiny.pkl"] = serve(body)
    return body


@pytest.fixture
def run(capsys):
    """Run `vsrife models ...` and give exit code, stdout and stderr."""

    def models(*arguments):
        code = main(["models", *map(str, arguments)])
        return code, *capsys.readouterr()

    return models


def test_a_file_to_import_that_is_not_there_is_said_to_be_so(run, tmp_path):
    for name in ("no-such", "no-such.pkl"):
        code, out, error = run("import", tmp_path / name)
        assert (code, out) == (cli.FAILED, "")
        assert f"{tmp_path / name} does not exist" in error


def test_list_has_every_model_and_its_state(run, tiny):
    code, out, _ = run("list", "--json")
    assert code == cli.OK
    rows = {row["name"]: row for row in json.loads(out)}
    assert tuple(rows) == (*known_models(), "tiny")
    assert rows["nano"]["state"] == "embedded"
    assert rows["4.25"]["state"] == "absent"
    assert (rows["4.25"]["macs_per_pixel"], rows["4.25"]["ensemble"]) == (22218.15625, False)
    run("fetch", "tiny")
    code, out, _ = run("list")
    assert code == cli.OK
    assert re.search(r"^name +network +Mparam", out)
    size = re.escape(f"{parameters(ROWS['nano']) / 1e6:.2f}")
    assert re.search(
        rf"^tiny +nano +{size} +{cost(ROWS['nano']):,.0f} +\d+ +no +ready$".replace(",", " "),
        out,
        re.MULTILINE,
    )
    assert re.search(r"^4\.26\.heavy +4\.26\.heavy +5\.72 +25 286 .* absent$", out, re.MULTILINE)


def test_info_tells_cost_memory_and_where_from(run):
    code, out, _ = run("info", "4.25.lite")
    assert code == cli.OK
    for part in ("10 695", "MiB in fp16", "half the work", "flownet_v4.25.lite.pkl", "MIT", "no\n"):
        assert part in out
    assert json.loads(run("info", "4.25.lite", "--json")[1])["memory_fp16"] > 100


def test_a_life_of_a_model(run, tiny, server, own_store):
    code, out, err = run("fetch", "tiny")
    assert (code, out) == (cli.OK, f"{own_store / 'flownet_tiny.safetensors'}\n")
    size = f"{len(tiny) / 1e6:.1f}"
    assert f"{size} of {size} MB" in err
    assert run("path", "tiny")[:2] == (cli.OK, out)
    code, out, _ = run("verify", "tiny", "--json")
    assert json.loads(out) == [
        {"name": "tiny", "ok": True, "result": "as first fetched, converted"}
    ]
    assert run("remove", "tiny")[0] == cli.OK
    code, out, err = run("path", "tiny")
    assert (code, out) == (cli.FAILED, "")
    assert "has not been downloaded: flownet_tiny.pkl" in err


def test_verify_without_names_checks_what_is_there_and_fails_if_any_is_bad(run, tiny, own_store):
    run("fetch", "tiny")
    code, out, _ = run("verify")
    assert code == cli.OK
    assert re.search(r"^tiny +ok +as first fetched", out, re.MULTILINE)
    (own_store / "flownet_tiny.safetensors").write_bytes(b"nothing")
    code, out, _ = run("verify")
    assert code == cli.FAILED
    assert re.search(r"^nano +ok", out, re.MULTILINE)
    assert re.search(r"^tiny +BAD +.*damaged", out, re.MULTILINE)


def test_import_says_how_to_use_it(run, tmp_path, own_store):
    file = save_pickle(tmp_path / "flownet.pkl", random_state("nano"))
    code, out, err = run("import", file, "--name", "mine")
    assert (code, out) == (cli.OK, f"{own_store / 'mine.safetensors'}\n")
    assert "rife(clip, model='mine')" in err
    code, out, err = run("import", file, "--name", "mine")
    assert (code, out) == (cli.FAILED, "")
    assert err.count("\n") == 1
    code, out, _ = run("import", file, "--name", "mine", "--replace", "--json")
    assert json.loads(out)["name"] == "mine"


def test_one_failure_of_several_is_said_and_the_others_are_done(run, tiny, server, add_rows):
    add_rows(
        ROW.format(address=server.address)
        + ROW.replace("tiny", "gone").format(address=server.address)
    )
    code, out, err = run("fetch", "gone", "tiny")
    assert code == cli.FAILED
    assert "vsrife: error: gone: flownet_gone.pkl could not be fetched" in err
    assert out.endswith("flownet_tiny.safetensors\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["info", "4.255"], cli.FAILED, "did you mean"),
        (["fetch"], cli.USAGE, "one of the arguments NAME --all is required"),
        (["fetch", "4.25", "--all"], cli.FAILED, "--all and NAME exclude each other; give one"),
        (["fetch", "nano"], cli.FAILED, "needs no fetching"),
        (["remove", "nano"], cli.FAILED, "is part of the package"),
        (["remove", "4.25"], cli.FAILED, "has no file in"),
        (["path", "x" * 5000 + ".pkl"], cli.FAILED, "check its name and permissions"),
        (["import", "no.pkl"], cli.FAILED, "does not exist"),
        (["unknown"], cli.USAGE, "unknown"),
        ([], cli.USAGE, "ACTION"),
    ],
)
def test_errors_are_one_line_on_stderr(run, arguments, code, message):
    status, out, err = run(*arguments)
    assert (status, out) == (code, "")
    assert message in err.splitlines()[-1]


@pytest.mark.parametrize("action", ["info", "verify"])
@pytest.mark.parametrize("end", [".safetensors", ".onnx"])
def test_a_file_where_a_name_is_asked_for_is_said_to_be_one(run, tmp_path, action, end):
    (tmp_path / f"a{end}").touch()
    status, _, err = run(action, str(tmp_path / f"a{end}"))
    assert status == cli.FAILED
    assert f"a{end} is a file, which is used as it is; `vsrife models import`" in err


def test_path_names_the_folders(run, own_store):
    assert run("path") == (cli.OK, f"{own_store}\n", "")
    assert run("path", "--config") == (cli.OK, f"{folders.user_catalogue()}\n", "")


def test_python_m_vsrife_alone_fetches_every_official_model(monkeypatch, capsys):
    """As vs-rife does, for scripts that rely on it."""
    fetched = []
    monkeypatch.setattr(as_module.sys, "argv", ["vsrife"])
    monkeypatch.setattr(
        cli.importlib.import_module("vsrife.cli.models").library,
        "fetch_model",
        lambda row, **_: fetched.append(row.name),
    )
    assert as_module._main() == cli.OK
    assert fetched == [name for name in known_models() if name not in EMBEDDED]
    assert "about 900 MB" in capsys.readouterr().err


def test_download_model_takes_vs_rifes_addresses(tiny, own_store):
    as_module.download_model("https://somewhere.example.org/flownet_tiny.pkl")
    assert find.find_weights("tiny") == own_store / "flownet_tiny.safetensors"
