//! The parts of a frame in which the detector runs, and how large the network sees them.
//!
//! A [`Canvas`] is a frame at the network's scale; a [`View`] is a part of it.

use becamera_domain::FrameSize;

use crate::geometry::BoundingBox;

/// Sides of the network's input are multiples of this many pixels, those of a part of a frame of
/// twice that.
pub const GRAIN: u32 = 32;
const PART_GRAIN: u32 = 2 * GRAIN;
/// Shortest side of a part, in network pixels: a smaller one holds too little context.
const SHORTEST: u32 = 256;
/// Most parts of a frame.
const MOST_PARTS: usize = 2;
/// With more boxes than this the whole frame is scanned.
const MOST_BOXES: usize = 48;
/// Cost of a part besides its area, in network pixels.
const OVERHEAD: f32 = 8_000.0;
/// A part of more network pixels is scanned in columns, one after the other: the memory that the
/// network takes grows with its input.
const MOST_PIXELS: f32 = 264_000.0;
/// Width that neighbouring columns share, in network pixels, so that every person is wholly in one
/// of them.
const OVERLAP: f32 = 128.0;

/// A part of a frame, and the size at which the network sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Left edge, in pixels of the frame.
    pub left: u32,
    /// Top edge, in pixels of the frame.
    pub top: u32,
    /// Width, in pixels of the frame; at least 1.
    pub width: u32,
    /// Height, in pixels of the frame; at least 1.
    pub height: u32,
    /// The network's input, to which the part is resized.
    pub input: FrameSize,
}

impl View {
    /// A whole frame, resized to an input of this size.
    pub fn whole(frame: FrameSize, input: FrameSize) -> Self {
        Self { left: 0, top: 0, width: frame.width, height: frame.height, input }
    }

    /// Converts a box from pixels of the network's input to pixels of the frame, clipped to the view.
    pub fn to_frame(&self, bbox: &BoundingBox) -> BoundingBox {
        let (input_width, input_height) = (self.input.width as f32, self.input.height as f32);
        let (x, y) = (self.width as f32 / input_width, self.height as f32 / input_height);
        let bbox = bbox.clipped(input_width, input_height).scaled(x, y);
        let (left, top) = (bbox.left + self.left as f32, bbox.top + self.top as f32);
        BoundingBox { left, top, ..bbox }
    }

    /// Pixels of the network's input.
    pub fn pixels(&self) -> u32 {
        self.input.width * self.input.height
    }

    /// The part of the frame, in pixels of the frame.
    pub fn bbox(&self) -> BoundingBox {
        BoundingBox {
            left: self.left as f32,
            top: self.top as f32,
            width: self.width as f32,
            height: self.height as f32,
        }
    }
}

/// A frame at the scale at which the network sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Canvas {
    frame: FrameSize,
    size: FrameSize,
}

impl Canvas {
    /// A frame of this size at a scale (network pixels per pixel of the frame), or at a smaller one
    /// where that gives more than `most_pixels`. Each side is rounded to a multiple of [`GRAIN`], so
    /// that the proportions stay almost the same.
    pub fn new(frame: FrameSize, scale: f32, most_pixels: u32) -> Self {
        let frame = FrameSize::new(frame.width.max(1), frame.height.max(1));
        let pixels = frame.width as f32 * frame.height as f32;
        let scale = scale.min((most_pixels as f32 / pixels).sqrt());
        let side = |length: u32| {
            let grains = (length as f32 * scale / GRAIN as f32).round();
            GRAIN * (grains as u32).max(1)
        };
        Self { frame, size: FrameSize::new(side(frame.width), side(frame.height)) }
    }

    /// Network pixels per pixel of the frame, measured along its height.
    pub fn scale(&self) -> f32 {
        self.size.height as f32 / self.frame.height as f32
    }

    /// One view of the whole frame.
    pub fn whole(&self) -> View {
        View::whole(self.frame, self.size)
    }

    /// Views that together show the whole frame, in as many columns as the network's memory asks
    /// for; at least one.
    pub fn columns(&self) -> Vec<View> {
        self.columns_of(&self.bbox()).collect()
    }

