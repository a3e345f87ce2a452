"""premotor.backbones."""
