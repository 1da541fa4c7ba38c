"""What the product takes in time and memory, each figure beside a reference of the same run."""
