//! Bandwidth rules, edge corrections and varying bandwidths against other people's programs.
//!
//! Values by R 4.2 with spatstat.explore 3.0-6, sparr 2.2-17 and MASS 7.3-58, unless a test says
//! otherwise; the command stands at each. Where spatstat searches a grid of values and the
//! tolerance is 1 %, that is a little over the distance of two values. Points of spatstat's own data sets are not kept here:
//! those tests ask R for them, and say so where there is none.

use geo::{ConvexHull, Distance, Euclidean};
use isopleth_core::bandwidth::rules::{self, CrossValidation};
use isopleth_core::edge::{Correction, Window};
use isopleth_core::estimate::{Abramson, Estimate, corrected};
use isopleth_core::kernel::Kernel;
use isopleth_core::plane::Planar;
use isopleth_tests::oracle::shared;

const ALL: usize = usize::MAX;

fn close(made: f64, expected: f64, relative: f64) {
    let off = (made / expected - 1.0).abs();
    assert!(off <= relative, "{made} against {expected}: {off:.2e}");
}

fn at(x: f64, y: f64) -> Planar {
    Planar { x, y }
}

/// The columns x and y of a file of the shared data.
fn points(name: &str) -> Option<Vec<Planar>> {
    let Some(path) = shared(&format!("oracles/{name}.csv")) else {
        println!("skipped: no shared data");
        return None;
    };
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let column = |name| headers.iter().position(|h| h == name).unwrap();
    let (x, y) = (column("x"), column("y"));
    let rows = reader.records().map(|r| {
        let r = r.unwrap();
        at(r[x].parse().unwrap(), r[y].parse().unwrap())
    });
    Some(rows.collect())
}

fn redwood() -> Option<(Vec<Planar>, Window)> {
    let window = Window::rectangle(at(0.0, -1.0), at(1.0, 0.0)).unwrap();
    points("redwood").map(|p| (p, window))
}

fn cells() -> Option<(Vec<Planar>, Window)> {
    let window = Window::rectangle(at(0.0, 0.0), at(1.0, 1.0)).unwrap();
    points("cells").map(|p| (p, window))
}

/// Points and window of a data set of R's package spatstat.data.
fn from_r(name: &str) -> Option<(Vec<Planar>, Window)> {
    let script = format!(
        "suppressMessages(library(spatstat.geom)); data({name}, package='spatstat.data'); \
         options(digits=17); X <- {name}; W <- as.polygonal(Window(X)); b <- W$bdry[[1]]; \
         stopifnot(length(W$bdry) == 1); \
         write.table(rbind(cbind(0, X$x, X$y), cbind(1, b$x, b$y)), \
         row.names=FALSE, col.names=FALSE, sep=',')"
    );
    let output = std::process::Command::new("Rscript")
        .args(["-e", &script])
        .output();
    let Some(output) = output.ok().filter(|o| o.status.success()) else {
        println!("skipped: no R with spatstat.geom and spatstat.data to ask for {name}");
        return None;
    };
    let (mut points, mut ring) = (Vec::new(), Vec::new());
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let v: Vec<f64> = line.split(',').map(|f| f.parse().unwrap()).collect();
        match v[0] {
            0.0 => points.push(at(v[1], v[2])),
            _ => ring.push((v[1], v[2])),
        }
    }
    let window = Window::new(&[geo::Polygon::new(ring.into(), vec![])]).unwrap();
    Some((points, window))
}

fn distinct(points: &[Planar]) -> Vec<Planar> {
    let mut kept: Vec<Planar> = points.to_vec();
    kept.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x)));
    kept.dedup();
    kept
}

fn unit(points: &[Planar]) -> Vec<(Planar, f64)> {
    points.iter().map(|p| (*p, 1.0)).collect()
}

/// `bw.diggle(X)`.
#[test]
fn diggle() {
    let sets = [
        (redwood(), 0.022_504_892_37),
        (cells(), 0.061_888_454_01),
        (from_r("lansing"), 0.055_039_138_94),
        (from_r("chorley"), 0.073_219_178_08),
    ];
    for (set, expected) in sets {
        if let Some((points, window)) = set {
            let found = rules::diggle(&points, &window, ALL).unwrap();
            println!("{} against {expected}", found.sigma_m);
            close(found.sigma_m, expected, 0.01);
        }
    }
}

