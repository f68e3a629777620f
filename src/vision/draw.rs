//! Draws people, lines, zones and counts into a picture.

use becamera_counting::{scene::SceneTotals, track::TrackedPerson};
use becamera_domain::{Line, Point, Scene, Zone, ZoneKind};
use opencv::{
    core::{Mat, Point as Place, Rect, Scalar, Size, Vector, add_weighted},
    imgproc::{
        FILLED, FONT_HERSHEY_SIMPLEX, LINE_8, LINE_AA, arrowed_line, fill_poly, get_text_size,
        line, polylines, put_text, rectangle,
    },
    prelude::*,
};

/// What is drawn; everything except the people is optional.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overlay<'a> {
    /// Boxes with numbers; predicted ones are thin.
    pub people: &'a [TrackedPerson],
    /// Lines and zones.
    pub scene: Option<&'a Scene>,
    /// What was counted; without it lines and zones are labelled with their ids alone.
    pub totals: Option<&'a SceneTotals>,
    /// Whether the number of people stands in the upper left corner.
    pub count: bool,
}

/// Colours, blue first.
const WHITE: Colour = [255.0, 255.0, 255.0];
const BLACK: Colour = [0.0, 0.0, 0.0];
const LINE: Colour = [0.0, 220.0, 255.0];
const ZONE: Colour = [255.0, 160.0, 0.0];
const MASK: Colour = [90.0, 90.0, 90.0];
/// Colours of people, by their track's number: far apart in hue.
const PEOPLE: [Colour; 8] = [
    [80.0, 220.0, 60.0],
    [240.0, 130.0, 40.0],
    [60.0, 60.0, 240.0],
    [230.0, 60.0, 220.0],
    [40.0, 180.0, 250.0],
    [210.0, 210.0, 30.0],
    [140.0, 80.0, 140.0],
    [120.0, 200.0, 160.0],
];
/// Opacity of a zone's colour, 0 to 1.
const TINT: f64 = 0.2;

type Colour = [f64; 3];

/// Draws into an 8-bit BGR picture. Strokes and letters grow with the picture.
///
/// # Errors
/// When OpenCV can't draw into the picture.
pub fn draw(frame: &mut Mat, overlay: &Overlay<'_>) -> opencv::Result<()> {
    let mut canvas = Canvas::of(frame);
    if let Some(scene) = overlay.scene {
        for zone in &scene.zones {
            let people = overlay.totals.and_then(|totals| find(&totals.occupancy, &zone.id));
            canvas.zone(zone, people)?;
        }
        for line in &scene.lines {
            let crossed = overlay.totals.and_then(|totals| find(&totals.crossings, &line.id));
            canvas.line(line, crossed)?;
        }
    }
    for person in overlay.people {
        canvas.person(person)?;
    }
    if overlay.count {
        let text = format!("people: {}", overlay.people.len());
        let at = Place::new(canvas.stroke * 4, canvas.stroke * 4);
        canvas.label(&text, at, BLACK, WHITE)?;
    }
    Ok(())
}

fn find<'a, K: PartialEq, V>(all: &'a [(K, V)], key: &K) -> Option<&'a V> {
    all.iter().find(|(other, _)| other == key).map(|(_, value)| value)
}

struct Canvas<'a> {
    frame: &'a mut Mat,
    size: (i32, i32),
    stroke: i32,
    letters: f64,
}

impl<'a> Canvas<'a> {
    fn of(frame: &'a mut Mat) -> Self {
        let size = (frame.cols(), frame.rows());
        let scale = f64::from(size.0.max(size.1)) / 768.0;
        let stroke = (scale * 2.0).round().max(1.0) as i32;
        Self { frame, size, stroke, letters: (0.5 * scale).max(0.3) }
    }

