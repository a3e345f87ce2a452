"""The paper's questions, each one file."""
