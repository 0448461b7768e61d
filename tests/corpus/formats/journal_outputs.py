"""How journalctl is asked for a log: the name of each format here, and journalctl's options.

Mirrors   journalctl(1).
"""

# What the reader needs, beside the fields that journalctl always prints.
_FIELDS = "_SOURCE_REALTIME_TIMESTAMP,_HOSTNAME,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,MESSAGE"

FEW_FIELDS = {"journal-json": f"--output=json --output-fields={_FIELDS}"}
ALL_FIELDS = {"journal-json": "--output=json"}
AS_TEXT = {
    "journal-short": "--output=short --all",
    "journal-short-iso": "--output=short-iso --all",
    "journal-short-iso-precise": "--output=short-iso-precise --all",
    "journal-short-precise": "--output=short-precise --all",
    "journal-short-full": "--output=short-full --all",
}