/// `bw.scott(X)`: exact.
#[test]
fn scott() {
    let sets = [
        (redwood(), (0.136_202_137_4, 0.137_862_640_7)),
        (cells(), (0.142_127_966_3, 0.147_736_209_4)),
        (from_r("lansing"), (0.081_446_787_03, 0.080_522_357_69)),
        (from_r("chorley"), (1.048_496_845, 1.458_675_635)),
    ];
    for (set, expected) in sets {
        if let Some((points, _)) = set {
            let (x, y) = rules::scott(&points);
            close(x, expected.0, 1e-8);
            close(y, expected.1, 1e-8);
        }
    }
}

/// `bw.ppl(X)` with its criterion: `b <- bw.ppl(redwood); cbind(attr(b, "h"), attr(b, "cv"))`, and with
/// `shortcut=TRUE`, which leaves the integral out. The sum of logarithms is exact; the integral is a
/// sum over 128 by 128 pixels there and here, of which spatstat's goes through a Fourier transform that
/// moves the points to the pixels' centres.
#[test]
fn likelihood() {
    let Some((points, window)) = redwood() else {
        return;
    };
    let cv = CrossValidation::new(&points, ALL, 0.1);
    for (sigma, whole, logs) in [
        (0.040_805_715_47, 231.234_984_7, 294.073_466_0),
        (0.051_754_882_95, 230.734_052_4, 294.159_769_3),
        (0.083_255_320_74, 217.796_329_9, 282.278_667_9),
        (0.169_864_646_6, 198.082_414_1, 262.524_620_0),
        (0.439_566_244_8, 192.723_956_8, 256.475_599_5),
    ] {
        let made = cv.likelihood_score(sigma, Some((&window, 128)));
        println!("{sigma}: {made} against {whole}");
        assert!((made - whole).abs() < 0.15, "{sigma}: {made} {whole}");
        // Without pixels nothing is taken away.
        let made = cv.likelihood_score(sigma, Some((&window, 0)));
        assert!((made - logs).abs() < 1e-5, "{sigma}: {made} {logs}");
    }
    // spatstat takes the best of 16 values from the least spacing to half the diameter.
    let best = |points: &[Planar], window: &Window, low: f64, high: f64| {
        let cv = CrossValidation::new(points, ALL, (low * high).sqrt());
        (0..16)
            .map(|k| low * (high / low).powf(f64::from(k) / 15.0))
            .map(|s| (cv.likelihood_score(s, Some((window, 64))), s))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap()
            .1
    };
    let half = 0.5_f64.sqrt();
    close(best(&points, &window, 0.02, half), 0.040_805_715_47, 1e-8);
    let (points, window) = cells().unwrap();
    // Regular points have no optimum: it sits at the limit.
    close(best(&points, &window, 0.083_630_138_11, half), half, 1e-8);
    if let Some((points, window)) = from_r("lansing") {
        let low = spacing(&points);
        close(best(&points, &window, low, half), 0.079_370_052_6, 1e-8);
    }
    if let Some((points, window)) = from_r("chorley") {
        // diameter(Window(chorley)) / 2
        let high = 13.067_211_829_6;
        close(
            best(&points, &window, spacing(&points), high),
            0.264_994_332_9,
            1e-8,
        );
        // sparr::LIK.density(chorley): without the integral, by optimise(); its edge on 64 by 64 pixels.
        let cv = CrossValidation::new(&points, ALL, 0.3);
        let (found, _) = rules::greatest(0.1, 5.0, 16, 1e-4, |s| {
            cv.likelihood_score(s, Some((&window, 0)))
        });
        println!("sparr LIK {found}");
        close(found, 0.241_852_135_7, 0.01);
    }
}

/// `nnd <- nndist(X); min(nnd[nnd > 0])`: the least distance above 0 of a point to its nearest other, by
/// which a point with a duplicate has none.
fn spacing(points: &[Planar]) -> f64 {
    let nearest = points.iter().enumerate().map(|(i, a)| {
        let others = points.iter().enumerate().filter(|(j, _)| *j != i);
        others
            .map(|(_, b)| a.distance_2(*b))
            .fold(f64::INFINITY, f64::min)
    });
    nearest
        .filter(|d| *d > 0.0)
        .fold(f64::INFINITY, f64::min)
        .sqrt()
}

