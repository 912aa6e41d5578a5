"""What the machine itself says about the circumstances of a measurement: heat, clocks, throttling."""
