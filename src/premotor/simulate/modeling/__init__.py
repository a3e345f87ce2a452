"""What props are made with: a drawing board, generated surfaces, textures, printed labels."""
