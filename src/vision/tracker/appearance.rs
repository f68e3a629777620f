//! What a person wears, in a few numbers: colour histograms of torso and legs.
//!
//! Compared by the Bhattacharyya coefficient, as in colour-based tracking since Comaniciu et al.,
//! "Kernel-based object tracking" (2003).

use opencv::{
    core::{CV_8UC3, Mat, Vec3b},
    prelude::*,
};

use crate::vision::geometry::BoundingBox;

/// Hues of 45°, each faint or strong, and greys from black to white.
const HUES: usize = 8;
const SATURATIONS: usize = 2;
const GREYS: usize = 4;
const BINS: usize = HUES * SATURATIONS + GREYS;
/// Below this saturation (of 255) a colour is a grey.
const COLOURFUL: u32 = 60;
/// Added to every bin's share, so that no bin is ever impossible.
const PRIOR: f32 = 0.02;
/// What is kept of the old when something new is blended in.
const INERTIA: f32 = 0.9;
/// Rows and columns of pixels that are looked at in each part of a body, at most.
const GRID: usize = 24;

/// Parts of a body: left, right, top and bottom, in shares of the box.
const PARTS: [[f32; 4]; 2] = [[0.25, 0.75, 0.15, 0.5], [0.25, 0.75, 0.5, 0.85]];

/// Pixels of a part that must be seen for it to be known.
const VISIBLE: u32 = 24;
/// How alike two people are of whom nothing can be compared.
const UNKNOWN: f32 = 0.75;

/// The colours of a person, as far as they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Appearance {
    /// One histogram a part, each with the sum 1.
    parts: [Option<[f32; BINS]>; PARTS.len()],
}

impl Appearance {
    /// The colours within a box of an 8-bit BGR frame. What lies outside the frame or in the boxes
    /// of people in front is left out.
    ///
    /// # Errors
    /// When the frame is not 8-bit BGR.
    pub fn of(frame: &Mat, bbox: &BoundingBox, in_front: &[BoundingBox]) -> opencv::Result<Self> {
        if frame.typ() != CV_8UC3 {
            let reason = "the picture is not 8-bit BGR";
            return Err(opencv::Error::new(opencv::core::StsBadArg, reason));
        }
        let mut parts = [None; PARTS.len()];
        for (part, [left, right, top, bottom]) in parts.iter_mut().zip(PARTS) {
            let columns = bbox.left + left * bbox.width..bbox.left + right * bbox.width;
            let rows = bbox.top + top * bbox.height..bbox.top + bottom * bbox.height;
            let (mut counts, mut seen) = ([0u32; BINS], 0);
            for y in places(rows, frame.rows()) {
                let row: &[Vec3b] = frame.at_row(y)?;
                for x in places(columns.clone(), frame.cols()) {
                    let place = (x as f32, y as f32);
                    if !in_front.iter().any(|bbox| bbox.contains(place)) {
                        counts[bin(row[x as usize])] += 1;
                        seen += 1;
                    }
                }
            }
            *part = (seen >= VISIBLE).then(|| shares(&counts, seen));
        }
        Ok(Self { parts })
    }

    /// The Bhattacharyya coefficient with another, mean over the parts that are known of both: 1
    /// for the same colours, 0 for none in common.
    pub fn similarity(&self, other: &Self) -> f32 {
        let known = self.parts.iter().zip(&other.parts).filter_map(|(a, b)| a.zip(*b));
        let (sum, number) = known.fold((0.0, 0u8), |(sum, number), (a, b)| {
            let coefficient: f32 = a.iter().zip(&b).map(|(a, b)| (a * b).sqrt()).sum();
            (sum + coefficient.min(1.0), number + 1)
        });
        if number == 0 { UNKNOWN } else { sum / f32::from(number) }
    }

    /// Takes a little of a newer one in.
    pub fn blend(&mut self, newer: &Self) {
        for (old, new) in self.parts.iter_mut().zip(&newer.parts) {
            match (old, new) {
                (Some(old), Some(new)) => {
                    for (old, new) in old.iter_mut().zip(new) {
                        *old = INERTIA * *old + (1.0 - INERTIA) * new;
                    }
                }
                (old @ None, new) => *old = *new,
                (Some(_), None) => {}
            }
        }
    }
}

/// At most [`GRID`] evenly spread pixels of a span, within the frame.
fn places(span: std::ops::Range<f32>, length: i32) -> impl Iterator<Item = i32> {
    let from = (span.start.max(0.0) as i32).min(length);
    let to = (span.end.ceil().max(0.0) as i32).min(length);
    let step = ((to - from).max(0) as usize).div_ceil(GRID).max(1);
    (from..to).step_by(step)
}

