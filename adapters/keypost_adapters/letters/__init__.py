"""Letters' words: templates as files."""
