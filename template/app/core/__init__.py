"""What every module stands on. Nothing here knows the domain, and nothing here imports a module."""
