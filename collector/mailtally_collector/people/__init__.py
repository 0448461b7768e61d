"""Who looks: passwords, sessions, tokens, and what each person may do."""
