from devtools.bench.images import bench_images


def test_every_case_is_measured_and_compared_with_libvips() -> None:
    results = bench_images(formats=("jpeg", "webp"), megapixels=(2,), rounds=2)
    assert set(results) == {"jpeg_2mp", "webp_2mp"}
    for case in results.values():
        assert case["ssim"] >= 0.98
        assert 0 < case["cpu_ratio_to_libvips"] < 5
        assert case["cpu_ms"] > 0
        assert case["peak_mb"] < 300
