"""What the installation is called, and who is behind it."""
