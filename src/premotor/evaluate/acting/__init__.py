"""A policy acts on unseen episodes: roll-outs, why they failed, films; held-out keyframes."""
