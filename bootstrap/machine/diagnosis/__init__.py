"""Why a Python could not be built: named from its log with a repair, or not at all."""
