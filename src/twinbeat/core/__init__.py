"""What to do: told facts (events), gives orders (effects). Pure: no IO, no clock, no randomness."""
