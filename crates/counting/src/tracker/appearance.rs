//! What a person wears, in a few numbers: colour histograms of torso and legs.
//!
//! Compared by the Bhattacharyya coefficient, as in colour-based tracking since Comaniciu et al.,
//! "Kernel-based object tracking" (2003).

use crate::{geometry::BoundingBox, image::BgrImage};

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
/// Similarity of two people when no part of both is visible.
const UNKNOWN: f32 = 0.75;

/// The colours of a person, as far as they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Appearance {
    /// One histogram a part, each with the sum 1.
    parts: [Option<[f32; BINS]>; PARTS.len()],
}

impl Appearance {
    /// The colours within a box of a picture. What lies outside the picture or in the boxes of people
    /// in front is left out.
    pub fn of(image: BgrImage, bbox: &BoundingBox, in_front: &[BoundingBox]) -> Self {
        let mut parts = [None; PARTS.len()];
        for (part, [left, right, top, bottom]) in parts.iter_mut().zip(PARTS) {
            let columns = bbox.left + left * bbox.width..bbox.left + right * bbox.width;
            let rows = bbox.top + top * bbox.height..bbox.top + bottom * bbox.height;
            let (mut counts, mut seen) = ([0u32; BINS], 0);
            for y in places(rows, image.height()) {
                let row = image.row(y);
                for x in places(columns.clone(), image.width()) {
                    let place = (x as f32, y as f32);
                    if !in_front.iter().any(|bbox| bbox.contains(place)) {
                        counts[bin(row[x])] += 1;
                        seen += 1;
                    }
                }
            }
            *part = (seen >= VISIBLE).then(|| shares(&counts, seen));
        }
        Self { parts }
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
fn places(span: std::ops::Range<f32>, length: usize) -> impl Iterator<Item = usize> {
    let from = (span.start.max(0.0) as usize).min(length);
    let to = (span.end.ceil().max(0.0) as usize).min(length);
    let step = to.saturating_sub(from).div_ceil(GRID).max(1);
    (from..to).step_by(step)
}

/// The bin of a colour, by its hue, saturation and value.
fn bin(pixel: [u8; 3]) -> usize {
    let [blue, green, red] = pixel.map(u32::from);
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
mod tests {
    use super::*;
    use crate::image::BgrBuffer;

    const PERSON: BoundingBox = BoundingBox { left: 100.0, top: 50.0, width: 30.0, height: 80.0 };

    /// Grey, with a person of these colours (BGR) at 100–130, 50–130.
    fn frame(torso: [u8; 3], legs: [u8; 3]) -> BgrBuffer {
        let mut frame = BgrBuffer::filled(300, 200, [120; 3]);
        for (top, colour) in [(50.0, torso), (90.0, legs)] {
            frame.fill(&BoundingBox { top, height: 40.0, ..PERSON }, colour);
        }
        frame
    }

    fn of(torso: [u8; 3], legs: [u8; 3]) -> Appearance {
        Appearance::of(frame(torso, legs).image(), &PERSON, &[])
    }

    const RED: [u8; 3] = [10, 10, 200];
    const BLUE: [u8; 3] = [200, 30, 10];
    const BLACK: [u8; 3] = [15, 15, 15];

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
        let in_front = BoundingBox { left: 95.0, top: 70.0, width: 60.0, height: 80.0 };
        frame.fill(&in_front, BLUE);
        let hidden = Appearance::of(frame.image(), &PERSON, &[in_front]);
        assert!(hidden.parts[0].is_some() && hidden.parts[1].is_none());
        assert!(person.similarity(&hidden) > 0.99);
        assert!(person.similarity(&Appearance::of(frame.image(), &PERSON, &[])) < 0.7);
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
            let appearance = Appearance::of(frame.image(), &bbox, &[]);
            for part in appearance.parts.iter().flatten() {
                assert!((part.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            }
            assert!((0.0..=1.0).contains(&appearance.similarity(&of(RED, BLUE))));
        }
        let bbox = BoundingBox::from_corners(0.0, 0.0, 1.0, 1.0);
        let nothing = Appearance::of(BgrBuffer::filled(0, 0, RED).image(), &bbox, &[]);
        assert!(nothing.parts.iter().all(Option::is_none));
    }
}
