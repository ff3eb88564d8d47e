"""What an agent tells about itself to monitoring."""
