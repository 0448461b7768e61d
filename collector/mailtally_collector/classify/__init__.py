"""What a failed delivery means: reply in, verdict out; rules are data, nothing here is stored."""
