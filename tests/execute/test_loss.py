import math

import torch

from premotor.execute.loss import heatmap_loss
from premotor.execute.virtual_views import label_heatmaps


def test_a_flat_heatmap_costs_the_log_of_its_pixels():
    labels = label_heatmaps(torch.zeros(2, 3), 20, 1.5)
    loss = heatmap_loss(torch.zeros(2, 3, 20, 20), labels)
    assert abs(loss.item() - math.log(400)) < 1e-4


def test_the_floor_of_the_heatmap_loss_is_the_labels_entropy():
    labels = label_heatmaps(torch.full((1, 3), 0.1), 48, 1.5)
    loss = heatmap_loss(labels.clamp(min=1e-12).log(), labels)
    assert abs(loss.item() - math.log(2 * math.pi * math.e * 1.5**2)) < 0.1


def test_a_target_outside_the_picture_costs_nothing():
    labels = label_heatmaps(torch.full((1, 3), 4.0), 20, 1.5)
    assert heatmap_loss(torch.randn(1, 3, 20, 20), labels).item() == 0.0
