"""How results are shown: each view makes a report, and `output` prints it."""
