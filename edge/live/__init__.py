"""The live loop: a camera watched for months."""
