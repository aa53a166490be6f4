"""The calibration that never stops."""

from __future__ import annotations

import numpy as np
import pytest

from tests.calibration.tracked import BLACK_ADU, HEIGHT_PX, WIDTH_PX, Floats, Rig, flat


class TestOrdinaryPixels:
    def test_noise_alone_lights_nothing_and_moves_the_thresholds_by_less_than_half_a_sigma(
        self,
    ) -> None:
        rig = Rig()
        rig.run(64 * 40)
        assert rig.lit == []
        moved = rig.tracker.calibration.seed_threshold.astype(int) - rig.base.seed_threshold
        assert np.abs(moved).max() <= 2
        assert abs(moved.mean()) < 0.2

    def test_a_level_that_wanders_is_followed_by_all_thresholds(self) -> None:
        def world(index: int, pixels: Floats) -> None:
            pixels += 6.0 * min(max(index, 0) / 2000, 1.0)

        rig = Rig(world)
        rig.run(64 * 45)
        rise = rig.tracker.calibration.seed_threshold.astype(int) - rig.base.seed_threshold
        assert abs(np.median(rise) - 6) <= 0.5
        assert rig.tracker.calibration.level_adu - rig.base.level_adu == pytest.approx(6, abs=0.2)
        assert rig.lit == []

    def test_noise_that_all_pixels_share_is_followed_up_and_down(self) -> None:
        rig = Rig()
        rig.noise_at = lambda index: 3.0 if 640 <= index < 3200 else 2.0
        rig.run(64 * 30)
        width = np.median(rig.tracker.calibration.sigma_adu) / np.median(rig.base.sigma_adu)
        assert width == pytest.approx(1.5, rel=0.05)
        rig.run(64 * 40)
        width = np.median(rig.tracker.calibration.sigma_adu) / np.median(rig.base.sigma_adu)
        assert width == pytest.approx(1.0, rel=0.05)

    def test_hits_do_not_move_the_baseline_they_fall_on(self) -> None:
        struck = (slice(10, 14), slice(40, 44))

        def world(index: int, pixels: Floats) -> None:
            if index >= 0 and index % 3 == 0:
                pixels[struck] += 300.0

        rig = Rig(world)
        rig.run(64 * 40)
        moved = rig.tracker.calibration.mean_adu[struck] - rig.base.mean_adu[struck]
        assert np.abs(moved).max() < 0.8

    def test_a_few_frames_of_calibration_are_made_up_for(self) -> None:
        few = Rig(frames=12, seed=3)
        few.run(64 * 60)
        wanted = few.offsets + BLACK_ADU
        before = np.std(few.base.mean_adu - wanted)
        after = np.std(few.tracker.calibration.mean_adu - wanted)
        assert after < 0.6 * before


class TestHotPixels:
    def test_one_that_warms_keeps_a_threshold_of_its_own_and_lights_nothing(self) -> None:
        def world(index: int, pixels: Floats) -> None:
            pixels[20, 30] += 300.0 * 3.5 ** (max(index, 0) / 6400)

        rig = Rig(world)
        rig.run(6400)
        assert not rig.now("masked", 20, 30)
        assert rig.now("hot", 20, 30)
        assert [one for one in rig.lit if one[0] >= 192] == []
        assert rig.now("mean_adu", 20, 30) == pytest.approx(BLACK_ADU + 300 * 3.5, rel=0.02)

    def test_a_warm_pixel_that_becomes_hot_is_taken_under_watch_before_it_lights(self) -> None:
        def world(index: int, pixels: Floats) -> None:
            pixels[5, 7] += 1.0 + 24.0 * max(index, 0) / 12_800

        rig = Rig(world)
        rig.run(12_800)
        assert flat(5, 7) in rig.tracker.watched
        assert rig.lit == []

    def test_one_that_is_born_gets_its_threshold_within_three_blocks_of_being_named(self) -> None:
        def world(index: int, pixels: Floats) -> None:
            if index >= 640:
                pixels[40, 50] += 400.0

        rig = Rig(world)
        rig.run(660)
        rig.tracker.suspect(np.array([flat(40, 50)]))
        rig.run(64 * 4)
        before = len(rig.lit)
        rig.run(64 * 10)
        assert len(rig.lit) == before
        assert not rig.now("masked", 40, 50)
        assert rig.now("seed_threshold", 40, 50) > BLACK_ADU + 400

    def test_one_that_heals_is_ordinary_again(self) -> None:
        def world(index: int, pixels: Floats) -> None:
            if index < 640:
                pixels[20, 30] += 200.0

        rig = Rig(world, pooled=True)
        assert flat(20, 30) in rig.tracker.watched
        rig.run(64 * 80)
        assert flat(20, 30) not in rig.tracker.watched
        ordinary = np.median(rig.tracker.calibration.seed_threshold)
        assert abs(float(rig.now("seed_threshold", 20, 30)) - ordinary) <= 4


