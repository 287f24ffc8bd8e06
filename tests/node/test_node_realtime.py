"""Being on time: in a process of its own, as root and as nobody."""

import os
import subprocess
import sys
import textwrap

import pytest


def in_a_process(code: str, user: int | None = None) -> str:
    program = textwrap.dedent("""
        import gc, os, sys
        from twinbeat.node import realtime
        from twinbeat.node.scribe import Scribe
        said = []
        scribe = Scribe(print)
    """) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=30,
        user=user,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.root
def test_every_thread_is_in_the_real_time_class_and_no_child_inherits_it() -> None:
    said = in_a_process("""
        realtime.settle(lambda *line: said.append(line), realtime=True, priority=1)
        policies = {os.sched_getscheduler(int(t)) & ~os.SCHED_RESET_ON_FORK
                    for t in os.listdir("/proc/self/task")}
        pid = os.fork()
        if pid == 0:
            os._exit(os.sched_getscheduler(0))
        child = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        locked = [l for l in open("/proc/self/status") if l.startswith("VmLck")][0].split()[1]
        print(len(os.listdir("/proc/self/task")), policies == {os.SCHED_RR},
              child == os.SCHED_OTHER, int(locked) > 1000, gc.get_freeze_count() > 1000, said)
    """)
    assert said == "2 True True True True []\n"


@pytest.mark.root
def test_what_is_forbidden_is_a_warning() -> None:
    said = in_a_process(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 4096))
        resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
        os.setuid(65534)
        realtime.settle(lambda *line: said.append(line), realtime=True, priority=1)
        print([level for level, text in said], "memory" in said[0][1], "scheduler" in said[1][1])
        """
    )
    assert said == "['WARN', 'WARN'] True True\n"


def test_without_realtime_the_class_and_the_memory_are_left_alone() -> None:
    said = in_a_process("""
        realtime.settle(lambda *line: said.append(line), realtime=False, priority=1)
        locked = [l for l in open("/proc/self/status") if l.startswith("VmLck")][0].split()[1]
        print(os.sched_getscheduler(0) == os.SCHED_OTHER, int(locked), said)
    """)
    assert said == "True 0 []\n"
