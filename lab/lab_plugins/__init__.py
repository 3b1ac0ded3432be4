"""What the lab loads into the services of OpenStack, and what it tells them while they run."""
