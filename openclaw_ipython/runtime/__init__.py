"""What a program takes from its surroundings: the event loop, interrupts, the environment."""