/// Over the whole plane, by all pairs in R:
/// `cf <- function(h) { D2 <- as.matrix(dist(cbind(x, y)))^2; mean(exp(-D2/(4*h^2))/(4*pi*h^2)) -
/// 2*(sum(exp(-D2/(2*h^2))) - n)/(2*pi*h^2)/(n*(n-1)) }; optimise(cf, c(low, high), tol=1e-8)`.
///
/// `sparr::LSCV.density(chorley)` gives 0.1844849951 for the points as they come. That number is its
/// 64 by 64 pixels': the points have 330 duplicates, so that the criterion falls without end towards 0,
/// and on 512 pixels sparr runs into its limit of 0.1 (`resolution=512, edge=FALSE`: 0.1000765). On the
/// 706 distinct points sparr gives 0.2515581 on 64 pixels, 2.7 % from the closed form.
#[test]
fn least_squares() {
    let best = |points: &[Planar], low: f64, high: f64| {
        let cv = CrossValidation::new(points, ALL, (low * high).sqrt());
        rules::greatest(low, high, 16, 1e-4, |s| -cv.least_squares_score(s)).0
    };
    if let (Some((redwood, _)), Some((cells, _))) = (redwood(), cells()) {
        close(best(&redwood, 0.01, 0.5), 0.046_505_621_88, 1e-4);
        close(best(&cells, 0.042, 0.5), 0.231_615_079_59, 1e-4);
    }
    if let Some((points, _)) = from_r("lansing") {
        close(best(&distinct(&points), 0.005, 0.5), 0.037_811_073_25, 1e-4);
    }
    if let Some((points, _)) = from_r("chorley") {
        let found = best(&distinct(&points), 0.1, 5.0);
        close(found, 0.245_006_683_1, 1e-4);
        close(found, 0.251_558_1, 0.03);
    }
}

/// `density(redwood, sigma=.1, dimyx=128)`, with `edge=FALSE` and with `diggle=TRUE`: range and integral;
/// `at="points"`, with and without `leaveoneout`. spatstat's transform moves points to centres of pixels
/// of 0.0078: the integral stands to 5e-4, the peaks to 1 %, the least value, a distant flank, to 15 %.
/// `densityfun(redwood, sigma=.1)` at four places, with `diggle=TRUE` and with `edge=FALSE`, goes through
/// no pixels: 1e-6, which is the Gaussian's cut.
#[test]
fn edge_corrections_of_redwood() {
    let Some((points, window)) = redwood() else {
        return;
    };
    let n = 128;
    let places: Vec<Planar> = (0..n * n)
        .map(|i| {
            let centre = |k: i32| (f64::from(k) + 0.5) / f64::from(n);
            at(centre(i % n), centre(i / n) - 1.0)
        })
        .collect();
    let points = unit(&points);
    for (correction, low, high, integral) in [
        (
            Correction::Uniform,
            0.089_640_956_5,
            158.283_665_7,
            64.662_437_11,
        ),
        (
            Correction::None,
            0.023_828_944_77,
            151.822_349_2,
            55.754_592_35,
        ),
        (Correction::Diggle, 0.028_942_947_15, 160.119_923_1, 62.0),
    ] {
        let made = corrected(Kernel::Gaussian, 0.1, &points, &window, correction, &places);
        let sum = made.iter().sum::<f64>() / f64::from(n * n);
        let (least, most) = made
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(*v), b.max(*v)));
        println!("{correction:?}: {least} {most} {sum}");
        close(sum, integral, 5e-4);
        close(most, high, 0.01);
        close(least, low, 0.15);
    }
    let places = [
        at(0.1, -0.9),
        at(0.5, -0.31),
        at(0.83, -0.5),
        at(0.02, -0.01),
    ];
    for (correction, expected) in [
        (
            Correction::Uniform,
            [
                29.181_443_289_606,
                46.883_120_214_386,
                22.010_139_135_547,
                0.154_791_118_326,
            ],
        ),
        (
            Correction::Diggle,
            [
                22.107_458_211_204_6,
                48.290_310_566_684,
                27.788_439_409_028_6,
                0.059_446_786_000_1,
            ],
        ),
        (
            Correction::None,
            [
                20.656_405_095_487_4,
                46.837_729_104_266_4,
                21.029_235_043_457_5,
                0.048_403_262_598_7,
            ],
        ),
    ] {
        let made = corrected(Kernel::Gaussian, 0.1, &points, &window, correction, &places);
        for (made, expected) in made.iter().zip(expected) {
            // The cut takes up to 1.5e-8 of each of 62 peaks of 16: seen on a flank of 0.05.
            assert!((made - expected).abs() <= 1e-6, "{made} {expected}");
        }
    }
    let estimate = Estimate::fixed(Kernel::Gaussian, 0.1, &points);
    let without = [
        40.133_597_52,
        64.577_527_85,
        67.975_107_17,
        59.908_524_46,
        64.953_492_85,
    ];
    let with = [
        60.330_433_20,
        83.494_363_90,
        88.168_747_39,
        77.222_230_00,
        83.870_237_16,
    ];
    for i in 0..5 {
        let p = points[i].0;
        let mass = window.mass(Kernel::Gaussian, 0.1, p);
        // The cut at six standard deviations is 1.5e-8 of the mass.
        close(estimate.at(p) / mass, with[i], 1e-7);
        close(estimate.without(i, p) / mass, without[i], 1e-7);
    }
}

