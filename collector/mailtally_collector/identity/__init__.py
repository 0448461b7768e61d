"""Who is who: the authority that signs, the certificates that come, and who may do what."""