class TestTelegraphPixels:
    def test_one_that_jumps_again_and_again_is_masked(self) -> None:
        def world(index: int, pixels: Floats) -> None:
            if index >= 0 and (index // 100) % 2:
                pixels[8, 9] += 40.0

        rig = Rig(world, pooled=True)
        rig.run(200)
        rig.tracker.suspect(np.array([flat(8, 9)]))
        rig.run(64 * 20)
        assert rig.now("masked", 8, 9)

    def test_one_with_long_dwells_stays_masked_between_its_jumps(self) -> None:
        def world(index: int, pixels: Floats) -> None:
            if index >= 0 and (index // 3000) % 2:
                pixels[8, 9] += 40.0

        rig = Rig(world, pooled=True)
        rig.run(3100)
        rig.tracker.suspect(np.array([flat(8, 9)]))
        rig.run(3000 * 4)
        seen = []
        for _ in range(20):
            rig.run(640)
            seen.append(bool(rig.now("masked", 8, 9)))
        assert all(seen)

    def test_one_that_is_quiet_for_long_is_used_again(self) -> None:
        def world(index: int, pixels: Floats) -> None:
            if 0 <= index < 1500 and (index // 50) % 2:
                pixels[8, 9] += 40.0

        rig = Rig(world, pooled=True)
        rig.tracker.suspect(np.array([flat(8, 9)]))
        rig.run(1500)
        assert rig.now("masked", 8, 9)
        rig.run(64 * 560)
        assert not rig.now("masked", 8, 9)

    def test_a_particle_on_a_hot_pixel_masks_nothing(self) -> None:
        def world(index: int, pixels: Floats) -> None:
            pixels[20, 30] += 200.0
            if index >= 0 and index % 1000 in (500, 501):
                pixels[20, 29:32] += 300.0

        rig = Rig(world, pooled=True)
        rig.run(64 * 50)
        assert not rig.now("masked", 20, 30)


class TestBlocks:
    def test_thresholds_stay_the_same_within_a_block(self) -> None:
        rig = Rig()
        rig.run(64 * 3 + 1)
        now = rig.tracker.calibration
        before = now.seed_threshold.copy(), now.mean_adu.copy(), now.masked.copy()
        rig.run(60)
        after = rig.tracker.calibration
        assert after is now
        assert all(
            np.array_equal(a, b)
            for a, b in zip(
                before, (after.seed_threshold, after.mean_adu, after.masked), strict=True
            )
        )

    def test_frames_that_nobody_looked_at_change_nothing(self) -> None:
        rig = Rig()
        rig.run(64 * 3)
        rig.run(1)
        before = rig.tracker.calibration
        rig.run(64 * 5, looked=False)
        rig.run(1)
        changed = rig.tracker.calibration.seed_threshold.astype(int) - before.seed_threshold
        assert np.abs(changed).max() <= 1

    def test_the_calibration_it_began_with_is_not_touched(self) -> None:
        rig = Rig()
        before = rig.base.seed_threshold.copy(), rig.base.masked.copy(), rig.base.sigma_adu.copy()
        rig.tracker.suspect(np.arange(100))
        rig.run(64 * 10)
        after = rig.base.seed_threshold, rig.base.masked, rig.base.sigma_adu
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))

    def test_the_same_frames_give_the_same_calibration(self) -> None:
        one, two = Rig(seed=5), Rig(seed=5)
        for rig in (one, two):
            rig.tracker.suspect(np.array([77]))
            rig.run(64 * 12)
        for name in ("id", "level_adu", "noise_adu"):
            assert getattr(one.tracker.calibration, name) == getattr(two.tracker.calibration, name)
        for name in ("mean_adu", "sigma_adu", "seed_threshold", "growth_threshold", "masked"):
            assert np.array_equal(
                getattr(one.tracker.calibration, name), getattr(two.tracker.calibration, name)
            )

    def test_each_change_worth_a_word_is_told_with_its_reason_and_a_new_id(self) -> None:
        def world(index: int, pixels: Floats) -> None:
            if index >= 640:
                pixels += 4.0

        rig = Rig(world)
        rig.run(64 * 9)
        assert rig.changes == []
        assert rig.tracker.calibration.id == rig.base.id
        rig.run(64 * 30)
        assert [change.reasons for change in rig.changes] == [("level",)]
        assert "level +4" in rig.changes[0].detail
        assert rig.tracker.calibration.id != rig.base.id

    def test_a_sensor_full_of_restless_pixels_is_watched_in_part_only(self) -> None:
        rig = Rig()
        rig.tracker.suspect(np.arange(HEIGHT_PX * WIDTH_PX))
        rig.run(64 * 2)
        assert len(rig.tracker.watched) <= 4096 + 64
        rig.run(64 * 8)
        assert rig.tracker.calibration.masked_px == 0
