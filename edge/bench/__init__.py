"""What a frame costs, beside the limit of memory and beside what others write: ``bench``."""
