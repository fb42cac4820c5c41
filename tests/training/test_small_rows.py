"""Rows for small machines are trained as pyramids are."""

import pytest
import torch

from vsrife.network.state_dict import recognise
from vsrife.network.table import UNTRAINED
from vsrife.training.first_weights import make
from vsrife.training.loop import find, train
from vsrife.training.loss import total_loss
from vsrife.training.run_options import Options
from vsrife.weights import read_arrays


@pytest.mark.parametrize("name", UNTRAINED)
def test_first_weights_move_nothing_and_every_tensor_learns(name, scenes):
    batch = scenes.draw(torch.Generator().manual_seed(0), 2, 64)
    model = make(name).train()
    found = find(model, batch)
    assert found.flow.abs().mean() < 2
    total_loss(found, batch, 0).backward()
    still = [key for key, value in model.named_parameters() if not value.grad.any()]
    assert [key.partition(".")[2] for key in still] == ["time.weight"]  # all are at timestep 0.5


@pytest.mark.parametrize("name", ["mobile1", "mobile3"])
def test_steps_lower_the_error_on_one_batch(name, scenes):
    torch.manual_seed(0)
    batch = scenes.draw(torch.Generator().manual_seed(0), 2, 64)
    model = make(name).train()
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    losses = []
    for _ in range(25):
        loss = total_loss(find(model, batch), batch, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert min(losses[-5:]) < 0.8 * losses[0]


def test_a_run_gives_weights_of_its_row(tmp_path, scenes):
    path = train(
        Options(model="mobile1", folder=tmp_path / "run", steps=2, size=64, count=2), scenes
    )
    assert recognise(read_arrays(path)) == "mobile1"
