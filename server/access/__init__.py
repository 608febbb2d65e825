"""Who may call: users, devices and keys, what each may do and where, and the log of what was refused."""
