"""What the JSON of commands and files looks like: one type a document, which docs/schemas are made from."""
