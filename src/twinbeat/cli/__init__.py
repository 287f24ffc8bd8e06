"""What a person types. Each command imports the room it needs when it runs, not before."""
