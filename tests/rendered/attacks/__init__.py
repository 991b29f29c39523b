"""Small inputs of strangers that are made to be expensive, and what others wait meanwhile."""
