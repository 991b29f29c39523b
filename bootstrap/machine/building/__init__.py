"""Building a Python with pyenv: looked at beforehand, watched, diagnosed, verified."""
