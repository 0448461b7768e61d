"""The contract between mailtally agents, collectors and other programs."""