/// `bivariate.density(chorley, h0=1.5)`, with `edge="diggle"`, and with `hp=1, adapt=TRUE` for both: a
/// density of mass 1 on 128 by 128 pixels. sparr moves points to pixels of 0.18 km and looks its pilot
/// up there: bandwidths and the highest densities agree to 1 % (uniform).
#[test]
fn chorley() {
    let Some((points, window)) = from_r("chorley") else {
        return;
    };
    let k = Kernel::Gaussian;
    let n = points.len() as f64;
    let points = unit(&points);
    let mut places = Vec::new();
    for j in 0..128 {
        for i in 0..128 {
            let p = at(
                343.539_843_75 + 0.179_687_5 * f64::from(i),
                410.493_515_63 + 0.167_031_25 * f64::from(j),
            );
            if window.covers(p) {
                places.push(p);
            }
        }
    }
    let pixel = 0.179_687_5 * 0.167_031_25;
    let highest = |values: &[f64]| {
        let sum: f64 = values.iter().sum::<f64>() * pixel;
        values.iter().copied().fold(0.0, f64::max) / sum
    };
    for (correction, most) in [
        (Correction::Uniform, 0.013_107_135_71),
        (Correction::Diggle, 0.013_381_437_30),
    ] {
        let made = corrected(k, 1.5, &points, &window, correction, &places);
        println!("{correction:?} {}", highest(&made));
        close(highest(&made), most, 0.01);
    }
    let at_points: Vec<Planar> = points.iter().map(|p| p.0).collect();
    let pilot =
        |places: &[Planar]| corrected(k, 1.0, &points, &window, Correction::Uniform, places);
    let weighted: Vec<(f64, f64)> = pilot(&at_points).into_iter().map(|d| (d, 1.0)).collect();
    let rule = Abramson::new(1.5, &weighted).unwrap();
    // sparr's mean is that of a pilot of mass 1.
    close(rule.geometric_mean * n.sqrt(), 10.9566, 0.01);
    let h: Vec<f64> = weighted.iter().map(|d| rule.bandwidth_m(d.0)).collect();
    println!("{:?}", &h[..5]);
    for (made, expected) in h.iter().zip([1.155_965_233, 1.186_875_745, 3.627_049_259]) {
        close(*made, expected, 0.02);
    }
    let raw = Estimate::varying(k, &points, &h).at_all(&places);
    let made: Vec<f64> = raw
        .iter()
        .zip(pilot(&places))
        .zip(&places)
        .map(|((v, d), &p)| v / window.mass(k, rule.bandwidth_m(d), p))
        .collect();
    println!("adaptive {}", highest(&made));
    close(highest(&made), 0.023_458_494_00, 0.01);
}

