"""What the template renders, proven as its user would: its own gates, and its real processes."""

import pytest

pytest.register_assert_rewrite("tests.rendered.gates", "tests.rendered.processes")
