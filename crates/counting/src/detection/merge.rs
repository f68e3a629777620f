//! From what was found in the views of a frame to the people in the frame.

use becamera_domain::FrameSize;

use crate::{
    geometry::{BoundingBox, Detection, non_maximum_suppression},
    regions::View,
};

/// A box this close to the edge of a view inside the frame shows a part of a person, in network
/// pixels.
const CUT_MARGIN: f32 = 4.0;

/// The people in a frame, best score first, from the detections in each of its views, which are in
/// pixels of the frame. Leaves out boxes that the edge of a view cuts off and boxes wider than tall,
/// and of boxes that overlap by an intersection over union of more than `nms_iou` all but the best
/// (NMS).
///
/// ```
/// use becamera_counting::{detection::merge, geometry::{BoundingBox, Detection}, regions::View};
/// use becamera_domain::FrameSize;
///
/// let frame = FrameSize::new(768, 576);
/// let person = |left, score| Detection {
///     bbox: BoundingBox { left, top: 200.0, width: 40.0, height: 90.0 },
///     score,
/// };
/// let found = vec![person(100.0, 0.6), person(102.0, 0.9), person(500.0, 0.8)];
/// let people = merge(vec![(View::whole(frame, frame), found)], frame, 0.45);
/// assert_eq!(people, [person(102.0, 0.9), person(500.0, 0.8)]);
/// ```
pub fn merge(found: Vec<(View, Vec<Detection>)>, frame: FrameSize, nms_iou: f32) -> Vec<Detection> {
    let (width, height) = (frame.width as f32, frame.height as f32);
    let mut people = Vec::new();
    for (view, detections) in found {
        let [least_x, least_y, most_x, most_y] = uncut(&view, width, height);
        people.extend(detections.into_iter().filter(|person| {
            let BoundingBox { left, top, width, height } = person.bbox;
            width > 0.0
                && width < height
                && left >= least_x
                && top >= least_y
                && person.bbox.right() <= most_x
                && person.bbox.bottom() <= most_y
        }));
    }
    non_maximum_suppression(&mut people, nms_iou);
    people
}

/// Left, top, right and bottom of the part of a view in which no box is cut off.
fn uncut(view: &View, width: f32, height: f32) -> [f32; 4] {
    let bbox = view.bbox();
    let x = CUT_MARGIN * view.width as f32 / view.input.width as f32;
    let y = CUT_MARGIN * view.height as f32 / view.input.height as f32;
    // At the frame's own edges people may be cut off: they come and go there.
    let from = |edge: f32, margin: f32| if edge > 0.0 { edge + margin } else { f32::MIN };
    let to = |edge: f32, end: f32, margin: f32| if edge < end { edge - margin } else { f32::MAX };
    [
        from(bbox.left, x),
        from(bbox.top, y),
        to(bbox.right(), width, x),
        to(bbox.bottom(), height, y),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(left: f32, top: f32, width: f32, height: f32, score: f32) -> Detection {
        Detection { bbox: BoundingBox { left, top, width, height }, score }
    }

    const LEFT: View =
        View { left: 0, top: 0, width: 192, height: 192, input: FrameSize::new(192, 192) };
    const RIGHT: View = View { left: 100, ..LEFT };

    fn merged(found: Vec<(View, Vec<Detection>)>) -> Vec<Detection> {
        merge(found, FrameSize::new(500, 192), 0.45)
    }

    #[test]
    fn a_person_cut_off_by_a_view_is_left_out() {
        let cut = person(160.0, 50.0, 30.0, 90.0, 0.5);
        let whole = person(160.0, 50.0, 40.0, 90.0, 0.9);
        assert_eq!(merged(vec![(LEFT, vec![cut]), (RIGHT, vec![whole])]), [whole]);
        assert_eq!(merged(vec![(LEFT, vec![cut])]), []);
        let starts = person(102.0, 50.0, 30.0, 90.0, 0.9);
        assert_eq!(merged(vec![(RIGHT, vec![starts])]), []);
        // At the edge of the frame itself.
        let enters = person(0.0, 110.0, 30.0, 82.0, 0.5);
        assert_eq!(merged(vec![(LEFT, vec![enters])]), [enters]);
    }

    #[test]
    fn a_person_in_two_views_counts_once_and_a_box_wider_than_tall_never() {
        let one = person(120.0, 50.0, 30.0, 90.0, 0.8);
        let again = person(121.0, 52.0, 30.0, 88.0, 0.7);
        let lying = person(10.0, 10.0, 90.0, 30.0, 0.99);
        let merged = merged(vec![(LEFT, vec![again, lying]), (RIGHT, vec![one])]);
        assert_eq!(merged, [one]);
    }
}