/// The projection of longitude and latitude to UTM zone 15 (EPSG:32615) by Krüger's series to the
/// fourth order in the third flattening, good to micrometres: what
/// `pyproj.Transformer.from_crs(4326, 32615, always_xy=True)` gives.
fn utm_15(lon: f64, lat: f64) -> Planar {
    let f = 1.0 / 298.257_223_563;
    let n: f64 = f / (2.0 - f);
    let radius = 6_378_137.0 / (1.0 + n) * (1.0 + n.powi(2) / 4.0 + n.powi(4) / 64.0);
    let alpha = [
        n / 2.0 - 2.0 / 3.0 * n.powi(2) + 5.0 / 16.0 * n.powi(3) + 41.0 / 180.0 * n.powi(4),
        13.0 / 48.0 * n.powi(2) - 3.0 / 5.0 * n.powi(3) + 557.0 / 1440.0 * n.powi(4),
        61.0 / 240.0 * n.powi(3) - 103.0 / 140.0 * n.powi(4),
        49_561.0 / 161_280.0 * n.powi(4),
    ];
    let (phi, lambda) = (lat.to_radians(), (lon + 93.0).to_radians());
    let e = 2.0 * n.sqrt() / (1.0 + n);
    let t = (phi.sin().atanh() - e * (e * phi.sin()).atanh()).sinh();
    let xi = t.atan2(lambda.cos());
    let eta = (lambda.sin() / t.hypot(lambda.cos())).asinh();
    let (mut x, mut y) = (eta, xi);
    for (j, a) in (1..).zip(alpha) {
        let j = 2.0 * f64::from(j);
        x += a * (j * xi).cos() * (j * eta).sinh();
        y += a * (j * xi).sin() * (j * eta).cosh();
    }
    at(500_000.0 + 0.9996 * radius * x, 0.9996 * radius * y)
}

/// sfhotspot's robberies in Memphis, January 2019 (`hotspot_kde(memphis_robberies_jan)` after
/// `st_transform("EPSG:32615")`): its bandwidths by MASS, the cells of its grid, and its sums, which
/// are those of the bare quartic without a constant. Bandwidths printed: 8,877 m; sums printed: 11.1,
/// 11.2, 11.2, 11.1; with `bandwidth_adjust = 0.5` 3.48, 3.65, 3.74, 3.72. More digits by an independent
/// program, whose cells lie a centimetre beside the bounding box's (1e-5); and to 1e-9 by numpy over
/// the cells as they are made here.
#[test]
fn robberies_in_memphis() {
    let Some(degrees) = points("memphis_robberies_jan") else {
        return;
    };
    let points: Vec<Planar> = degrees.iter().map(|p| utm_15(p.x, p.y)).collect();
    let least = |of: fn(&Planar) -> f64| points.iter().map(of).fold(f64::INFINITY, f64::min);
    let (west, south) = (least(|p| p.x), least(|p| p.y));
    assert!((west - 762_236.180_435).abs() < 1e-5 && (south - 3_876_685.501_318).abs() < 1e-5);
    let (x, y) = rules::nrd(&points);
    close(x, 8_876.668_549_28, 1e-9);
    close(y, 9_867.447_145_72, 1e-9);

    // Cells of 500 m from half a cell beyond the box, that touch the hull grown by half a cell.
    let hull = points
        .iter()
        .map(|p| geo::Point::new(p.x, p.y))
        .collect::<geo::MultiPoint>()
        .convex_hull();
    let mut centres = Vec::new();
    for row in 0..59 {
        for column in 0..65 {
            let low = (
                west - 250.0 + 500.0 * f64::from(column),
                south - 250.0 + 500.0 * f64::from(row),
            );
            let cell = geo::Rect::new(low, (low.0 + 500.0, low.1 + 500.0)).to_polygon();
            if Euclidean.distance(&cell, &hull) <= 250.0 {
                centres.push(at(low.0 + 250.0, low.1 + 250.0));
            }
        }
    }
    assert_eq!(centres.len(), 2715);
    let sums = |h: f64| -> Vec<f64> {
        let bare = h * h / Kernel::Quartic.constant();
        let made = Estimate::fixed(Kernel::Quartic, h, &unit(&points)).at_all(&centres);
        made.iter().map(|v| v * bare).collect()
    };
    let made = sums(x);
    for (made, expected) in made
        .iter()
        .zip([11.058_224, 11.215_659, 11.240_463, 11.131_456])
    {
        close(*made, expected, 1e-5);
    }
    let most = made.iter().copied().fold(0.0, f64::max);
    close(most, 49.413_706_58, 1e-6);
    for (made, expected) in made.iter().zip([
        11.058_189_003_283_424,
        11.215_623_112_407_734,
        11.240_427_532_000_556,
        11.131_420_630_027_513,
    ]) {
        close(*made, expected, 1e-9);
    }
    close(most, 49.413_710_541_154_344, 1e-9);
    for (made, expected) in
        sums(x / 2.0)
            .iter()
            .zip([3.479_847_2, 3.651_837_9, 3.740_305_1, 3.721_592_2])
    {
        close(*made, expected, 1e-5);
    }
}
