"""What a cross-validation found, as pictures, tables and one page."""
