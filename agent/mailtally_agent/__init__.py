"""The mailtally agent: reads mail logs on a mail host and reports deliveries to a collector."""

__version__ = "0.1.0"