    /// Views that cover all of these boxes, which are in pixels of the frame. They are those of at
    /// most two parts, which may overlap: boxes are joined in pairs, first the pair that saves most
    /// of the network's work or costs least.
    pub fn parts(&self, boxes: &[BoundingBox]) -> Vec<View> {
        let (x, y) = self.stretch();
        let BoundingBox { width, height, .. } = self.bbox();
        let mut parts: Vec<BoundingBox> = boxes
            .iter()
            .filter(|bbox| bbox.is_finite())
            .map(|bbox| bbox.scaled(x, y).clipped(width, height))
            .filter(|bbox| bbox.area() > 0.0)
            .collect();
        if parts.len() > MOST_BOXES {
            return self.columns();
        }
        while parts.len() > 1 {
            let Some((a, b, saved)) = self.best_pair(&parts) else { break };
            if saved <= 0.0 && parts.len() <= MOST_PARTS {
                break;
            }
            let other = parts.swap_remove(b);
            parts[a] = parts[a].union(&other);
        }
        if parts.iter().map(|part| self.cost(part)).sum::<f32>() >= self.cost(&self.bbox()) {
            return self.columns();
        }
        parts.iter().flat_map(|part| self.columns_of(part)).collect()
    }

    /// The whole frame, in network pixels.
    fn bbox(&self) -> BoundingBox {
        let (width, height) = (self.size.width as f32, self.size.height as f32);
        BoundingBox { left: 0.0, top: 0.0, width, height }
    }

    /// The views of a part given in network pixels: one column, or several that overlap.
    fn columns_of(&self, part: &BoundingBox) -> impl Iterator<Item = View> + '_ {
        let width = snapped(part.width, self.size.width) as f32;
        let height = snapped(part.height, self.size.height) as f32;
        // Columns narrower than the narrowest part would be widened, and overlap more.
        let most = (width / SHORTEST as f32).max(1.0);
        let count = (width * height / MOST_PIXELS).ceil().min(most.floor());
        let column = (part.width + OVERLAP * (count - 1.0)) / count;
        let part = *part;
        (0..count as u32).map(move |at| {
            let left = part.left + at as f32 * (column - OVERLAP);
            self.view(&BoundingBox { left, width: column, ..part })
        })
    }

    fn stretch(&self) -> (f32, f32) {
        let Self { frame, size } = self;
        (size.width as f32 / frame.width as f32, size.height as f32 / frame.height as f32)
    }

    /// The pair `a < b` whose union saves most, and the network pixels saved (negative: lost).
    fn best_pair(&self, parts: &[BoundingBox]) -> Option<(usize, usize, f32)> {
        let costs: Vec<f32> = parts.iter().map(|part| self.cost(part)).collect();
        let pairs = (0..parts.len()).flat_map(|a| (a + 1..parts.len()).map(move |b| (a, b)));
        pairs
            .map(|(a, b)| (a, b, costs[a] + costs[b] - self.cost(&parts[a].union(&parts[b]))))
            .max_by(|x, y| x.2.total_cmp(&y.2))
    }

    fn cost(&self, part: &BoundingBox) -> f32 {
        let width = snapped(part.width, self.size.width);
        let height = snapped(part.height, self.size.height);
        width as f32 * height as f32 + OVERHEAD
    }

    /// The view of a part given in network pixels: grown to a size that the network takes, around
    /// its centre, within the frame.
    fn view(&self, part: &BoundingBox) -> View {
        let axis = |start: f32, length: f32, whole: u32, frame: u32| {
            let input = snapped(length, whole);
            let start = (start - (input as f32 - length) / 2.0).clamp(0.0, (whole - input) as f32);
            let stretch = frame as f32 / whole as f32;
            // Whole pixels of the frame: boxes are mapped back by what was really cut out.
            let from = ((start * stretch).round() as u32).min(frame - 1);
            let to = (((start + input as f32) * stretch).round() as u32).clamp(from + 1, frame);
            (from, to - from, input)
        };
        let (left, width, columns) = axis(part.left, part.width, self.size.width, self.frame.width);
        let (top, height, rows) = axis(part.top, part.height, self.size.height, self.frame.height);
        View { left, top, width, height, input: FrameSize::new(columns, rows) }
    }
}

