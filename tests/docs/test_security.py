"""The page of attacks lists those that are tested, with the answers that users get."""

import re
from pathlib import Path

import pytest

from tests.support import hostile_files, hostile_servers

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "security.md"
# attack -> what the answer must match
CASES = {
    "Pickles (.pkl, .pth, .pt)": hostile_files.PICKLES,
    "Safetensors": hostile_files.SAFETENSORS,
    "ONNX": hostile_files.ONNX,
    "ncnn": hostile_files.NCNN,
    "Servers": hostile_servers.REFUSALS,
}


# What the page writes, and what it stands for
SHORT, LONG = "cannot be read (", "cannot be read: it is damaged, cut short or no weights file ("


def rows_of(section):
    text = PAGE.read_text(encoding="utf-8").split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^\| (.+?) \| (.+) \|$", text, re.MULTILINE)[1:])


@pytest.mark.parametrize("section", CASES)
def test_every_attack_of_the_tests_is_listed_and_no_other(section):
    assert list(rows_of(section)) == list(CASES[section])


@pytest.mark.parametrize("section", CASES)
def test_the_listed_answers_are_those_that_the_tests_ask_for(section):
    answers = rows_of(section)
    for attack, (_, pattern, *_) in CASES[section].items():
        answer = f"model file x {answers[attack]}".replace(SHORT, LONG)
        assert re.search(pattern, answer), attack
