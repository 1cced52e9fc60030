"""What maintainers run: the golden record, publishing."""