    fn person(&mut self, person: &TrackedPerson) -> opencv::Result<()> {
        let clipped = person.bbox.clipped(self.size.0 as f32, self.size.1 as f32);
        if !clipped.is_finite() || clipped.area() <= 0.0 {
            return Ok(());
        }
        let colour = PEOPLE[(person.id.0 % PEOPLE.len() as u64) as usize];
        let (left, top) = (clipped.left.round() as i32, clipped.top.round() as i32);
        let bbox =
            Rect::new(left, top, clipped.width.round() as i32, clipped.height.round() as i32);
        let stroke = if person.seen { self.stroke } else { (self.stroke / 2).max(1) };
        rectangle(self.frame, bbox, scalar(colour), stroke, LINE_8, 0)?;
        // Above the head, where there is room.
        let above = Place::new(left, top - self.label_size("0")?.height - stroke);
        self.label(&person.id.0.to_string(), above, colour, BLACK)
    }

    /// A line with an arrow in its first direction, and its crossings in both directions.
    fn line(&mut self, drawn: &Line, crossed: Option<&[u64; 2]>) -> opencv::Result<()> {
        let (from, to) = (self.place(&drawn.from), self.place(&drawn.to));
        line(self.frame, from, to, scalar(LINE), self.stroke, LINE_AA, 0)?;
        let middle = Place::new((from.x + to.x) / 2, (from.y + to.y) / 2);
        let (dx, dy) = (f64::from(to.x - from.x), f64::from(to.y - from.y));
        let length = dx.hypot(dy).max(1.0);
        let reach = f64::from(self.stroke) * 12.0;
        let right = Place::new((-dy / length * reach) as i32, (dx / length * reach) as i32);
        let tip = middle + right;
        arrowed_line(self.frame, middle, tip, scalar(LINE), self.stroke, LINE_AA, 0, 0.4)?;
        let text = match crossed {
            Some([inwards, outwards]) => format!("{} {inwards}/{outwards}", drawn.id),
            None => drawn.id.to_string(),
        };
        self.label(&text, from, LINE, BLACK)
    }

    fn zone(&mut self, zone: &Zone, people: Option<&u32>) -> opencv::Result<()> {
        let corners: Vector<Place> = zone.polygon.iter().map(|corner| self.place(corner)).collect();
        let Ok(first) = corners.get(0) else { return Ok(()) };
        let polygons = Vector::<Vector<Place>>::from_iter([corners]);
        let colour = if zone.kind == ZoneKind::Exclude { MASK } else { ZONE };
        let mut tinted = self.frame.clone();
        fill_poly(&mut tinted, &polygons, scalar(colour), LINE_8, 0, Place::default())?;
        let mut mixed = Mat::default();
        add_weighted(&tinted, TINT, self.frame, 1.0 - TINT, 0.0, &mut mixed, -1)?;
        mixed.copy_to(self.frame)?;
        polylines(self.frame, &polygons, true, scalar(colour), self.stroke, LINE_AA, 0)?;
        let text = match people {
            Some(people) => format!("{} {people}", zone.id),
            None => zone.id.to_string(),
        };
        self.label(&text, first, colour, BLACK)
    }

    /// Text on a filled ground with its upper left corner at this place, moved into the picture.
    fn label(&mut self, text: &str, at: Place, ground: Colour, ink: Colour) -> opencv::Result<()> {
        let Size { width, height } = self.label_size(text)?;
        let (room, letters, weight) = (self.stroke * 2, self.letters, self.weight());
        let left = at.x.min(self.size.0 - width).max(0);
        let top = at.y.min(self.size.1 - height).max(0);
        let area = Rect::new(left, top, width, height);
        rectangle(self.frame, area, scalar(ground), FILLED, LINE_8, 0)?;
        let origin = Place::new(left + room, top + height - 2 * room);
        let ink = scalar(ink);
        put_text(
            self.frame,
            text,
            origin,
            FONT_HERSHEY_SIMPLEX,
            letters,
            ink,
            weight,
            LINE_AA,
            false,
        )
    }

    fn label_size(&self, text: &str) -> opencv::Result<Size> {
        let (room, weight) = (self.stroke * 2, self.weight());
        let mut below = 0;
        let size = get_text_size(text, FONT_HERSHEY_SIMPLEX, self.letters, weight, &mut below)?;
        Ok(Size::new(size.width + 2 * room, size.height + 3 * room))
    }