/// The bin of a colour, by its hue, saturation and value.
fn bin(pixel: Vec3b) -> usize {
    let [blue, green, red] = pixel.0.map(u32::from);
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let range = most - least;
    let saturation = (255 * range).checked_div(most).unwrap_or(0);
    if saturation <= COLOURFUL {
        return HUES * SATURATIONS + most as usize * GREYS / 256;
    }
    let share = |a: u32, b: u32| (a as f32 - b as f32) / range as f32;
    // Sixths of the circle, red at 0.
    let sixths = if most == red {
        share(green, blue).rem_euclid(6.0)
    } else if most == green {
        2.0 + share(blue, red)
    } else {
        4.0 + share(red, green)
    };
    let hue = ((sixths / 6.0 * HUES as f32) as usize).min(HUES - 1);
    let strong = usize::from(saturation > (COLOURFUL + 255) / 2);
    hue * SATURATIONS + strong
}

/// Counts as shares with the sum 1.
fn shares(counts: &[u32; BINS], sum: u32) -> [f32; BINS] {
    let whole = 1.0 + PRIOR * BINS as f32;
    counts.map(|count| (count as f32 / sum.max(1) as f32 + PRIOR) / whole)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use opencv::{core::Scalar, imgproc};

    use super::*;

    /// Grey, with a person of these colours (BGR) at 100–130, 50–130.
    fn frame(torso: [f64; 3], legs: [f64; 3]) -> Mat {
        let mut frame =
            Mat::new_rows_cols_with_default(200, 300, CV_8UC3, Scalar::all(120.0)).unwrap();
        for (top, [b, g, r]) in [(50, torso), (90, legs)] {
            let part = opencv::core::Rect::new(100, top, 30, 40);
            let colour = Scalar::new(b, g, r, 0.0);
            imgproc::rectangle(&mut frame, part, colour, -1, imgproc::LINE_8, 0).unwrap();
        }
        frame
    }

    fn of(torso: [f64; 3], legs: [f64; 3]) -> Appearance {
        let bbox = BoundingBox { left: 100.0, top: 50.0, width: 30.0, height: 80.0 };
        Appearance::of(&frame(torso, legs), &bbox, &[]).unwrap()
    }

    const RED: [f64; 3] = [10.0, 10.0, 200.0];
    const BLUE: [f64; 3] = [200.0, 30.0, 10.0];
    const BLACK: [f64; 3] = [15.0, 15.0, 15.0];

    #[test]
    fn the_same_clothes_are_alike_and_others_are_not() {
        let person = of(RED, BLACK);
        assert!((person.similarity(&person) - 1.0).abs() < 1e-5);
        let half = person.similarity(&of(BLUE, BLACK));
        let none = person.similarity(&of(BLUE, RED));
        assert!(none < half && half < 0.8, "{none} {half}");
        // Torso and legs are told apart.
        assert!(person.similarity(&of(BLACK, RED)) < half);
    }

    #[test]
    fn it_follows_slowly() {
        let mut person = of(RED, BLACK);
        let new = of(BLUE, BLACK);
        let before = person.similarity(&new);
        person.blend(&new);
        let once = person.similarity(&new);
        (0..50).for_each(|_| person.blend(&new));
        assert!(before < once && once < 0.9 && person.similarity(&new) > 0.99);
    }

    #[test]
    fn what_is_hidden_is_left_out() {
        let person = of(RED, BLACK);
        // Somebody in blue stands before the legs and a half of the torso.
        let mut frame = frame(RED, BLACK);
        let front = opencv::core::Rect::new(95, 70, 60, 80);
        let blue = Scalar::new(BLUE[0], BLUE[1], BLUE[2], 0.0);
        imgproc::rectangle(&mut frame, front, blue, -1, imgproc::LINE_8, 0).unwrap();
        let bbox = BoundingBox { left: 100.0, top: 50.0, width: 30.0, height: 80.0 };
        let in_front = BoundingBox { left: 95.0, top: 70.0, width: 60.0, height: 80.0 };
        let hidden = Appearance::of(&frame, &bbox, &[in_front]).unwrap();
        assert!(hidden.parts[0].is_some() && hidden.parts[1].is_none());
        assert!(person.similarity(&hidden) > 0.99);
        assert!(person.similarity(&Appearance::of(&frame, &bbox, &[]).unwrap()) < 0.7);
        // What was not known is learnt when it is seen.
        let mut known = hidden;
        known.blend(&person);
        assert_eq!(known.parts[1], person.parts[1]);
    }

    #[test]
    fn any_box_will_do() {
        let frame = frame(RED, BLUE);
        for (left, top, width, height) in
            [(-500.0, -500.0, 10.0, 10.0), (0.0, 0.0, 1e6, 1e6), (9.0, 9.0, 0.0, 0.0)]
        {
            let bbox = BoundingBox { left, top, width, height };
            let appearance = Appearance::of(&frame, &bbox, &[]).unwrap();
            for part in appearance.parts.iter().flatten() {
                assert!((part.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            }
            assert!((0.0..=1.0).contains(&appearance.similarity(&of(RED, BLUE))));
        }
        let bbox = BoundingBox::from_corners(0.0, 0.0, 1.0, 1.0);
        assert!(Appearance::of(&Mat::default(), &bbox, &[]).is_err());
    }
}