/// The next length that the network takes, or `whole` where that is shorter.
fn snapped(length: f32, whole: u32) -> u32 {
    let snapped = (length.ceil() as u32).next_multiple_of(PART_GRAIN);
    snapped.max(SHORTEST).min(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bbox(left: f32, top: f32, width: f32, height: f32) -> BoundingBox {
        BoundingBox { left, top, width, height }
    }

    fn size(width: u32, height: u32) -> FrameSize {
        FrameSize::new(width, height)
    }

    #[test]
    fn a_canvas_keeps_proportions_and_bounds() {
        let canvas = Canvas::new(size(1920, 1080), 0.5, u32::MAX);
        assert_eq!(canvas.whole(), View::whole(size(1920, 1080), size(960, 544)));
        let bounded = Canvas::new(size(3840, 2160), 1.0, 640 * 360);
        assert_eq!(bounded.whole(), View::whole(size(3840, 2160), size(640, 352)));
        let tiny = size(5, 5);
        assert_eq!(Canvas::new(tiny, 0.1, 9).whole(), View::whole(tiny, size(32, 32)));
    }

    #[test]
    fn a_large_frame_is_scanned_in_columns_that_overlap() {
        let columns = Canvas::new(size(1536, 1152), 0.5, u32::MAX).columns();
        let column = |left| View { left, top: 0, width: 896, height: 1152, input: size(448, 576) };
        assert_eq!(columns, [column(0), column(640)]);
        let small = Canvas::new(size(640, 480), 0.8, u32::MAX);
        assert_eq!(small.columns(), [small.whole()]);
    }

    #[test]
    fn one_person_is_one_small_part_around_that_person() {
        let canvas = Canvas::new(size(768, 576), 1.0, u32::MAX);
        let parts = canvas.parts(&[bbox(300.0, 200.0, 40.0, 90.0)]);
        let [left, top] = [192, 117];
        let side = SHORTEST;
        let expected = View { left, top, width: side, height: side, input: size(side, side) };
        assert_eq!(parts, [expected]);
        let corner = canvas.parts(&[bbox(760.0, 570.0, 40.0, 90.0)]);
        assert_eq!((corner[0].left, corner[0].top), (768 - SHORTEST, 576 - SHORTEST));
        assert!(canvas.parts(&[]).is_empty());
    }

    #[test]
    fn people_close_together_share_a_part_and_there_are_two_at_most() {
        let canvas = Canvas::new(size(768, 576), 1.0, u32::MAX);
        let person = |left, top| bbox(left, top, 40.0, 90.0);
        assert_eq!(canvas.parts(&[person(100.0, 100.0), person(150.0, 120.0)]).len(), 1);
        assert_eq!(canvas.parts(&[person(10.0, 10.0), person(700.0, 450.0)]).len(), 2);
        let corners = [(10.0, 10.0), (700.0, 450.0), (10.0, 450.0), (700.0, 10.0), (350.0, 250.0)];
        let all: Vec<_> = corners.iter().map(|&(left, top)| person(left, top)).collect();
        assert!(canvas.parts(&all).len() <= 2);
    }

    proptest! {
        #[test]
        fn parts_cover_all_boxes_and_lie_in_the_frame(
            (columns, rows) in (1u32..2000, 1u32..2000), scale in 0.05f32..2.0,
            shares in prop::collection::vec((-0.2f32..1.0, -0.2f32..1.0, 0f32..0.6, 0f32..0.6), 0..12)
        ) {
            let (width, height) = (columns as f32, rows as f32);
            let canvas = Canvas::new(size(columns, rows), scale, 2_000_000);
            let boxes: Vec<_> = shares
                .iter()
                .map(|&(x, y, w, h)| bbox(x * width, y * height, w * width, h * height))
                .collect();
            let parts = canvas.parts(&boxes);
            for part in &parts {
                // The shared width and the rounding of sizes come on top.
                let more = OVERLAP as u32 + PART_GRAIN;
                let most = MOST_PIXELS as u32 + more * part.input.height;
                prop_assert!(part.pixels() <= most || part.input.width < 2 * SHORTEST + more);
                prop_assert!(part.width >= 1 && part.left + part.width <= columns);
                prop_assert!(part.height >= 1 && part.top + part.height <= rows);
                prop_assert!(part.input.width % GRAIN == 0 && part.input.height % GRAIN == 0);
            }
            for bbox in boxes {
                let inside = bbox.clipped(width, height);
                // Parts are cut at whole pixels.
                let slack = 1.01 + 1.0 / scale.min(1.0);
                let covered = |slice: &BoundingBox| parts.iter().any(|part| {
                    let part = part.bbox();
                    part.left <= slice.left + slack && part.right() >= slice.right() - slack
                        && part.top <= slice.top + slack && part.bottom() >= slice.bottom() - slack
                });
                // A box no wider than the shared width is wholly in one column.
                let count = (inside.width * canvas.stretch().0 / OVERLAP).ceil().max(1.0);
                let width = inside.width / count;
                let mut slices = (0..count as u32).map(|n| {
                    BoundingBox { left: inside.left + n as f32 * width, width, ..inside }
                });
                prop_assert!(inside.area() == 0.0 || slices.all(|slice| covered(&slice)),
                    "{inside:?} {parts:?}");
            }
        }

        #[test]
        fn any_numbers_will_do(numbers in prop::collection::vec(any::<[f32; 4]>(), 0..20)) {
            let boxes: Vec<_> = numbers.iter().map(|n| bbox(n[0], n[1], n[2], n[3])).collect();
            let canvas = Canvas::new(size(640, 480), 1.0, 1_000_000);
            prop_assert!(canvas.parts(&boxes).len() <= 2 * canvas.columns().len());
        }
    }
}
