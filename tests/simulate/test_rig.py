import os
import threading
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np
import pytest

from premotor.episode.observation import (
    CAMERAS,
    TABLE_HIGH,
    TABLE_LOW,
    TABLE_WINDOW,
    VIDEO_CAMERA,
)
from premotor.errors import RenderingError, UnknownName
from premotor.geometry.cameras import project, window_of_box
from premotor.geometry.pointclouds import back_project
from premotor.simulate import arm, rig
from premotor.simulate.scene import WORKSPACE_CENTER, WORKSPACE_HALF

pytestmark = pytest.mark.sim


@pytest.fixture
def eye():
    made = []

    def make(world, **options):
        made.append(rig.Rig(world.model, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_table_is_flat_to_a_tenth_of_a_millimeter(bench, eye):
    world = bench()
    for camera in ("front", "overhead"):
        view = eye(world).render(world.data, camera)
        points = back_project(view.depth, view.intrinsics, view.world_from_camera)
        on_table = np.abs(points[..., 2] - 0.75) < 0.002
        on_table &= points[..., 0] > -0.05  # not the foot of the arm
        x, y = points[on_table][:, 0], points[on_table][:, 1]
        assert on_table.sum() > 3000
        assert np.abs(points[on_table][:, 2] - 0.75).max() < 2e-4
        assert (x < 1.11).all()
        assert (np.abs(y) < 0.56).all()


def test_pixel_centers_are_whole_numbers(bench, eye):
    """Spheres are drawn about their projected centers: half a pixel off would show as 0.5."""
    places = np.array([(0.2, -0.2, 0.8), (0.35, 0.15, 0.9), (0.1, 0.25, 0.85)])

    def add(spec):
        for place in places:
            spec.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_SPHERE,
                size=(0.02, 0.0, 0.0),
                pos=place,
                rgba=(1.0, 0.0, 0.0, 1.0),
            )

    world = bench(add=add)
    view = eye(world, width=256, height=192).render(world.data, "front")
    centers = project(places, view.intrinsics, view.world_from_camera)
    red = (view.rgb[..., 0] > 60) & (view.rgb[..., 1] < 30) & (view.rgb[..., 2] < 30)
    rows, columns = np.nonzero(red)
    for column, row, depth in centers:
        near = np.hypot(columns - column, rows - row) < 12
        assert abs(columns[near].mean() - column) < 0.2
        assert abs(rows[near].mean() - row) < 0.2
        assert abs(view.depth[round(row), round(column)] - (depth - 0.02)) < 1e-3


def test_the_window_of_the_table_is_where_the_camera_sees_the_workspace(bench, eye):
    np.testing.assert_allclose(TABLE_LOW[:2], WORKSPACE_CENTER[:2] - WORKSPACE_HALF)
    np.testing.assert_allclose(TABLE_HIGH[:2], WORKSPACE_CENTER[:2] + WORKSPACE_HALF)
    assert TABLE_LOW[2] == WORKSPACE_CENTER[2]
    world, size = bench(), (128, 128)
    camera = eye(world)
    found = window_of_box(
        TABLE_LOW,
        TABLE_HIGH,
        intrinsics=camera.intrinsics(VIDEO_CAMERA),
        world_from_camera=camera.world_from_camera(world.data, VIDEO_CAMERA),
        size=size,
    )
    assert (found.left, found.right, found.bottom) == (0.0, 1.0, 1.0)
    assert (TABLE_WINDOW.left, TABLE_WINDOW.right, TABLE_WINDOW.bottom) == (0.0, 1.0, 1.0)
    assert 0.0 <= found.top - TABLE_WINDOW.top < 1 / size[1]


def test_cameras_stand_where_the_benchmark_has_them(bench, eye):
    world = bench()
    views = eye(world).observe(world).views
    assert tuple(views) == CAMERAS
    front = views["front"].world_from_camera
    np.testing.assert_allclose(front[:3, 3], (1.350, 0.0, 1.580), atol=1e-9)
    np.testing.assert_allclose(front[:3, 2], (-0.9063, 0.0, -0.4226), atol=1e-3)
    tip = world.end_effector.matrix()
    wrist = np.linalg.inv(tip) @ views["wrist"].world_from_camera
    np.testing.assert_allclose(wrist[:3, 3], (-0.050, 0.002, -0.0921), atol=1e-6)
    np.testing.assert_allclose(wrist[:3, 2], (0.087, 0.0, 0.996), atol=2e-3)
    for view in views.values():
        assert view.rgb.shape == (128, 128, 3)
        assert view.depth.dtype == np.float32
        assert np.linalg.det(view.world_from_camera[:3, :3]) == pytest.approx(1.0)


def test_both_fingertips_are_seen_by_the_wrist(bench, eye):
    world = bench()
    view = eye(world).render(world.data, "wrist")
    tips = [world.body_pose(name) for name in ("panda_leftfinger", "panda_rightfinger")]
    ends = np.stack([pose.matrix()[:3, :3] @ (0.0, 0.0, 0.05) + pose.position for pose in tips])
    pixels = project(ends, view.intrinsics, view.world_from_camera)
    assert (pixels[:, 2] > 0).all()
    assert np.sign(pixels[0, 0] - 64) != np.sign(pixels[1, 0] - 64)


def test_the_same_state_gives_the_same_bytes_in_any_rig(bench, eye):
    world = bench(cube=(0.3, 0.0, 0.775))
    first = eye(world).observe(world).views
    eye(world, width=200, height=100).picture(world.data, "hero")
    second = eye(bench(cube=(0.3, 0.0, 0.775))).observe(world).views
    for camera in CAMERAS:
        np.testing.assert_array_equal(first[camera].rgb, second[camera].rgb)
        np.testing.assert_array_equal(first[camera].depth, second[camera].depth)


def test_two_rigs_of_one_model_do_not_draw_into_each_other(bench, eye):
    world = bench()
    small, large = eye(world), eye(world, width=200, height=200, shadows=True)
    before, picture = small.render(world.data, "front"), large.picture(world.data, "front")
    np.testing.assert_array_equal(small.render(world.data, "front").rgb, before.rgb)
    np.testing.assert_array_equal(large.picture(world.data, "front"), picture)


def test_looks_are_refreshed_before_rendering(bench, eye):
    def add(spec):
        spec.nuserdata = 1

    world = bench(cube=(0.3, 0.0, 0.775), add=add)

    def turn_blue(model, data):
        model.geom("cube").rgba[:] = (0.0, 0.0, 1.0, 1.0) if data.userdata[0] else (1, 0, 0, 1)

    world.looks.append(turn_blue)
    camera = eye(world, looks=world.looks)
    red = camera.render(world.data, "front").rgb
    world.data.userdata[0] = 1.0
    blue = camera.render(world.data, "front").rgb
    assert (red != blue).any()


def test_shadows_are_for_pictures(bench, eye):
    world = bench()
    plain = eye(world, width=320, height=240).picture(world.data, "hero").astype(int)
    shaded = eye(world, width=320, height=240, shadows=True).picture(world.data, "hero")
    assert plain.mean() > shaded.mean()


def test_unknown_cameras_are_told(bench, eye):
    world = bench()
    with pytest.raises(UnknownName, match="did you mean 'front'"):
        eye(world).render(world.data, "fromt")


def test_a_black_frame_is_an_error(bench, eye):
    world = bench()
    world.model.geom_rgba[:, :3] = 0.0
    world.model.mat_rgba[:, :3] = 0.0
    world.model.mat_specular[:] = 0.0
    with pytest.raises(RenderingError, match="black"):
        eye(world).render(world.data, "front")


def test_missing_gl_says_how_to_get_it(bench, monkeypatch):
    class Broken:
        def __init__(self, width, height):
            raise OSError("libOSMesa.so.8 not found")

    monkeypatch.setattr(rig, "_shared", {})
    backend = os.environ.get("MUJOCO_GL") or "osmesa"
    monkeypatch.setattr(f"mujoco.{backend}.GLContext", Broken)
    with pytest.raises(RenderingError, match="apt-get install"):
        rig.Rig(bench().model)


def test_another_thread_is_told_whose_the_gl_is(bench, eye):
    world = bench()
    camera = eye(world)
    picture = camera.picture(world.data, "front")
    owner = threading.current_thread().name
    with ThreadPoolExecutor(1, thread_name_prefix="second") as pool:
        for work in (lambda: eye(world), lambda: camera.render(world.data, "front")):
            with pytest.raises(RenderingError, match=f"'second_0' wants .* thread {owner!r}"):
                pool.submit(work).result()
    np.testing.assert_array_equal(camera.picture(world.data, "front"), picture)


def test_the_observation_carries_what_the_robot_feels(bench, eye):
    world = bench()
    observation = eye(world).observe(world, cameras=(), ignore_collisions=True)
    assert observation.views == {}
    assert observation.ignore_collisions
    np.testing.assert_allclose(observation.joint_positions, arm.START)
    np.testing.assert_allclose(observation.proprioception, (1.0, 0.04, 0.04))


def test_masks_name_the_body_of_each_pixel(bench, eye):
    world = bench(cube=(0.3, 0.0, 0.775))
    camera = eye(world, width=160, height=120)
    before = camera.render(world.data, "front")
    seen = camera.mask(world.data, "front")
    after = camera.render(world.data, "front")
    assert seen.dtype == np.int32
    assert seen.shape == (120, 160)
    np.testing.assert_array_equal(before.rgb, after.rgb)
    names = rig.mask_names(world.model)
    assert names[0] == "world"
    assert seen.max() < len(names)
    cube = seen == names.index("cube")
    red = (before.rgb[..., 0] > 60) & (before.rgb[..., 1] < 40) & (before.rgb[..., 2] < 40)
    np.testing.assert_array_equal(cube, red)
    points = back_project(before.depth, before.intrinsics, before.world_from_camera)
    assert (np.abs(points[cube] - (0.3, 0.0, 0.775)) < (0.021, 0.021, 0.026)).all()
    table = (np.abs(points[..., 2] - 0.75) < 0.001) & (points[..., 0] > 0.0)
    assert (seen[table & ~cube] == 0).all()  # the bench's table belongs to the world
    arms = {names[i] for i in np.unique(seen)} - {"world", "cube"}
    assert {"panda_link0", "panda_link2", "panda_link4"} <= arms


def test_the_edges_of_masks_are_not_blended(bench, eye):
    world = bench(cube=(0.3, 0.0, 0.775))
    for camera in ("front", "wrist"):
        plain = eye(world).mask(world.data, camera)
        smooth = eye(world, shadows=True).mask(world.data, camera)
        np.testing.assert_array_equal(plain, smooth)
        assert len(np.unique(plain)) > 2


def test_masks_of_unknown_cameras_leave_the_rig_as_it_was(bench, eye):
    world = bench()
    camera = eye(world)
    picture = camera.picture(world.data, "front")
    with pytest.raises(UnknownName):
        camera.mask(world.data, "fromt")
    np.testing.assert_array_equal(camera.picture(world.data, "front"), picture)
