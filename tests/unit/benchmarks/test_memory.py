from __future__ import annotations

import os

from benchmarks import memory

ROLLUP = """\
55d5a6e00000-7ffe3a5f2000 ---p 00000000 00:00 0                          [rollup]
Rss:               40960 kB
Pss:               20480 kB
Pss_Dirty:         10240 kB
Private_Clean:      2048 kB
Private_Dirty:      8192 kB
"""


def test_kibibytes_become_mebibytes() -> None:
    assert memory.parse(ROLLUP) == memory.Weight(rss=40, pss=20, private=10)


def test_a_living_process_has_weight() -> None:
    weight = memory.weigh(os.getpid())
    assert 0 < weight.private <= weight.pss <= weight.rss
