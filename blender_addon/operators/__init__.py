"""One module a subject, one operator a user verb. The logic lives in plain functions that tests can call."""
