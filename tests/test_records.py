"""What is written down comes back as it was."""

from dataclasses import replace

from premotor.records import Interval, RelationRecord, read_list, write_json


def test_a_relation_comes_back_with_its_intervals(tmp_path):
    auc = Interval(value=0.6, low=0.5, high=0.7, count=40)
    within = RelationRecord(
        score="cosine of z_u and z_e",
        watched="expert",
        instruction="given",
        within="task",
        auc=auc,
        p_value=0.03,
        permutations=1000,
        num_pairs=96,
        by_stratum={"turn_tap": auc, "value": Interval(value=1.0, low=0.2, high=1.0, count=2)},
    )
    pooled = replace(within, watched="own", instruction="blanked", within="all", by_stratum={})
    write_json(tmp_path / "relations.json", [within, pooled])
    assert read_list(tmp_path / "relations.json", RelationRecord) == [within, pooled]
