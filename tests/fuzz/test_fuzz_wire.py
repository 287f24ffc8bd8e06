"""A bounded run of the fuzzer, seeded with real packets: no input may crash the reader."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CAPTURE = HERE.parent / "wire" / "testdata" / "captures" / "cap_cold.pcap"
RUN_S = 20

SEEDS = {
    "raw": b"rGET / HTTP/1.1",
    "netstring": b"n11:(0)t=status,8:(0)st=up,13:(1)u=\0\1\2\3\4\5\6\7,14:(3)l=1:a,2:bc,,",
    "struct": b"n28:(2)s=###\n11:(0)t=status,%%%\n,",
    "classic": b"ct=status\nst=up\n(1)u=AAECAw==\n(2)s=>>>\x14a=b\x14<<<\x14\n(3)l=1:a,\n",
    "heartbeat": b"htb=1 9f3c5a0012345678 950000\n"
    b"tb_ack=node2,6b03c50a.beef,1a0,y,12\ntb_grp=web,held,7,0,wf,3@node1 db,stopped,1,1,-,0@\n"
    b"tb_sby=node1,1,off node2,4,on\ntb_mnt=*,2,on\ntb_bad=web,node2\ntb_bye=1\ntb_cfg=a1b2",
}
WORDS = [
    r"###\x0a", r"%%%\x0a", ">>>\\x0a", "<<<\\x0a", "(0)", "(1)", "(2)", "(3)", "(4)", "auth=1 ",
    "t=status", "st=active", "dt=", "src=", "seq=", "hg=", "tb=1 ", "tb_ack=", "tb_grp=", "tb_sby=",
    "tb_mnt=", "tb_bad=", "tb_bye=1", "tb_cfg=", ",held,", ",y,", ",on", "%20", "%2c", "%25",
]  # fmt: skip


def require_atheris() -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("atheris has no release for Python 3.14 and later: nothing was fuzzed")
    try:
        import atheris  # noqa: F401
    except ImportError as error:
        pytest.fail(f"nothing was fuzzed, atheris cannot be imported ({error}): run ./dev setup")


def test_fuzzing_finds_no_input_that_crashes_the_reader(tmp_path: Path) -> None:
    require_atheris()
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, seed in SEEDS.items():
        (corpus / name).write_bytes(seed)
    begins = [match.start() for match in re.finditer(rb"###\n", CAPTURE.read_bytes())][:40:4]
    for number, at in enumerate(begins):
        packet = CAPTURE.read_bytes()[at:].split(b"%%%\n")[0]
        (corpus / f"real-{number}").write_bytes(b"n" + packet.removeprefix(b"###\n"))
    words = tmp_path / "wire.dict"
    words.write_text("".join(f'"{word}"\n' for word in WORDS))

    run = subprocess.run(
        [
            sys.executable, str(HERE / "fuzz_wire.py"), f"-max_total_time={RUN_S}", "-timeout=5",
            "-rss_limit_mb=1024", "-max_len=4096", f"-dict={words}",
            f"-artifact_prefix={tmp_path}/", str(corpus),
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=RUN_S + 60, check=False,
    )  # fmt: skip
    output = run.stdout[-3000:] + run.stderr[-3000:]
    assert run.returncode == 0, output
    done = re.search(r"Done (\d+) runs", run.stderr)
    assert done is not None, output
    assert int(done[1]) > 1000, "the fuzzer hardly ran"
