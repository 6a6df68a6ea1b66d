//! Ranks, written without a font: ten numerals as strokes.

use tiny_skia::{LineCap, LineJoin, Paint, PathBuilder, Pixmap, Stroke, Transform};

/// Height of a numeral, pixels; it is half as wide.
const HEIGHT: f64 = 9.0;
/// From one numeral to the next.
const ADVANCE: f64 = 7.0;
/// Free space that a number keeps around it.
const SPACE: f64 = 3.0;

/// Strokes of the numerals, in a box two wide and four high, y from the top.
const STROKES: [&[&[[f64; 2]]]; 10] = [
    &[&[
        [0.6, 0.0],
        [1.4, 0.0],
        [2.0, 0.8],
        [2.0, 3.2],
        [1.4, 4.0],
        [0.6, 4.0],
        [0.0, 3.2],
        [0.0, 0.8],
        [0.6, 0.0],
    ]],
    &[&[[0.2, 0.9], [1.2, 0.0], [1.2, 4.0]]],
    &[&[
        [0.0, 0.8],
        [0.6, 0.0],
        [1.4, 0.0],
        [2.0, 0.7],
        [2.0, 1.4],
        [0.0, 4.0],
        [2.0, 4.0],
    ]],
    &[
        &[
            [0.0, 0.4],
            [0.6, 0.0],
            [1.4, 0.0],
            [2.0, 0.6],
            [2.0, 1.3],
            [1.4, 1.9],
            [0.8, 1.9],
        ],
        &[
            [1.4, 1.9],
            [2.0, 2.5],
            [2.0, 3.4],
            [1.4, 4.0],
            [0.6, 4.0],
            [0.0, 3.5],
        ],
    ],
    &[&[[1.5, 4.0], [1.5, 0.0], [0.0, 2.8], [2.0, 2.8]]],
    &[&[
        [1.9, 0.0],
        [0.2, 0.0],
        [0.1, 1.8],
        [1.2, 1.6],
        [2.0, 2.3],
        [2.0, 3.3],
        [1.3, 4.0],
        [0.6, 4.0],
        [0.0, 3.5],
    ]],
    &[&[
        [1.8, 0.2],
        [1.2, 0.0],
        [0.6, 0.2],
        [0.0, 1.4],
        [0.0, 3.2],
        [0.6, 4.0],
        [1.4, 4.0],
        [2.0, 3.3],
        [2.0, 2.5],
        [1.4, 1.8],
        [0.6, 1.8],
        [0.0, 2.6],
    ]],
    &[&[[0.0, 0.0], [2.0, 0.0], [0.8, 4.0]]],
    &[
        &[
            [0.6, 0.0],
            [1.4, 0.0],
            [1.9, 0.6],
            [1.9, 1.3],
            [1.4, 1.9],
            [0.6, 1.9],
            [0.1, 1.3],
            [0.1, 0.6],
            [0.6, 0.0],
        ],
        &[
            [0.6, 1.9],
            [0.0, 2.6],
            [0.0, 3.4],
            [0.6, 4.0],
            [1.4, 4.0],
            [2.0, 3.4],
            [2.0, 2.6],
            [1.4, 1.9],
        ],
    ],
    &[&[
        [0.2, 3.8],
        [0.8, 4.0],
        [1.4, 3.8],
        [2.0, 2.6],
        [2.0, 0.8],
        [1.4, 0.0],
        [0.6, 0.0],
        [0.0, 0.7],
        [0.0, 1.5],
        [0.6, 2.2],
        [1.4, 2.2],
        [2.0, 1.4],
    ]],
];

/// A number's place: west, north, east, south.
type Place = [f64; 4];

/// Writes a number around a place, unless another stands there.
pub(super) fn write(pixmap: &mut Pixmap, number: i64, at: [f64; 2], taken: &mut Vec<Place>) {
    let digits: Vec<usize> = number
        .to_string()
        .bytes()
        .map(|b| usize::from(b - b'0'))
        .collect();
    let width = ADVANCE * (digits.len() as f64 - 1.0) + HEIGHT / 2.0;
    let (left, top) = (at[0] - width / 2.0, at[1] - HEIGHT / 2.0);
    let place = [
        left - SPACE,
        top - SPACE,
        left + width + SPACE,
        top + HEIGHT + SPACE,
    ];
    let (picture_width, picture_height) = (f64::from(pixmap.width()), f64::from(pixmap.height()));
    let outside =
        place[0] < 0.0 || place[1] < 0.0 || place[2] > picture_width || place[3] > picture_height;
    let meets =
        |t: &Place| t[0] < place[2] && place[0] < t[2] && t[1] < place[3] && place[1] < t[3];
    if outside || taken.iter().any(meets) {
        return;
    }
    taken.push(place);
    let mut path = PathBuilder::new();
    for (index, &digit) in digits.iter().enumerate() {
        for stroke in STROKES[digit] {
            for (n, p) in stroke.iter().enumerate() {
                let x = (left + index as f64 * ADVANCE + p[0] * HEIGHT / 4.0) as f32;
                let y = (top + p[1] * HEIGHT / 4.0) as f32;
                if n == 0 {
                    path.move_to(x, y);
                } else {
                    path.line_to(x, y);
                }
            }
        }
    }
    let Some(path) = path.finish() else { return };
    for (grey, alpha, width) in [(255, 230, 4.5), (0, 255, 1.6)] {
        let mut paint = Paint::default();
        paint.set_color_rgba8(grey, grey, grey, alpha);
        paint.anti_alias = true;
        let stroke = Stroke {
            width,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        pixmap.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
    }
}