    fn weight(&self) -> i32 {
        (self.stroke / 2).max(1)
    }

    fn place(&self, point: &Point) -> Place {
        let at = |share: f64, size: i32| {
            (share.clamp(0.0, 1.0) * f64::from((size - 1).max(0))).round() as i32
        };
        Place::new(at(point.x, self.size.0), at(point.y, self.size.1))
    }
}

fn scalar([blue, green, red]: Colour) -> Scalar {
    Scalar::new(blue, green, red, 255.0)
}

#[cfg(test)]
mod tests {
    use becamera_counting::{geometry::BoundingBox, track::TrackId};
    use opencv::core::{CV_8UC3, Vec3b};

    use super::*;

    fn black() -> Mat {
        Mat::new_rows_cols_with_default(300, 400, CV_8UC3, Scalar::all(0.0)).unwrap()
    }

    fn is_drawn(frame: &Mat, x: i32, y: i32) -> bool {
        *frame.at_2d::<Vec3b>(y, x).unwrap() != Vec3b::default()
    }

    fn person(left: f32, top: f32) -> TrackedPerson {
        let bbox = BoundingBox { left, top, width: 50.0, height: 100.0 };
        TrackedPerson { id: TrackId(3), bbox, confidence: 0.9, seen: true }
    }

    #[test]
    fn people_and_scene_are_drawn_where_they_are() {
        let scene: Scene = serde_json::from_value(serde_json::json!({
            "lines": [{"id": "door", "from": [0.1, 0.9], "to": [0.9, 0.9]}],
            "zones": [{"id": "hall", "polygon": [[0.5, 0.1], [0.9, 0.1], [0.9, 0.5], [0.5, 0.5]]}],
        }))
        .unwrap();
        let mut frame = black();
        draw(&mut frame, &Overlay::default()).unwrap();
        assert_eq!(opencv::core::count_non_zero(&frame.reshape(1, 0).unwrap()).unwrap(), 0);
        let people = [person(60.0, 120.0)];
        let overlay = Overlay { people: &people, scene: Some(&scene), ..Overlay::default() };
        draw(&mut frame, &overlay).unwrap();
        assert!(is_drawn(&frame, 85, 219), "the box's lower edge");
        assert!(!is_drawn(&frame, 85, 180), "inside the box");
        assert!(is_drawn(&frame, 300, 269), "the line");
        assert!(is_drawn(&frame, 300, 100), "the zone");
        assert!(!is_drawn(&frame, 20, 20), "no count was asked for");
        let drawn =
            |frame: &Mat| opencv::core::count_non_zero(&frame.reshape(1, 0).unwrap()).unwrap();
        let names_alone = drawn(&frame);
        let mut totals = SceneTotals::new(&scene);
        totals.occupancy.push(("hall".parse().unwrap(), 2));
        draw(&mut frame, &Overlay { totals: Some(&totals), ..overlay }).unwrap();
        assert!(drawn(&frame) > names_alone, "counts make labels wider");
        draw(&mut frame, &Overlay { count: true, ..overlay }).unwrap();
        assert!(is_drawn(&frame, 10, 10));
    }

    #[test]
    fn odd_boxes_and_tiny_pictures_are_no_failure() {
        let mut people = [
            (f32::NAN, 0.0),
            (f32::INFINITY, 10.0),
            (f32::MAX, f32::MIN),
            (-1e9, -1e9),
            (1e9, 1e9),
        ]
        .map(|(left, top)| person(left, top));
        people[0].id = TrackId(u64::MAX);
        for (rows, cols) in [(1, 1), (2, 300), (300, 400)] {
            let mut frame =
                Mat::new_rows_cols_with_default(rows, cols, CV_8UC3, Scalar::all(0.0)).unwrap();
            let overlay = Overlay { people: &people, count: true, ..Overlay::default() };
            draw(&mut frame, &overlay).unwrap();
            assert_eq!((frame.rows(), frame.cols()), (rows, cols));
        }
    }
}
