import json
import subprocess
import sys

from premotor.cli.tasks import command


def test_the_listing_has_every_variation_with_its_words(capsys):
    assert command(["--json"]) == 0
    tasks = {t["name"]: t["variations"] for t in json.loads(capsys.readouterr().out)["tasks"]}
    assert {name: len(v) for name, v in tasks.items()} == {
        "push_buttons": 50,
        "open_drawer": 3,
        "slide_block_to_color_target": 4,
    }
    for variations in tasks.values():
        assert [v["index"] for v in variations] == list(range(len(variations)))
        assert all(len(v["instructions"]) >= 4 for v in variations)


def test_the_table_names_each_task_once(capsys):
    assert command([]) == 0
    assert capsys.readouterr().out.count("open_drawer") == 1


def test_listing_tasks_needs_no_torch():
    code = (
        "import sys\nfrom premotor.cli.tasks import command\ncommand(['--json'])\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
