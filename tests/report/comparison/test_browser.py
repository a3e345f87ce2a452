"""The page in a browser: its map, its films, on light and dark, wide and narrow."""

import json

import pytest

import comparisons
from browser import browser
from premotor.report.comparison.page import write_page

pytestmark = pytest.mark.browser

TASKS = comparisons.TASKS[:4]
_PLACES = """[...document.querySelectorAll('#map-0 path')].map(p => p.style.transform).join()"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    found = comparisons.comparison(tasks=TASKS)
    comparisons.records(folder, found, episodes=6)
    return write_page(found, folder, folder / "compare.html")


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(window, path):
    window.complaints.clear()
    window.requests.clear()
    window.look(1180)
    window.open(path)
    yield window
    assert window.complaints == []
    outside = [r for r in window.requests if not r.startswith(("file:", "data:", "blob:"))]
    assert outside == []


def still(page) -> None:
    page.run("document.querySelectorAll('.cloud.map').forEach((m) => m.classList.add('still'))")


def episode(page, filmed: bool) -> int:
    """The first episode that was, or was not, filmed."""
    test = "e.scene !== ''" if filmed else "e.scene === ''"
    source = "JSON.parse(document.getElementById('map-data').textContent).episodes"
    return page.run(f"{source}.findIndex((e) => {test})")


def click_on(page, number: int) -> None:
    """Where the episode's point is in the second map."""
    still(page)
    page.run(
        "document.getElementById('map-1').scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    box = json.loads(
        page.run(
            "(() => { const b = document.querySelectorAll('#map-1 path')"
            f"[{number}].getBoundingClientRect();"
            " return JSON.stringify([b.x + b.width / 2, b.y + b.height / 2]); })()"
        )
    )
    page.click(*box)


def test_the_slider_moves_the_points_by_key_and_tells_the_step(page):
    still(page)
    last = page.run(_PLACES)
    page.run("document.getElementById('map-step').focus()")
    page.press("ArrowLeft")
    page.until("document.getElementById('map-step-label').textContent === 'step 850'")
    assert page.run(_PLACES) != last
    page.press("End")
    page.until("document.getElementById('map-step-label').textContent === 'step 13,600'")
    assert page.run(_PLACES) == last


def test_a_click_on_a_filmed_point_shows_its_clip_and_both_roll_outs(page):
    click_on(page, episode(page, filmed=True))
    page.until("!document.getElementById('map-detail').hidden")
    titles = "[...document.querySelectorAll('#map-detail figcaption b')].map(b => b.textContent)"
    assert page.run(titles) == ["watched: the expert", "done: apart", "done: aligned"]
    page.until("[...document.querySelectorAll('#map-detail video')].every((v) => v.readyState > 1)")
    assert page.run("document.querySelector('#map-detail video').videoWidth") == 96


def test_a_point_without_film_says_what_is_kept_and_leads_to_those_that_have_one(page):
    click_on(page, episode(page, filmed=False))
    page.until("!document.getElementById('map-detail').hidden")
    assert page.run("document.querySelectorAll('#map-detail video').length") == 0
    assert "no film" in page.run("document.getElementById('map-detail').textContent")
    page.run("document.querySelector('#map-detail button').click()")
    assert page.run("document.querySelectorAll('#map-detail video').length") == 3


def test_arrow_keys_go_from_episode_to_episode_of_the_task_that_is_shown(page):
    page.run("document.getElementById('map-task').value = '1'")
    page.run("document.getElementById('map-task').dispatchEvent(new Event('change'))")
    assert page.run("document.querySelectorAll('#map-0 path.away').length") == 3 * 6
    page.run("document.getElementById('map-0').focus()")
    seen = []
    for _ in range(7):
        page.press("ArrowRight")
        seen.append(page.run("document.querySelector('#map-detail p').textContent"))
    assert len(set(seen[:6])) == 6
    assert seen[6] == seen[0]


def test_z_shows_both_sides_of_every_episode(page):
    shown = "document.querySelectorAll('#map-0 path').length"
    assert page.run(shown) == 24
    page.run("document.querySelectorAll('input[name=space]')[3].click()")
    assert page.run(shown) == 48
    assert page.run("document.querySelectorAll('#map-0 path.square').length") == 24


def test_roll_outs_stop_side_by_side_where_they_part(page):
    scene = "document.querySelector('.scene:has(.part)')"
    page.run(f"{scene}.querySelector('.part').click()")
    page.until(f"{scene}.querySelectorAll('.marks i').length === 6")
    page.until(f"[...{scene}.querySelectorAll('video')].every((v) => v.currentTime > 0)")
    times = page.run(f"[...{scene}.querySelectorAll('video')].map((v) => v.currentTime)")
    assert times == pytest.approx([0.9, 0.9], abs=0.05)
    assert page.run(f"{scene}.querySelectorAll('.marks i.here').length") == 2
    assert "key pose 2: 5.0 cm apart" in page.run(f"{scene}.textContent")


def test_both_roll_outs_play_on_one_clock(page):
    scene = "document.querySelector('.scene:not(.off)')"
    page.run(f"{scene}.querySelector('.both').click()")
    page.until(f"Number({scene}.querySelector('.track input').value) > 100")
    page.run(f"{scene}.querySelector('.both').click()")
    assert page.run(f"[...{scene}.querySelectorAll('video')].every((v) => v.paused)")


def test_it_is_dark_where_the_reader_prefers_the_dark(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.run(ground) == "rgb(251, 250, 247)"
    page.look(1180, dark=True)
    assert page.run(ground) == "rgb(23, 24, 27)"


@pytest.mark.parametrize("width", [360, 768, 1180])
def test_nothing_sticks_out_on_a_narrow_screen(page, width):
    page.look(width)
    assert page.run("document.documentElement.scrollWidth") <= width
