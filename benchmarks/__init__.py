"""The hot paths beside what they are measured against, all in one run."""
