"""The daemon: the only place where everything meets. One event in, all effects out, sleep."""
