"""What each kind of action does."""
