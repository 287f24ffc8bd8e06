"""Heartbeat's command line tools under their old names, answered by twinbeat's daemon.

Arguments, outputs and exit codes are those of Heartbeat 3.0.6 as Debian packages it, recorded from
the real tools (tests/cli/testdata); docs/heartbeat-tools.md says where these differ, and why.
"""
