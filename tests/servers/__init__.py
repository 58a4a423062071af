"""The servers that tests run against, and what stands between."""
